import Bytes
package import Wire

/// What stands inside a sealed body (`Docs/protocol/client.md`): `{"text":"…"}` behind its length, padded with zeros
/// to a step, so that the ciphertext tells little about the length of the words.
package enum SealedContent {
    /// The padded plaintext, or nil if the text is longer than a box takes once it is escaped.
    package static func plaintext(of content: MessageContent) -> [UInt8]? {
        let content = content.encoded()
        guard let size = paddedBytes(for: lengthBytes + content.count) else { return nil }
        var plaintext: [UInt8] = []
        plaintext.reserveCapacity(size)
        plaintext.appendField(content)
        plaintext.append(contentsOf: repeatElement(0, count: size - plaintext.count))
        return plaintext
    }

    /// nil if it is not exactly what `plaintext(of:)` makes, or the content is not a message's.
    package static func content(in plaintext: [UInt8]) -> MessageContent? {
        guard plaintext.count >= lengthBytes else { return nil }
        let length = plaintext.prefix(lengthBytes).reduce(0) { $0 << 8 | Int($1) }
        guard length <= plaintext.count - lengthBytes, paddedBytes(for: lengthBytes + length) == plaintext.count,
            plaintext.dropFirst(lengthBytes + length).allSatisfy({ $0 == 0 })
        else { return nil }
        let content = Array(plaintext.dropFirst(lengthBytes).prefix(length))
        return try? MessageContent(decoding: content)
    }

    /// 256, 512, 1,024 … 65,536, then multiples of 16,384; nil where the box would be too large.
    package static func paddedBytes(for count: Int) -> Int? {
        var step = 256
        while step < count, step < 65_536 { step *= 2 }
        if step < count { step = (count + 16_383) / 16_384 * 16_384 }
        return step + tagBytes <= Sealed.boxBytesMax ? step : nil
    }

    private static let lengthBytes = 4
    /// Of AES-GCM, behind the ciphertext.
    private static let tagBytes = 16
}
