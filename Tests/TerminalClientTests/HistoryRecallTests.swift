import TerminalClient
import Testing

@Suite struct HistoryRecallTests {
    private static let up = "\u{1B}[A"
    private static let down = "\u{1B}[B"
    private static let lines = ["first one", "second", "third one"]

    @Test(arguments: [
        ("new\(up)", "third one|"), ("new\u{10}\u{10}", "second|"), ("new\(up)\(up)\(down)", "third one|"),
        ("new\(up)\(up)\(down)\(down)", "new|"), ("new\u{2}\u{10}\u{E}", "ne|w"),
        ("\(up)\(up)\(up)\(up)", "first one|"),
        ("\(up)x\(down)", "|"), ("new\(up)\u{1F}", "new|"),
    ])
    func recalls(_ typed: String, _ shown: String) {
        var line = TypedLine(history: HistoryRecallTests.lines)
        line.type(typed)
        #expect(line.shown == shown)
    }

    @Test func ringsAtBothEnds() {
        var line = TypedLine(history: ["a"])
        #expect(line.type("\u{E}") == [.bell])
        #expect(line.type("\u{10}\u{10}") == [.changed, .bell])
        #expect(line.shown == "a|")
    }

    @Test func aSentLineBeginsAtTheEndAgain() {
        var line = TypedLine(history: HistoryRecallTests.lines)
        #expect(line.type("\u{10}\u{10}\r") == [.changed, .changed, .line("second")])
        line.editor.history.append("second")
        line.type("\u{10}\u{10}")
        #expect(line.shown == "third one|")
        line.editor.history = []
        #expect(line.type("\u{10}") == [.bell])
    }

    @Test func passesOverWhatIsTooLong() {
        let long = String(repeating: "x", count: LineEditor.lineBytesMax + 1)
        var line = TypedLine(history: [long, "a", long, "b", long])
        #expect(line.type("\u{10}\u{10}\u{10}") == [.changed, .changed, .bell])
        #expect(line.shown == "a|")
        line.type("\u{E}")
        #expect(line.shown == "b|")
        line.type("\u{E}")
        #expect(line.shown == "|")
        #expect(line.type("\u{12}x") == [.changed, .bell, .changed])
    }

    // MARK: Search

    @Test(arguments: [
        ("new\u{12}one", "third |one"), ("new\u{12}one\u{12}", "first |one"), ("new\u{12}se", "|second"),
        ("new\u{12}one\r", "third |one"), ("new\u{12}one\u{7}", "new|"), ("new\u{12}one\u{1B}", "new|"),
        ("new\u{12}\r", "new|"),
        ("new\u{12}one\u{12}\u{12}", "first |one"), ("new\u{12}sx", "|second"), ("new\u{12}onx\u{7F}", "third |one"),
        ("new\u{12}s\u{7F}", "new|"), ("new\u{12}one\u{1B}[A", "second|"),
        ("new\u{12}one\u{1B}[A\u{1B}[B\u{1B}[B", "new|"),
        ("new\u{12}one\u{5}!", "third one!|"), ("new\u{12}one\r\u{1F}", "new|"), ("new\u{12}one\u{3}", "|"),
    ])
    func searches(_ typed: String, _ shown: String) {
        var line = TypedLine(history: HistoryRecallTests.lines)
        line.type(typed)
        #expect(line.shown == shown)
    }

    @Test func showsTheSearch() {
        var line = TypedLine(history: HistoryRecallTests.lines)
        line.type("\u{12}one")
        #expect(line.editor.display(width: 60).row == "(search) one: third one")
        #expect(line.type("x") == [.bell, .changed])
        #expect(line.editor.display(width: 60).row == "(not found) onex: third one")
        // Enter takes a line and does not send it.
        #expect(line.type("\r") == [.changed])
        #expect(line.editor.display(width: 60).row == "> third one")
        #expect(line.type("\r") == [.line("third one")])
    }

    @Test func aNewHistoryEndsTheSearch() {
        var line = TypedLine(history: HistoryRecallTests.lines)
        line.type("new\u{12}one")
        line.editor.history = []
        #expect(line.shown == "new|")
        #expect(line.type("\u{10}") == [.bell])
    }

    @Test func aQueryHasALimit() {
        var line = TypedLine(history: [])
        line.type("\u{12}" + String(repeating: "q", count: 256))
        #expect(line.type("q") == [.bell])
    }
}
