/// Cuts the byte stream into frame headers and pieces of payload. It holds at most one unfinished header (14 bytes):
/// payload is handed on in place, so any chunking costs the same and nothing is stored that nobody asked for.
package struct FrameDecoder: Sendable {
    package enum Step {
        /// All bytes are used.
        case needsMore
        /// A frame begins; pieces of it follow, the last one with `endsFrame`, also if the payload is empty.
        case header(FrameHeader)
        /// Part of the payload, still masked: `offset` is its distance from the payload's start. The pointer lives as
        /// long as the buffer given to `next`.
        case payload(UnsafeRawBufferPointer, of: FrameHeader, offset: Int, endsFrame: Bool)
    }

    private let side: Side
    /// permessage-deflate was agreed on, so messages may be compressed.
    package var allowsCompression = false
    private var headerBytes = InlineArray<14, UInt8>(repeating: 0)
    private var headerBytesHeld = 0
    private var headerBytesNeeded = FrameDecoder.shortestHeaderBytes
    /// The frame whose payload is under way, and how much of it has been handed on.
    private var frame: FrameHeader?
    private var payloadBytesSeen = 0

    /// RFC 6455 §5.2: flags, opcode, mask bit and the 7-bit length.
    private static let shortestHeaderBytes = 2

    /// `side` is ours: a server takes masked frames only, a client unmasked ones only (RFC 6455 §5.1).
    package init(side: Side) { self.side = side }

    /// True between two frames.
    package var isBetweenFrames: Bool { frame == nil && headerBytesHeld == 0 }

    /// Advances `position` over what is used of `bytes`. Call until `.needsMore`; after a fault never again.
    package mutating func next(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Step {
        if let frame {
            return nextPayload(of: frame, in: bytes, from: &position)
        }
        while position < bytes.count {
            headerBytes[headerBytesHeld] = bytes[position]
            headerBytesHeld += 1
            position += 1
            if headerBytesHeld == FrameDecoder.shortestHeaderBytes {
                headerBytesNeeded = try checkedHeaderBytes()
            }
            if headerBytesHeld == headerBytesNeeded {
                let header = try finishedHeader()
                frame = header
                headerBytesHeld = 0
                headerBytesNeeded = FrameDecoder.shortestHeaderBytes
                return .header(header)
            }
        }
        return .needsMore
    }

    private mutating func nextPayload(
        of frame: FrameHeader, in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) -> Step {
        let wanted = frame.payloadBytes - payloadBytesSeen
        let available = min(wanted, bytes.count - position)
        if available == 0 && wanted > 0 { return .needsMore }
        let piece = UnsafeRawBufferPointer(rebasing: bytes[position..<(position + available)])
        let offset = payloadBytesSeen
        let endsFrame = available == wanted
        position += available
        payloadBytesSeen = endsFrame ? 0 : payloadBytesSeen + available
        if endsFrame { self.frame = nil }
        return .payload(piece, of: frame, offset: offset, endsFrame: endsFrame)
    }

    private var shortLength: UInt8 { headerBytes[1] & 0x7F }
    private var isMasked: Bool { headerBytes[1] & 0x80 != 0 }
    private var isCompressed: Bool { headerBytes[0] & 0x40 != 0 }

    /// Checks the first two bytes as soon as they are there and returns how long the header is.
    private func checkedHeaderBytes() throws(PeerFault) -> Int {
        // RFC 6455 §5.2: reserved bits are zero unless an extension gives them a meaning.
        guard headerBytes[0] & 0x30 == 0, allowsCompression || !isCompressed else { throw .reservedBits }
        guard let opcode = Opcode(rawValue: headerBytes[0] & 0x0F) else { throw .unknownOpcode }
        // RFC 7692 §6: compressed are messages as a whole, so only their first frame says so, and control frames never.
        guard !isCompressed || opcode == .text || opcode == .binary else { throw .compressedNotFirst }
        switch side {
        // RFC 6455 §5.1: each side closes the connection on a frame with the wrong mask bit.
        case .server: guard isMasked else { throw .unmaskedFrame }
        case .client: guard !isMasked else { throw .maskedFrame }
        }
        if opcode.isControl {
            // RFC 6455 §5.5: a control frame carries at most 125 bytes and is never fragmented.
            guard headerBytes[0] & 0x80 != 0 else { throw .fragmentedControlFrame }
            guard shortLength <= FrameHeader.controlPayloadBytesMax else { throw .controlFrameTooLong }
        }
        let lengthBytes =
            switch shortLength {
            case 126: 2
            case 127: 8
            default: 0
            }
        return FrameDecoder.shortestHeaderBytes + lengthBytes + (isMasked ? 4 : 0)
    }

    private func finishedHeader() throws(PeerFault) -> FrameHeader {
        guard let opcode = Opcode(rawValue: headerBytes[0] & 0x0F) else { throw .unknownOpcode }
        let maskStart = headerBytesNeeded - 4
        let key = isMasked ? UInt32(truncatingIfNeeded: integer(in: maskStart..<headerBytesNeeded)) : nil
        return FrameHeader(
            isFinal: headerBytes[0] & 0x80 != 0, isCompressed: isCompressed, opcode: opcode,
            maskingKey: key.map(MaskingKey.init), payloadBytes: try payloadBytes())
    }

    private func payloadBytes() throws(PeerFault) -> Int {
        let length: UInt64
        switch shortLength {
        case 126:
            length = integer(in: 2..<4)
            // RFC 6455 §5.2: the minimal number of bytes must be used. Two spellings of a length are a way around
            // whoever inspects only one.
            guard length >= 126 else { throw .lengthNotMinimal }
        case 127:
            length = integer(in: 2..<10)
            guard length > UInt64(UInt16.max) else { throw .lengthNotMinimal }
        default:
            length = UInt64(shortLength)
        }
        // RFC 6455 §5.2: the most significant bit must be zero; an `Int` cannot hold it either.
        guard let bytes = Int(exactly: length) else { throw .lengthOutOfRange }
        return bytes
    }

    private func integer(in range: Range<Int>) -> UInt64 {
        range.reduce(0) { $0 << 8 | UInt64(headerBytes[$1]) }
    }
}
