/// RFC 6455 §5.2 once more, as plainly as the document says it and without the code under test.
struct ReferenceFrame {
    enum Reading {
        case incomplete
        /// Whatever follows, this is a breach of the protocol (1002).
        case wrong
        case frame(ReferenceFrame)
    }

    let isFinal: Bool
    let isCompressed: Bool
    let opcode: UInt8
    let maskingKey: [UInt8]?
    let headerBytes: Int
    let payloadBytes: Int

    var isControl: Bool { opcode >= 8 }

    /// Reads the header that `bytes` begin with. `isMasked` says whether this direction masks, `mayCompress` whether an
    /// extension gives the first reserved bit a meaning.
    static func read(_ bytes: ArraySlice<UInt8>, isMasked: Bool, mayCompress: Bool = false) -> Reading {
        guard bytes.count >= 2 else { return .incomplete }
        func byte(_ offset: Int) -> UInt8 { bytes[bytes.startIndex + offset] }
        let opcode = byte(0) % 16
        let isFinal = byte(0) >= 128
        let isCompressed = byte(0) & 64 == 64
        guard byte(0) & 48 == 0, [0, 1, 2, 8, 9, 10].contains(opcode) else { return .wrong }
        guard !isCompressed || mayCompress && (opcode == 1 || opcode == 2) else { return .wrong }
        guard isMasked == (byte(1) >= 128) else { return .wrong }
        let short = Int(byte(1) % 128)
        if opcode >= 8 { guard isFinal, short <= 125 else { return .wrong } }
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        let headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0)
        guard bytes.count >= headerBytes else { return .incomplete }
        let length = lengthBytes == 0 ? UInt64(short) : (2..<(2 + lengthBytes)).reduce(0) { $0 << 8 | UInt64(byte($1)) }
        let shortest: UInt64 = lengthBytes == 8 ? 65536 : lengthBytes == 2 ? 126 : 0
        guard length >= shortest, length < 1 << 63 else { return .wrong }
        return .frame(
            ReferenceFrame(
                isFinal: isFinal, isCompressed: isCompressed, opcode: opcode,
                maskingKey: isMasked ? (2 + lengthBytes..<headerBytes).map { byte($0) } : nil, headerBytes: headerBytes,
                payloadBytes: Int(length)))
    }

    /// What stands of the payload behind the header in `bytes`, unmasked.
    func payload(in bytes: ArraySlice<UInt8>) -> [UInt8] {
        unmasked(bytes.dropFirst(headerBytes).prefix(payloadBytes))
    }

    func unmasked(_ payload: some Sequence<UInt8>) -> [UInt8] {
        guard let maskingKey else { return Array(payload) }
        return payload.enumerated().map { $0.element ^ maskingKey[$0.offset % 4] }
    }

    /// A frame in its shortest form; `key` has four bytes, or is nil for a frame that is not masked.
    static func written(_ first: UInt8, _ payload: [UInt8], key: [UInt8]?) -> [UInt8] {
        let mask: UInt8 = key == nil ? 0 : 128
        var bytes = [first]
        if payload.count < 126 {
            bytes.append(mask + UInt8(payload.count))
        } else if payload.count < 65536 {
            bytes += [mask + 126, UInt8(payload.count / 256), UInt8(payload.count % 256)]
        } else {
            bytes.append(mask + 127)
            bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
        }
        guard let key else { return bytes + payload }
        return bytes + key + payload.enumerated().map { $0.element ^ key[$0.offset % 4] }
    }
}

/// UTF-8 as the standard library judges it, which shares nothing with ours.
enum ReferenceText {
    static func isValid(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// Whether something could follow that makes the text valid.
    static func isValidSoFar(_ bytes: [UInt8]) -> Bool {
        if isValid(bytes) { return true }
        // A character that is not done begins at most three bytes before the end.
        guard let lead = bytes.suffix(3).lastIndex(where: { $0 >= 0xC0 }), isValid(Array(bytes[..<lead])) else {
            return false
        }
        return endings.contains { isValid(bytes[lead...] + $0) }
    }

    /// Each lead byte goes on with one of these, if it may stand at all.
    private static let endings: [[UInt8]] = [0x80, 0x90, 0xA0, 0xBF].flatMap { [[$0], [$0, 0x80], [$0, 0x80, 0x80]] }
}
