/// Base64 with the standard alphabet and padding (RFC 4648 §4). Decoding is strict: line breaks, missing padding and
/// non-zero trailing bits are refused, so that each byte string has exactly one text.
///
/// Both ways go eight characters at a time through tables. Unsafe buffers are not checked in a release, so each loop
/// says why its places lie inside; table places are masked or come from one byte, and tests run with the checks.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: length) { text in
            pairs.withUnsafeBufferPointer { pairs in
                bytes.withUnsafeBytes { encode($0, by: pairs, into: UnsafeMutableRawBufferPointer(text)) }
            }
            return length
        }
    }

    /// The bytes that `text` stands for, or nil if it is not canonical base64.
    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode(UnsafeRawBufferPointer($0)) }
    }

    package static func decode(_ text: [UInt8]) -> [UInt8]? { text.withUnsafeBytes { decode($0) } }

    /// `text` holds 4 characters for each 3 bytes begun, so there is room for a step's characters wherever there are
    /// its bytes.
    private static func encode(
        _ bytes: UnsafeRawBufferPointer, by pairs: UnsafeBufferPointer<UInt16>, into text: UnsafeMutableRawBufferPointer
    ) {
        var (from, to) = (0, 0)
        // Reads eight bytes for the sake of six.
        while bytes.count - from >= 8 {
            let word = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: from, as: UInt64.self))
            let first = UInt64(pairs[Int(word >> 52)]) << 48 | UInt64(pairs[Int(word >> 40 & 4095)]) << 32
            let second = UInt64(pairs[Int(word >> 28 & 4095)]) << 16 | UInt64(pairs[Int(word >> 16 & 4095)])
            text.storeBytes(of: (first | second).bigEndian, toByteOffset: to, as: UInt64.self)
            from += 6
            to += 8
        }
        while from < bytes.count {
            let held = min(3, bytes.count - from)
            let second = held > 1 ? Int(bytes[from + 1]) : 0
            let third = held > 2 ? Int(bytes[from + 2]) : 0
            let group = Int(bytes[from]) << 16 | second << 8 | third
            let characters = UInt32(pairs[group >> 12]) << 16 | UInt32(pairs[group & 4095])
            text.storeBytes(of: characters.bigEndian, toByteOffset: to, as: UInt32.self)
            // RFC 4648 §4: one character for each 6 bits begun, then padding up to four.
            for place in held + 1..<4 { text[to + place] = padding }
            from += 3
            to += 4
        }
    }

    private static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        guard !text.isEmpty else { return [] }
        let missing = text[text.count - 1] != padding ? 0 : text[text.count - 2] != padding ? 1 : 2
        let length = text.count / 4 * 3 - missing
        var isCanonical = false
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
            let room = UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: length)
            isCanonical = shifted.withUnsafeBufferPointer { decode(text, by: $0, into: room, missing: missing) }
            count = isCanonical ? length : 0
        }
        return isCanonical ? bytes : nil
    }

    /// Fills `bytes`, which has room for 3 bytes of each 4 characters but the last `missing`. False if `text` is refused.
    private static func decode(
        _ text: UnsafeRawBufferPointer, by shifted: UnsafeBufferPointer<UInt32>,
        into bytes: UnsafeMutableRawBufferPointer, missing: Int
    ) -> Bool {
        var (from, to) = (0, 0)
        // Writes eight bytes for the sake of six. Where there is room for eight, at least twelve characters are left.
        while bytes.count - to >= 8 {
            let first = group(of: text, at: from, by: shifted)
            let second = group(of: text, at: from + 4, by: shifted)
            guard first | second < refused else { return false }
            let word = UInt64(first) << 40 | UInt64(second) << 16
            bytes.storeBytes(of: word.bigEndian, toByteOffset: to, as: UInt64.self)
            from += 8
            to += 6
        }
        while text.count - from > 4 {
            let group = group(of: text, at: from, by: shifted)
            guard group < refused else { return false }
            for place in 0..<3 { bytes[to + place] = UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * place)) }
            from += 4
            to += 3
        }
        var last: UInt32 = 0
        for place in 0..<4 - missing { last |= shifted[place << 8 | Int(text[from + place])] }
        // RFC 4648 §3.5: bits that belong to no byte must be zero, or one value would have several texts.
        guard last < refused, last & (1 << UInt32(8 * missing) - 1) == 0 else { return false }
        for place in 0..<3 - missing { bytes[to + place] = UInt8(truncatingIfNeeded: last >> UInt32(16 - 8 * place)) }
        return true
    }

    /// The 24 bits of the four characters at `place`; `refused` or more if one of them is not in the alphabet.
    private static func group(
        of text: UnsafeRawBufferPointer, at place: Int, by shifted: UnsafeBufferPointer<UInt32>
    ) -> UInt32 {
        shifted[Int(text[place])] | shifted[256 | Int(text[place + 1])]
            | shifted[512 | Int(text[place + 2])] | shifted[768 | Int(text[place + 3])]
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    /// The two characters of each 12 bits, the first in the upper byte.
    private static let pairs: [UInt16] = (0..<4096).map { bits in
        UInt16(alphabet[bits >> 6]) << 8 | UInt16(alphabet[bits & 63])
    }

    /// A bit above the 24 of a group.
    private static let refused: UInt32 = 1 << 24

    /// The value of each character where it stands in its group: 256 entries for each of the four places.
    private static let shifted: [UInt32] = {
        var shifted = [UInt32](repeating: refused, count: 4 * 256)
        for place in 0..<4 {
            for (value, character) in alphabet.enumerated() {
                shifted[place << 8 | Int(character)] = UInt32(value) << UInt32(18 - 6 * place)
            }
        }
        return shifted
    }()
}
