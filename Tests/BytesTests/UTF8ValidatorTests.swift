import Bytes
import Testing

@Suite struct UTF8ValidatorTests {
    /// Whether the validator takes `bytes` as a whole text when they come in pieces of `size`.
    private static func accepts(_ bytes: [UInt8], inChunksOf size: Int) -> Bool {
        var validator = UTF8Validator()
        for chunk in bytes.chunks(of: size) where !validator.consume(chunk) { return false }
        return validator.isComplete
    }

    private static func isValid(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// Markus Kuhn's "UTF-8 decoder capability and stress test", sections 1 to 5, and what surrounds the borders.
    static let sequences: [[UInt8]] = [
        Array("κόσμε".utf8), Array("ascii only, and more than eight bytes of it".utf8), Array("🙂".utf8),
        // 2: first and last of each length.
        [0x00], [0xC2, 0x80], [0xE0, 0xA0, 0x80], [0xF0, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0x7F], [0xDF, 0xBF], [0xEF, 0xBF, 0xBF], [0xF7, 0xBF, 0xBF, 0xBF],
        [0xFB, 0xBF, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80],
        [0xEF, 0xBF, 0xBD], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
        // 3.1: continuation bytes alone.
        [0x80], [0xBF], [0x80, 0xBF], [0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF, 0x80], Array(0x80...0xBF),
        // 3.2: first bytes alone, each before a space.
        [0xC0, 0x20, 0xC1, 0x20], [0xC2, 0x20], [0xDF, 0x20], [0xE0, 0x20], [0xEF, 0x20], [0xF0, 0x20], [0xF7, 0x20],
        // 3.3: the last byte missing.
        [0xC0], [0xE0, 0x80], [0xF0, 0x80, 0x80], [0xDF], [0xEF, 0xBF], [0xF7, 0xBF, 0xBF], [0xC3], [0xE2, 0x82],
        [0xF0, 0x9F, 0x99], [0xE2, 0x82, 0x41], [0xF0, 0x9F, 0x99, 0x41],
        // 3.5: impossible bytes.
        [0xFE], [0xFF], [0xFE, 0xFE, 0xFF, 0xFF],
        // 4: overlong forms.
        [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xF8, 0x80, 0x80, 0x80, 0xAF], [0xC1, 0xBF],
        [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80],
        // 5: surrogates, alone and paired, and non-characters, which are allowed.
        [0xED, 0xA0, 0x80], [0xED, 0xAD, 0xBF], [0xED, 0xAE, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80],
        [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80], [0xEF, 0xBF, 0xBE], [0xEF, 0xB7, 0x90],
    ]

    @Test(arguments: sequences)
    func agreesWithTheLibrary(on sequence: [UInt8]) {
        // Alone, behind ASCII of every alignment, and before more text.
        for lead in 0...9 {
            for tail in ["", "x", "0123456789"] {
                let bytes = [UInt8](repeating: 0x61, count: lead) + sequence + tail.utf8
                for size in 1...(bytes.count + 1) {
                    #expect(Self.accepts(bytes, inChunksOf: size) == Self.isValid(bytes))
                }
            }
        }
    }

    /// Every start of a character: all pairs, and all third bytes behind the pairs that may go on.
    @Test func agreesOnAllShortSequences() {
        for first in UInt8.min...UInt8.max {
            var disagreements = Self.accepts([first], inChunksOf: 1) == Self.isValid([first]) ? 0 : 1
            for second in UInt8.min...UInt8.max {
                let pair = [first, second]
                if Self.accepts(pair, inChunksOf: 1) != Self.isValid(pair) { disagreements += 1 }
                guard first >= 0xE0 else { continue }
                for last in [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF] as [UInt8] {
                    for sequence in [pair + [last], pair + [0x80, last], pair + [last, 0xBF]]
                    where Self.accepts(sequence, inChunksOf: 1) != Self.isValid(sequence) {
                        disagreements += 1
                    }
                }
            }
            #expect(disagreements == 0, "first byte \(first)")
        }
    }

    @Test func agreesOnRandomText() {
        var generator = SplitMix64(state: 8)
        var valid = 0
        for _ in 0..<5000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let shift = [0, 5, 9, 14].randomElement(using: &generator) ?? 0
                let value = UInt32.random(in: 0...(0x10FFFF >> shift), using: &generator)
                if let scalar = Unicode.Scalar(value) { text.append(scalar) }
            }
            var bytes = Array(String(text).utf8)
            if Bool.random(using: &generator), !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if Self.isValid(bytes) { valid += 1 }
            for size in [1, 2, 3, 8, 64] {
                #expect(Self.accepts(bytes, inChunksOf: size) == Self.isValid(bytes))
            }
        }
        #expect((1000..<5000).contains(valid), "both kinds occurred")
    }

    /// RFC 6455 §8.1 lets a connection fail at once; the validator must not wait for the end of the character.
    @Test(
        arguments: [
            ([0xC0], 1), ([0xF5], 1), ([0x80], 1), ([0xE0, 0x9F], 2), ([0xED, 0xA0], 2), ([0xF0, 0x8F], 2),
            ([0xF4, 0x90], 2), ([0xE2, 0x82, 0x41], 3), ([0xF0, 0x9F, 0x99, 0xC0], 4),
        ] as [([UInt8], Int)])
    func refusesAtTheFirstCertainByte(bytes: [UInt8], place: Int) {
        var validator = UTF8Validator()
        for (index, byte) in bytes.enumerated() {
            #expect(validator.consume([byte]) == (index + 1 < place))
        }
    }

    @Test func knowsWhereATextMayEnd() {
        var validator = UTF8Validator()
        #expect(validator.isComplete)
        for byte in "🙂".utf8.dropLast() {
            #expect(validator.consume([byte]) && !validator.isComplete)
        }
        #expect(validator.consume("🙂".utf8.suffix(1)) && validator.isComplete)
        #expect(validator.consume([]) && validator.isComplete)
    }
}
