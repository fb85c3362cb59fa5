/// Escapes inside JSON strings (RFC 8259 §7).
enum JSONText {
    /// How many bytes the escape at `index` takes (for a surrogate pair both halves), or nil if it is not valid.
    static func escapeLength(in bytes: [UInt8], at index: Int) -> Int? {
        guard index + 1 < bytes.count else { return nil }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return 2
        case UInt8(ascii: "u"):
            guard let unit = codeUnit(in: bytes, at: index) else { return nil }
            if UTF16.isTrailSurrogate(unit) { return nil }
            guard UTF16.isLeadSurrogate(unit) else { return 6 }
            guard let second = codeUnit(in: bytes, at: index + 6), UTF16.isTrailSurrogate(second) else { return nil }
            return 12
        default: return nil
        }
    }

    /// The string between the quotation marks. The reader has checked UTF-8 and escapes.
    static func decode(_ bytes: [UInt8], _ range: Range<Int>, hasEscapes: Bool) -> String {
        guard hasEscapes else { return String(decoding: bytes[range], as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\"), let length = escapeLength(in: bytes, at: index) else {
                text.append(bytes[index])
                index += 1
                continue
            }
            append(escapeAt: index, length: length, in: bytes, to: &text)
            index += length
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(escapeAt index: Int, length: Int, in bytes: [UInt8], to text: inout [UInt8]) {
        switch bytes[index + 1] {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let units = length == 12 ? [index, index + 6] : [index]
            text.append(
                contentsOf: String(decoding: units.compactMap { codeUnit(in: bytes, at: $0) }, as: UTF16.self).utf8)
        default: text.append(bytes[index + 1])
        }
    }

    /// The value of `\uXXXX` at `index`, or nil if that is not what stands there.
    private static func codeUnit(in bytes: [UInt8], at index: Int) -> UInt16? {
        guard index + 5 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        var unit: UInt16 = 0
        for byte in bytes[(index + 2)...(index + 5)] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
