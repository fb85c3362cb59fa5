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
    private var held = HeaderBytes()
    /// The frame whose payload is under way, and how much of it has been handed on.
    private var frame: FrameHeader?
    private var payloadBytesSeen = 0

    /// `side` is ours: a server takes masked frames only, a client unmasked ones only (RFC 6455 §5.1).
    package init(side: Side) { self.side = side }

    /// True between two frames.
    package var isBetweenFrames: Bool { frame == nil && held.count == 0 }

    /// Advances `position` over what is used of `bytes`. Call until `.needsMore`; after a fault never again.
    package mutating func next(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Step {
        if let frame {
            return nextPayload(of: frame, in: bytes, from: &position)
        }
        // Most headers lie in the buffer as a whole and are read as two words. One that does not is collected first.
        if held.count == 0, let header = HeaderBytes(wholeIn: bytes, at: position) {
            position += try header.length(for: side, allowsCompression: allowsCompression)
            return .header(try begin(header))
        }
        while position < bytes.count {
            held.append(bytes[position])
            position += 1
            // Each fault is found by the byte that makes it certain.
            guard held.count >= HeaderBytes.shortest,
                held.count == (try held.length(for: side, allowsCompression: allowsCompression))
            else { continue }
            let header = held
            held = HeaderBytes()
            return .header(try begin(header))
        }
        return .needsMore
    }

    private mutating func begin(_ bytes: HeaderBytes) throws(PeerFault) -> FrameHeader {
        let header = try bytes.header()
        frame = header
        return header
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
}
