import Bytes
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 §10, and the characters the alphabets differ in.
    static let vectors: [([UInt8], String)] = [
        ([], ""),
        (Array("f".utf8), "Zg=="),
        (Array("fo".utf8), "Zm8="),
        (Array("foo".utf8), "Zm9v"),
        (Array("foob".utf8), "Zm9vYg=="),
        (Array("fooba".utf8), "Zm9vYmE="),
        (Array("foobar".utf8), "Zm9vYmFy"),
        ([0xFB, 0xFF, 0xBF], "+/+/"),
        ([0], "AA=="),
        ([0xFF, 0xFF, 0xFF, 0xFF], "/////w=="),
    ]

    @Test(arguments: vectors)
    func encodesAndDecodes(bytes: [UInt8], text: String) {
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text) == bytes)
        #expect(Base64.decode(Array(text.utf8)) == bytes)
    }

    static let refused = [
        "A", "AA", "AAA", "AAAAA", "=", "==", "===", "====", "A===", "AA=A", "A=AA", "=AAA", "AA==AAAA", "AAAA=",
        "AAAA==", "AAAA====", "Zh==", "Zm9=", "Z===", "Zm9v\n", "Zm9v\nZm9v", "Zm 9", " Zm9", "Zm9-", "Zm9_",
        "Zm9\u{0}",
        "Zm9é", "Zm\u{212A}v", "Zg==\r\n\r\n",
    ]

    @Test(arguments: refused)
    func refuses(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    /// Every 4 characters are refused, or are the one text of what they decode to.
    @Test func hasOneTextPerValue() {
        var generator = SplitMix64(state: 1)
        let alphabet = Array("ABCDwxyz0189+/=-_\n ".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...12, using: &generator)
            let text = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
            guard let bytes = Base64.decode(text) else { continue }
            accepted += 1
            #expect(Array(Base64.encode(bytes).utf8) == text)
        }
        #expect(accepted > 1000)
    }

    @Test func decodesWhatItEncoded() {
        var generator = SplitMix64(state: 2)
        for length in 0..<400 {
            let bytes = generator.bytes(length)
            let text = Base64.encode(bytes)
            #expect(text.utf8.count == (length + 2) / 3 * 4)
            #expect(Base64.decode(text) == bytes)
        }
    }
}
