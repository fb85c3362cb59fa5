import Bytes
import COpenSSL

/// The text form of keys (RFC 7468). Decoding takes one block, lines of any length, LF or CRLF, and nothing around it
/// but line ends behind: no headers, no comments, no second block.
enum PEM {
    static let publicKeyLabel = "PUBLIC KEY"
    static let privateKeyLabel = "PRIVATE KEY"

    /// A public RSA key of 8192 bits takes about 1.5 KB; this leaves room for line ends and no more.
    static let publicTextBytesMax = 4096
    /// A private RSA key of 8192 bits takes about 6.4 KB.
    static let privateTextBytesMax = 8192

    /// RFC 7468 §2: 64 characters per line.
    static func encode(_ der: [UInt8], label: String) -> [UInt8] {
        // OpenSSL's encoder instead of `Base64`, whose `String` could not be wiped. It ends its text with a NUL.
        var digits = [UInt8](repeating: 0, count: (der.count + 2) / 3 * 4 + 1)
        defer { wipe(&digits) }
        let length = Int(EVP_EncodeBlock(&digits, der, Int32(clamping: der.count)))
        var text: [UInt8] = []
        text.reserveCapacity(length + length / 64 + 128)
        text += "-----BEGIN \(label)-----\n".utf8
        for start in stride(from: 0, to: length, by: 64) {
            text += digits[start..<min(start + 64, length)]
            text.append(UInt8(ascii: "\n"))
        }
        text += "-----END \(label)-----\n".utf8
        return text
    }

    static func decode(_ text: [UInt8], label: String) -> [UInt8]? {
        let begin = Array("-----BEGIN \(label)-----".utf8)
        let end = Array("-----END \(label)-----".utf8)
        let trailing = text.reversed().prefix(while: isLineEnd).count
        let block = text.dropLast(trailing)
        guard block.count > begin.count + end.count, block.starts(with: begin),
            block.suffix(end.count).elementsEqual(end)
        else { return nil }
        let body = block.dropFirst(begin.count).dropLast(end.count)
        guard let first = body.first, let last = body.last, isLineEnd(first), isLineEnd(last) else { return nil }
        var digits = [UInt8]()
        digits.reserveCapacity(body.count)
        for byte in body where !isLineEnd(byte) { digits.append(byte) }
        defer { wipe(&digits) }
        guard !digits.isEmpty else { return nil }
        return Base64.decode(digits)
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
}
