/// The bytes of a frame's header (RFC 6455 §5.2), at most 14, as they stand on the wire: the first is the highest of
/// `high`, the ninth the highest of `low`. What lies behind the header is ignored.
struct HeaderBytes: Sendable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private(set) var count = 0

    /// Flags, opcode, mask bit and the 7-bit length: what tells how long the header is.
    static let shortest = 2

    init() {}

    /// nil if the buffer may end inside the header.
    init?(wholeIn bytes: UnsafeRawBufferPointer, at position: Int) {
        guard bytes.count - position >= 16 else { return nil }
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self))
        count = 16
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

    /// Checks the first two bytes and returns how long the header is.
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
        let lengthBytes =
            switch shortLength {
            case 126: 2
            case 127: 8
            default: 0
            }
        return HeaderBytes.shortest + lengthBytes + (isMasked ? 4 : 0)
    }

    /// The header, when all its bytes are there and `length` has found no fault.
    func header() throws(PeerFault) -> FrameHeader {
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
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
