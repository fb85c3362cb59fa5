import Testing
import Wire

/// Whatever arrives is refused, or is a value whose own text is read back as the same value. A trap ends everybody's
/// connection, so the inputs are near the valid ones, where the parsers work deepest.
struct GarbageTests {
    static let inputsPerSeed = 25_000

    @Test(arguments: 0..<8) func nothingTraps(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let texts = try GarbageTests.shortTexts()
        var accepted = 0
        for _ in 0..<GarbageTests.inputsPerSeed {
            let input = GarbageTests.mutated(texts, using: &random)
            if try isReadBack(input) { accepted += 1 }
        }
        // Were everything refused, the other half of the promise would not have been tried.
        #expect(accepted > GarbageTests.inputsPerSeed / 100)
    }

    /// All vocabularies read it, as none knows whose message it was.
    private func isReadBack(_ input: [UInt8]) throws -> Bool {
        guard let object = try? JSONObject(message: input) else { return false }
        var isAccepted = false
        if let line = try? ClientLine(object) {
            #expect(try ClientLine(JSONObject(message: line.encoded())) == line)
            isAccepted = true
        }
        if let line = try? NodeLine(object) {
            #expect(try NodeLine(JSONObject(message: line.encoded())) == line)
            isAccepted = true
        }
        if var message = try? LinkMessage(decoding: input) {
            if case .skip(let seq, _) = message { message = .skip(seq: seq) }
            #expect(try LinkMessage(decoding: message.encoded()) == message)
            isAccepted = true
        }
        if let envelope = try? Envelope(decoding: input) {
            #expect(try Envelope(decoding: envelope.encoded()) == envelope)
            isAccepted = true
        }
        return isAccepted
    }

    private static func shortTexts() throws -> [[UInt8]] {
        let texts =
            try ClientLineCodingTests.goldens().map(\.text) + NodeLineCodingTests.goldens().map(\.text)
            + LinkMessageCodingTests.goldens().map(\.text) + [Sample.publicEnvelopeText]
        // RSA keys take space, and a parser as much time, without making anything likelier.
        return texts.map { Array($0.utf8) }.filter { $0.count < 400 }
    }

    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ":", ",", "\\u", "\\uD800", "\\u0000", "null", "true", "{}", "[]", "\"\"",
            "-1", "0",
            "1", "1.5", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e9", "\"public\"",
            "\"bob@s2\"", "\"tag\":", "\"seq\":", "\"ref\":", "\"text\":", ",\"x\":1", "\n", " ", "\u{E9}", "\u{301}",
            "\u{1F44B}",
            "[[[[[[[[[[[[[[[[", "=", "AAAA",
        ].map { Array($0.utf8) } + [[0], [0x80], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x1F], [0x7F]]

    private static func mutated(_ texts: [[UInt8]], using random: inout SplitMix64) -> [UInt8] {
        func pick<Element>(_ elements: [Element], _ random: inout SplitMix64) -> Element {
            elements[Int.random(in: 0..<elements.count, using: &random)]
        }
        var bytes = pick(texts, &random)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes.replaceSubrange(start..<end, with: pick(pieces, &random))
            case 1: bytes.insert(contentsOf: pick(pieces, &random), at: start)
            case 2: bytes.removeSubrange(start..<end)
            case 3: bytes.insert(contentsOf: bytes[start..<end], at: start)
            case 4: if start < bytes.count { bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
            case 5: bytes = Array(bytes[..<start]) + pick(texts, &random).dropFirst(start)
            default: if start < bytes.count { bytes[start] = pick(Array("0123456789abcdef{}[]\",:@.-".utf8), &random) }
            }
        }
        return bytes
    }
}
