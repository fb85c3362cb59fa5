import TerminalClient
import Testing
import Wire

@Suite struct SafeLineTests {
    @Test func coloursAreLeftOutWhereNoneAreWanted() throws {
        let alice = try Address(parsing: "alice@s1")
        let line: SafeLine = "[\(Conversation.everyone)] \(alice): \(SafeText("a\u{1B}[2Jb"), .own) \(3)"
        #expect(line.text(hasColor: false) == "[public] alice@s1: a\\u{1b}[2Jb 3")
        let colored = line.text(hasColor: true)
        #expect(colored.contains("\u{1B}[1ma\\u{1b}[2Jb\u{1B}[0m"))
        #expect(line.styled(.alarm).text(hasColor: true).hasPrefix("\u{1B}[31m[\u{1B}[0m"))
        let again: SafeLine = "\(alice)"
        #expect(colored.contains(again.text(hasColor: true)))
    }

    @Test func textsAreCutIntoLines() {
        #expect(SafeText.lines(of: "").map(\.text) == [""])
        #expect(SafeText.lines(of: "a\nb\r\nc\r").map(\.text) == ["a", "b", "c"])
        #expect(SafeText.lines(of: "a\rb\u{2028}c").map(\.text) == ["a\\u{d}b\\u{2028}c"])
    }

    @Test func anExcerptIsOneShortLine() {
        #expect(SafeText.excerpt("short").text == "short")
        #expect(SafeText.excerpt("one\r\ntwo").text == "one…")
        let endless = "a" + String(repeating: "\u{301}", count: 10_000)
        #expect(SafeText.excerpt(endless).text.unicodeScalars.count == 41)
        #expect(SafeText.excerpt("\u{1B}[31m").text == "\\u{1b}[31m")
    }
}
