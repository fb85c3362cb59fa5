import TerminalClient
import Testing

@Suite struct InputHistoryTests {
    private func history(_ lines: String...) -> InputHistory {
        lines.reduce(into: InputHistory()) { $0.add($1) }
    }

    @Test func keepsWhatIsWorthKeeping() {
        let long = String(repeating: "x", count: InputHistory.lineBytesMax)
        #expect(history("a", "a", "b", "a").lines == ["a", "b", "a"])
        #expect(history("", " secret", " \u{301}", "a b").lines == ["a b"])
        #expect(history(long, long + "x").lines == [long])
    }

    @Test func forgetsTheOldest() {
        var history = InputHistory()
        for number in 0..<InputHistory.linesMax + 3 { history.add("\(number)") }
        #expect(history.lines.count == InputHistory.linesMax)
        #expect(history.lines.first == "3")
        #expect(InputHistory(parsing: history.encoded()) == history)
    }

    @Test func writesOneEntryALine() {
        let kept = history("a\nb", "c\\n", "d\\", "e\r\nf", "é👋")
        let text = "a\\nb\nc\\\\n\nd\\\\\ne\\r\\nf\né👋\n"
        #expect(String(decoding: kept.encoded(), as: UTF8.self) == text)
        #expect(InputHistory(parsing: Array(text.utf8)) == kept)
    }

    @Test func readsWhatItCan() {
        let bytes = Array("\n\na\n broken\n\\x\\\nlast".utf8) + [0x0A, 0xFF, 0x0A, 0x62]
        #expect(InputHistory(parsing: bytes).lines == ["a", "\\x\\", "last", "b"])
        let long = [UInt8](repeating: 0x78, count: InputHistory.lineBytesMax + 1)
        #expect(InputHistory(parsing: long + [0x0A, 0x61]).lines == ["a"])
    }

    @Test func theLongestFitsTheBound() {
        var history = InputHistory()
        for number in 0..<InputHistory.linesMax {
            history.add(String(repeating: number.isMultiple(of: 2) ? "\\" : "\n", count: InputHistory.lineBytesMax))
        }
        #expect(history.encoded().count == InputHistory.encodedBytesMax)
    }

    /// Garbage is read into something, and that is written and read the same.
    @Test func whatWasReadIsWrittenTheSame() {
        var random = SplitMix64(seed: 3)
        let alphabet = Array("\\nr\n\r ab\u{0}é".utf8) + [0xFF, 0xC3]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            let read = InputHistory(parsing: bytes)
            #expect(InputHistory(parsing: read.encoded()) == read)
        }
    }
}
