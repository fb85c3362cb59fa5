/// Base64 with the standard alphabet and padding (RFC 4648 §4). Decoding is strict: line breaks, missing padding and
/// non-zero trailing bits are refused, so that each byte string has exactly one text.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String {
        let length = (bytes.count + 2) / 3 * 4
        let alphabet = alphabet
        return String(unsafeUninitializedCapacity: length) { text in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let held = min(3, bytes.count - start)
                let second = held > 1 ? UInt32(bytes[start + 1]) : 0
                let third = held > 2 ? UInt32(bytes[start + 2]) : 0
                let group = UInt32(bytes[start]) << 16 | second << 8 | third
                for digit in 0..<4 {
                    let value = Int(group >> UInt32(18 - 6 * digit) & 63)
                    text[place + digit] = digit <= held ? alphabet[value] : UInt8(ascii: "=")
                }
                place += 4
            }
            return length
        }
    }

    /// The bytes that `text` stands for, or nil if it is not canonical base64.
    package static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8)) }

    package static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var buffer: UInt32 = 0
        var held = 0
        let values = values
        for character in text.dropLast(padding) {
            let value = values[Int(character)]
            guard value < 64 else { return nil }
            buffer = (buffer << 6 | UInt32(value)) & 0xFFFFFF
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(held)))
            }
        }
        // RFC 4648 §3.5: bits that belong to no byte must be zero, or one value would have several texts.
        let unused = buffer & (1 << UInt32(held) - 1)
        return unused == 0 ? bytes : nil
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The value of each character, 255 where it is not in the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()
}
