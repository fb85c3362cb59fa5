/// The bytes of a frame's header (RFC 6455 §5.2), at most 14, as they stand on the wire: the first is the highest of
/// `high`, the ninth the highest of `low`. What lies behind the header is ignored.
struct HeaderBytes: Sendable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private(set) var count = 0

    /// Flags, opcode, mask bit and the 7-bit length: what tells how long the header is.
    static let shortest = 2

    init() {}

    /// What the buffer has of a header at `position`, at most 16 bytes; nil if it is less than `shortest`. The header is
    /// whole if `length` is not beyond `count`.
    @inline(__always)
    init?(in bytes: UnsafeRawBufferPointer, at position: Int) {
        let available = bytes.count - position
        if available >= 16 {
            high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self))
            count = 16
        } else {
            guard available >= HeaderBytes.shortest else { return nil }
            for index in position..<bytes.count { append(bytes[index]) }
        }
    }

    /// Those of `header`, in the shortest form of RFC 6455 §5.2.
    @inline(__always)
    init(_ header: FrameHeader) {
        let first = (header.isFinal ? 0x80 : 0) | (header.isCompressed ? 0x40 : 0) | UInt64(header.opcode.rawValue)
        let maskBit: UInt64 = header.maskingKey == nil ? 0 : 0x80
        let key = header.maskingKey.map { UInt64($0.value) } ?? 0
        let length = UInt64(header.payloadBytes)
        switch length {
        case ...125:
            high = first << 56 | (maskBit | length) << 48 | key << 16
            count = 2
        case ...0xFFFF:
            high = first << 56 | (maskBit | 126) << 48 | length << 32 | key
            count = 4
        default:
            high = first << 56 | (maskBit | 127) << 48 | length >> 16
            low = length << 48 | key << 16
            count = 10
        }
        if header.maskingKey != nil { count += 4 }
    }

    /// `target` has room for them.
    @inline(__always)
    func write(to target: UnsafeMutableRawPointer) {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { bytes in
            if let start = bytes.baseAddress { target.copyMemory(from: start, byteCount: count) }
        }
    }

    mutating func append(_ byte: UInt8) {
        if count < 8 {
            high |= UInt64(byte) << UInt64(56 - 8 * count)
        } else {
            low |= UInt64(byte) << UInt64(120 - 8 * count)
        }
        count += 1
    }

    private var first: UInt8 { UInt8(truncatingIfNeeded: high >> 56) }
    private var isFinal: Bool { first & 0x80 != 0 }
    private var isCompressed: Bool { first & 0x40 != 0 }
    private var isMasked: Bool { high >> 48 & 0x80 != 0 }
    private var shortLength: Int { Int(high >> 48 & 0x7F) }

    /// Text or binary if this begins a message that is one frame without compression, sent to `side`; nil for all else,
    /// good or bad.
    @inline(__always)
    func wholeMessage(for side: Side) -> Opcode? {
        guard isMasked == (side == .server) else { return nil }
        switch first {
        case 0x81: return .text
        case 0x82: return .binary
        default: return nil
        }
    }

    /// How long the header is.
    @inline(__always)
    var length: Int {
        let lengthBytes =
            switch shortLength {
            case 126: 2
            case 127: 8
            default: 0
            }
        return HeaderBytes.shortest + lengthBytes + (isMasked ? 4 : 0)
    }

    /// Checks the first two bytes and returns how long the header is.
    @inline(__always)
    func length(for side: Side, allowsCompression: Bool) throws(PeerFault) -> Int {
        // RFC 6455 §5.2: reserved bits are zero unless an extension gives them a meaning.
        guard first & 0x30 == 0, allowsCompression || !isCompressed else { throw .reservedBits }
        // RFC 6455 §5.2: an opcode that nobody has given a meaning fails the connection.
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
        // RFC 7692 §6: compressed are messages as a whole, so only their first frame says so, and control frames never.
        guard !isCompressed || opcode == .text || opcode == .binary else { throw .compressedNotFirst }
        switch side {
        // RFC 6455 §5.1: each side closes the connection on a frame with the wrong mask bit.
        case .server: guard isMasked else { throw .unmaskedFrame }
        case .client: guard !isMasked else { throw .maskedFrame }
        }
        if opcode.isControl {
            // RFC 6455 §5.5: a control frame carries at most 125 bytes and is never fragmented.
            guard isFinal else { throw .fragmentedControlFrame }
            guard shortLength <= FrameHeader.controlPayloadBytesMax else { throw .controlFrameTooLong }
        }
        return length
    }

    /// The header, when all its bytes are there and `length` has found no fault.
    @inline(__always)
    func header() throws(PeerFault) -> FrameHeader {
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
        return try header(opcode)
    }

    /// The same where the opcode is known already.
    @inline(__always)
    func header(_ opcode: Opcode) throws(PeerFault) -> FrameHeader {
        let length: UInt64
        let key: UInt64
        switch shortLength {
        case 126:
            (length, key) = (high >> 32 & 0xFFFF, high)
            // RFC 6455 §5.2: the minimal number of bytes must be used. Two spellings of a length are a way around
            // whoever inspects only one.
            guard length >= 126 else { throw .lengthNotMinimal }
        case 127:
            (length, key) = (high << 16 | low >> 48, low >> 16)
            guard length > UInt64(UInt16.max) else { throw .lengthNotMinimal }
        default:
            (length, key) = (UInt64(shortLength), high >> 16)
        }
        // RFC 6455 §5.2: the most significant bit must be zero; an `Int` cannot hold it either.
        guard let payloadBytes = Int(exactly: length) else { throw .lengthOutOfRange }
        return FrameHeader(
            isFinal: isFinal, isCompressed: isCompressed, opcode: opcode,
            maskingKey: isMasked ? MaskingKey(UInt32(truncatingIfNeeded: key)) : nil, payloadBytes: payloadBytes)
    }
}
