import TerminalClient
import Testing
import Wire

@Suite struct LineDisplayTests {
    private func display(_ text: String, back: Int = 0, prompt: String = "> ", width: Int) -> LineDisplay {
        var editor = LineEditor(prompt: SafeText(prompt), history: [])
        _ = editor.handle(.paste(text)) { _ in [] }
        for _ in 0..<back { _ = editor.handle(.special(.left)) { _ in [] } }
        return editor.display(width: width)
    }

    private func at(_ column: Int, _ row: String) -> LineDisplay { LineDisplay(row: row, cursorColumn: column) }

    @Test func showsWhatFits() {
        #expect(display("", width: 80) == at(2, "> "))
        #expect(display("abc", width: 80) == at(5, "> abc"))
        #expect(display("abc", back: 2, width: 80) == at(3, "> abc"))
        #expect(display("漢字x", back: 1, width: 80) == at(6, "> 漢字x"))
        // Up to the last column but one; the cursor may stand in the last.
        #expect(display("1234567", width: 10) == at(9, "> 1234567"))
    }

    @Test func scrollsWhatDoesNot() {
        #expect(display("0123456789", back: 10, width: 10) == at(2, "> 012345›"))
        #expect(display("0123456789", back: 6, width: 10) == at(6, "> 012345›"))
        #expect(display("0123456789", back: 4, width: 10) == at(4, "> ‹56789"))
        #expect(display("0123456789", width: 10) == at(4, "> ‹9"))
        // Half of a wide character is a space.
        #expect(display("0漢字漢字漢字", back: 6, width: 10) == at(3, "> 0漢字 ›"))
    }

    @Test func marksWhatHasNoForm() {
        #expect(display("a\nb\tc", width: 80) == at(7, "> a⏎b⇥c"))
        #expect(display("\u{1B}[2J", width: 80) == at(11, "> \\u{1b}[2J"))
        #expect(display("a\u{202E}b", width: 80).row == "> a\\u{202e}b")
        #expect(display("\u{301}", width: 80) == at(3, "> ◌\u{301}"))
        let spilling = "a" + String(repeating: "\u{301}", count: 1000)
        #expect(display(spilling, width: 80).row.unicodeScalars.count == 2 + 32)
    }

    @Test func aPromptLeavesHalfOfTheRow() {
        #expect(display("abcdef", prompt: "conversation> ", width: 12) == at(11, "conveabcdef"))
        #expect(display("abc", prompt: "conversation> ", width: 1) == at(0, ""))
        #expect(display("abc", prompt: "conversation> ", width: 0) == at(0, ""))
        #expect(display("abc", prompt: "conversation> ", width: -5) == at(0, ""))
    }
}
