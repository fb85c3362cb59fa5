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

    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648 §4 bit by bit.
    private static func plainText(of bytes: [UInt8]) -> [UInt8] {
        let bits = bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 } }
        var text = bits.chunks(of: 6).map { digit in
            alphabet[Int(digit.reduce(0) { $0 << 1 | $1 }) << (6 - digit.count)]
        }
        while !text.count.isMultiple(of: 4) { text.append(UInt8(ascii: "=")) }
        return text
    }

    /// The other way: digits to bits, whole bytes out of them, and canonical is what is written so again.
    private static func plainBytes(of text: [UInt8]) -> [UInt8]? {
        var bits: [UInt8] = []
        for character in text where character != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits += (0..<6).map { UInt8(value >> (5 - $0) & 1) }
        }
        let bytes = bits.chunks(of: 8).filter { $0.count == 8 }.map { $0.reduce(0) { $0 << 1 | $1 } }
        return plainText(of: bytes) == text ? bytes : nil
    }

    @Test(arguments: [0...300, 4095...4099, 20_000...20_003])
    func agreesWithTheDefinition(lengths: ClosedRange<Int>) {
        var generator = SplitMix64(state: 3)
        for length in lengths {
            let bytes = generator.bytes(length)
            let text = Self.plainText(of: bytes)
            #expect(Array(Base64.encode(bytes).utf8) == text)
            #expect(Base64.decode(text) == bytes)
            #expect(Base64.decode(String(decoding: text, as: UTF8.self)) == bytes)
        }
    }

    /// Every pair of characters is written and read somewhere, at both places it can have in three bytes.
    @Test func agreesForEveryTwelveBits() {
        for bits in 0..<4096 {
            let group = bits << 12 | (4095 - bits)
            let bytes = [16, 8, 0].map { UInt8(truncatingIfNeeded: group >> $0) }
            let text = Self.plainText(of: bytes)
            #expect(Array(Base64.encode(bytes).utf8) == text)
            #expect(Base64.decode(text) == bytes)
        }
    }

    /// One character turned to each value at each place, for texts that end in every way and pass through every loop.
    @Test(arguments: [3, 5, 7, 12, 13, 14, 15, 16, 17])
    func agreesForEveryByteAtEveryPlace(length: Int) {
        var generator = SplitMix64(state: 7)
        let text = Self.plainText(of: generator.bytes(length))
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var damaged = text
                damaged[place] = byte
                let decoded = Base64.decode(damaged)
                #expect(decoded == Self.plainBytes(of: damaged), "\(byte) at \(place)")
                if !Self.alphabet.contains(byte), byte != UInt8(ascii: "=") { #expect(decoded == nil) }
            }
        }
    }

    /// Of the last character before the padding, only the one with zero bits that belong to no byte is taken.
    @Test(arguments: [0, 3, 6, 9, 30])
    func refusesTrailingBits(wholeBytes: Int) {
        let front = [UInt8](repeating: UInt8(ascii: "x"), count: wholeBytes / 3 * 4)
        for (value, character) in Self.alphabet.enumerated() {
            let one = Base64.decode(front + Array("A".utf8) + [character] + Array("==".utf8))
            #expect((one != nil) == value.isMultiple(of: 16))
            let two = Base64.decode(front + Array("AA".utf8) + [character] + Array("=".utf8))
            #expect((two != nil) == value.isMultiple(of: 4))
        }
    }
}
