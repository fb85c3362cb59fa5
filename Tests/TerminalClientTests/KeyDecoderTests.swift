import TerminalClient
import Testing

@Suite struct KeyDecoderTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let text: String
        let keys: [Key]
        var testDescription: String { text.debugDescription }

        init(_ text: String, _ keys: Key...) {
            self.text = text
            self.keys = keys
        }
    }

    static let vectors = [
        Vector("aé€👋", .character("a"), .character("é"), .character("€"), .character("👋")),
        Vector("e\u{301}", .character("e"), .character("\u{301}")),
        Vector(
            "\u{1}\u{1A}\u{0}\u{1F}\u{1C}", .control("a"), .control("z"), .control("@"), .control("_"), .control("\\")),
        Vector("\r\n\t", .special(.enter), .special(.enter), .special(.tab)),
        Vector("\u{7F}\u{8}", .special(.backspace), .special(.backspace)),
        Vector("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D", .special(.up), .special(.down), .special(.right), .special(.left)),
        Vector("\u{1B}OA\u{1B}OB\u{1B}OC\u{1B}OD", .special(.up), .special(.down), .special(.right), .special(.left)),
        Vector("\u{1B}[H\u{1B}[F\u{1B}OH\u{1B}OF", .special(.home), .special(.end), .special(.home), .special(.end)),
        Vector(
            "\u{1B}[1~\u{1B}[4~\u{1B}[7~\u{1B}[8~", .special(.home), .special(.end), .special(.home), .special(.end)),
        Vector("\u{1B}[3~\u{1B}[5~\u{1B}[6~", .special(.delete), .special(.pageUp), .special(.pageDown)),
        Vector(
            "\u{1B}[1;5D\u{1B}[1;3C\u{1B}[1;2A\u{1B}[3;5~", .special(.left, .control), .special(.right, .alt),
            .special(.up, .shift), .special(.delete, .control)),
        Vector("\u{1B}[1;9C\u{1B}[1;6C", .special(.right, .alt), .special(.right, [.control, .shift])),
        Vector(
            "\u{1B}Od\u{1B}[c\u{1B}[3^", .special(.left, .control), .special(.right, .shift),
            .special(.delete, .control)),
        Vector("\u{1B}[Z\u{1B}OM", .special(.tab, .shift), .special(.enter)),
        Vector("\u{1B}b\u{1B}f\u{1B}d\u{1B}y", .alt("b"), .alt("f"), .alt("d"), .alt("y")),
        Vector(
            "\u{1B}\u{7F}\u{1B}\r\u{1B}\t", .special(.backspace, .alt), .special(.enter, .alt), .special(.tab, .alt)),
        // Unknown, and what follows is whole: private modes, intermediates, function keys, the console's keys.
        Vector("\u{1B}[?1;2c\u{1B}[1$ p\u{1B}[15~\u{1B}OP\u{1B}[[Ax", .character("x")),
        Vector("\u{1B}[1;5;6;7;8;9A\u{1B}[99999A\u{1B}[:A", .special(.up)),
        // Cut off by another key, or by another sequence.
        Vector("\u{1B}[1;\u{3}\u{1B}[\u{1B}[A\u{1B}Oé", .control("c"), .special(.up), .character("é")),
        Vector("\u{1B}\u{1B}[A", .special(.escape), .special(.up)),
        Vector("\u{1B}é", .character("é")),
        Vector("\u{85}\u{9B}x", .character("x")),
        Vector("\u{1B}[200~a\rb\u{1B}[Aé\u{1B}[201~c", .paste("a\rb\u{1B}[Aé"), .character("c")),
        Vector("\u{1B}[200~\u{1B}[201~\u{1B}[201~", .paste("")),
    ]

    @Test(arguments: vectors, [1, 2, 3, 64])
    func decodes(_ vector: Vector, inChunksOf size: Int) {
        #expect(KeyDecoderTests.keys(of: Array(vector.text.utf8), chunked: { size }) == vector.keys)
    }

    @Test func aLoneEscapeIsAKeyOnceNothingFollows() {
        var decoder = KeyDecoder()
        #expect(decoder.receive([0x1B]).isEmpty)
        #expect(decoder.isWaiting)
        #expect(decoder.flush() == [.special(.escape)])
        #expect(!decoder.isWaiting)
        #expect(decoder.receive(Array("[A".utf8)) == [.character("["), .character("A")])
        #expect(decoder.flush().isEmpty)
    }

    @Test(arguments: ["\u{1B}[", "\u{1B}[1;5", "\u{1B}O", "\u{1B}[["])
    func anUnfinishedSequenceIsForgotten(_ text: String) {
        var decoder = KeyDecoder()
        #expect(decoder.receive(Array(text.utf8)).isEmpty)
        #expect(decoder.isWaiting)
        #expect(decoder.flush().isEmpty)
        #expect(decoder.receive([0x61]) == [.character("a")])
    }

    @Test func aPasteIsNotFlushed() {
        var decoder = KeyDecoder()
        #expect(decoder.receive(Array("\u{1B}[200~a\u{1B}".utf8)).isEmpty)
        #expect(!decoder.isWaiting)
        #expect(decoder.flush().isEmpty)
        #expect(decoder.receive(Array("[201~".utf8)) == [.paste("a")])
    }

    @Test(arguments: [0, 1, 5, 6, 7, 12, 100_000])
    func aPasteHasALimit(beyond excess: Int) {
        let text = String(repeating: "x", count: KeyDecoder.pasteBytesMax + excess)
        let bytes = Array("\u{1B}[200~\(text)\u{1B}[201~y".utf8)
        let paste = excess == 0 ? Key.paste(text) : .pasteTooLong
        for size in [1, 1000, bytes.count] {
            #expect(KeyDecoderTests.keys(of: bytes, chunked: { size }) == [paste, .character("y")])
        }
    }

    @Test func aSequenceHasALimit() {
        var decoder = KeyDecoder()
        let digits = [UInt8](repeating: 0x31, count: KeyDecoder.sequenceBytesMax)
        #expect(decoder.receive([0x1B, 0x5B] + digits + digits + [0x41, 0x62]) == [.character("b")])
        let separators = [UInt8](repeating: 0x3B, count: KeyDecoder.sequenceBytesMax - 1)
        #expect(decoder.receive([0x1B, 0x5B] + separators + [0x41]) == [.special(.up)])
        #expect(decoder.receive([0x1B, 0x5B] + separators + [0x3B, 0x41]).isEmpty)
    }

    @Test func brokenUTF8IsReplacedInPlace() {
        for bytes: [UInt8] in [[0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x91]] {
            for next: [UInt8] in [[0x1B, 0x5B, 0x41], [0x0D], [0x61], [0xC3, 0xA9]] {
                let expected = KeyDecoderTests.keys(of: next, chunked: { 1 })
                #expect(KeyDecoderTests.keys(of: bytes + next, chunked: { 1 }) == [.character("\u{FFFD}")] + expected)
            }
        }
    }

    /// Bytes beyond ASCII give what `String` makes of them.
    @Test func readsUTF8AsStringDoes() {
        var random = SplitMix64(seed: 1)
        let leads: [UInt8] = [0x41, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF1, 0xF4, 0xF5]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 1...8, using: &random)).map { _ in leads.randomElement(using: &random) ?? 0
            }
            // A last byte that completes or breaks what is open.
            let text = String(decoding: bytes + [0x41], as: UTF8.self)
            let expected = text.unicodeScalars.filter { !(0x80..<0xA0).contains($0.value) }.map { Key.character($0) }
            #expect(KeyDecoderTests.keys(of: bytes + [0x41], chunked: { 3 }) == expected)
        }
    }

    /// Whatever comes, however it is cut: the same keys, and a decoder that still reads.
    @Test func garbageGivesTheSameKeysInEveryChunking() {
        var random = SplitMix64(seed: 2)
        let pieces = [
            "\u{1B}", "\u{1B}[", "\u{1B}O", "[", ";", "1", "5", "200~", "201~", "\u{1B}[200~", "\u{1B}[201~", "~", "A",
            "é",
        ]
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                if Bool.random(using: &random) {
                    bytes.append(.random(in: 0...255, using: &random))
                } else {
                    bytes += Array((pieces.randomElement(using: &random) ?? "").utf8)
                }
            }
            let whole = KeyDecoderTests.keys(of: bytes, chunked: { 1000 })
            #expect(KeyDecoderTests.keys(of: bytes, chunked: { 1 }) == whole)
            #expect(KeyDecoderTests.keys(of: bytes, chunked: { .random(in: 1...7, using: &random) }) == whole)
            var decoder = KeyDecoder()
            _ = decoder.receive(bytes)
            _ = decoder.flush()
            #expect(!decoder.isWaiting)
            // The end of a paste, or nothing; the rest of a character, or nothing.
            _ = decoder.receive(Array("\u{1B}[201~".utf8))
            #expect(decoder.receive([0x61]) == [.character("a")])
        }
    }

    private static func keys(of bytes: [UInt8], chunked: () -> Int) -> [Key] {
        var decoder = KeyDecoder()
        var rest = bytes[...]
        var keys: [Key] = []
        while !rest.isEmpty {
            let chunk = rest.prefix(chunked())
            keys += decoder.receive(Array(chunk))
            rest = rest.dropFirst(chunk.count)
        }
        return keys
    }
}
