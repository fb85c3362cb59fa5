/// UTF-8 that comes byte by byte. Each maximal part of a broken sequence becomes one U+FFFD, as `String` has it
/// (Unicode 15.1 §3.9, "U+FFFD Substitution of Maximal Subparts").
struct ScalarDecoder: Sendable {
    private var value: UInt32 = 0
    /// Continuation bytes still to come, 0...3.
    private var bytesMissing = 0
    /// What the next continuation byte may be (Unicode 15.1, table 3-7).
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    /// Forgets an unfinished sequence; false if there was none.
    mutating func reset() -> Bool {
        defer { bytesMissing = 0 }
        return bytesMissing > 0
    }

    /// The scalars that this byte completes: none, one, or a replacement and one.
    mutating func receive(_ byte: UInt8) -> [Unicode.Scalar] {
        guard bytesMissing > 0 else { return begin(byte) }
        guard allowed.contains(byte) else {
            bytesMissing = 0
            return ["\u{FFFD}"] + begin(byte)
        }
        value = value << 6 | UInt32(byte & 0x3F)
        allowed = 0x80...0xBF
        bytesMissing -= 1
        return bytesMissing == 0 ? [Unicode.Scalar(value) ?? "\u{FFFD}"] : []
    }

    private mutating func begin(_ byte: UInt8) -> [Unicode.Scalar] {
        switch byte {
        case 0..<0x80: return [Unicode.Scalar(byte)]
        case 0xC2...0xDF: expect(1, after: byte & 0x1F, 0x80...0xBF)
        case 0xE0: expect(2, after: 0, 0xA0...0xBF)
        case 0xED: expect(2, after: 0x0D, 0x80...0x9F)
        case 0xE1...0xEF: expect(2, after: byte & 0x0F, 0x80...0xBF)
        case 0xF0: expect(3, after: 0, 0x90...0xBF)
        case 0xF1...0xF3: expect(3, after: byte & 0x07, 0x80...0xBF)
        case 0xF4: expect(3, after: 4, 0x80...0x8F)
        default: return ["\u{FFFD}"]
        }
        return []
    }

    private mutating func expect(_ count: Int, after bits: UInt8, _ allowed: ClosedRange<UInt8>) {
        value = UInt32(bits)
        bytesMissing = count
        self.allowed = allowed
    }
}
