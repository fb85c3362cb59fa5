import TerminalClient
import Testing
import Wire

/// What `LineEditor` makes of keys written as a terminal sends them; `|` marks the cursor in what is expected.
struct TypedLine {
    var editor: LineEditor
    var decoder = KeyDecoder()
    var candidates: [String] = []
    /// What completion was asked for.
    var asked: [String] = []

    init(history: [String] = [], candidates: [String] = []) {
        editor = LineEditor(prompt: SafeText("> "), history: history)
        self.candidates = candidates
    }

    @discardableResult
    mutating func type(_ text: String) -> [LineEditor.Outcome] {
        (decoder.receive(Array(text.utf8)) + decoder.flush()).flatMap { press($0) }
    }

    @discardableResult
    mutating func press(_ key: Key) -> [LineEditor.Outcome] {
        var asked: [String] = []
        defer { self.asked += asked }
        return editor.handle(key) { before in
            asked.append(before)
            return candidates
        }
    }

    var shown: String {
        var text = editor.text
        text.insert("|", at: text.index(text.startIndex, offsetBy: editor.cursor))
        return text
    }
}

@Suite struct LineEditorTests {
    static let left = "\u{1B}[D"

    @Test(arguments: [
        ("abc", "abc|"), ("abc\u{1}", "|abc"), ("abc\u{1}\u{5}", "abc|"), ("abc\u{2}\u{2}\u{6}", "ab|c"),
        ("\u{2}", "|"),
        ("abc\u{1B}[H", "|abc"), ("abc\u{1}\u{1B}[F", "abc|"), ("abc\(left)x", "abx|c"), ("abc\u{1}\u{1B}[Cx", "ax|bc"),
        // By grapheme clusters.
        ("a👨\u{200D}👩\(left)", "a|👨\u{200D}👩"), ("e\u{301}\(left)", "|e\u{301}"), ("🇩🇪🇫🇷\(left)", "🇩🇪|🇫🇷"),
        // By words.
        ("foo bar-baz\u{1B}b", "foo bar-|baz"), ("foo bar\u{1B}[1;5D\u{1B}[1;5D", "|foo bar"),
        ("foo, bar\u{1}\u{1B}f", "foo|, bar"), ("foo, bar\u{1}\u{1B}f\u{1B}[1;3C", "foo, bar|"),
        ("foo  \u{1B}b", "|foo  "),
        // Erasing.
        ("abc\u{7F}", "ab|"), ("abc\(left)\u{8}", "a|c"), ("e\u{301}\u{7F}", "|"), ("ab\u{1}\u{4}", "|b"),
        ("ab\u{1}\u{1B}[3~", "|b"),
        // Killing and yanking.
        ("foo bar\u{1}\u{6}\u{B}", "f|"), ("foo bar\u{2}\u{15}", "|r"), ("foo bar-baz\u{17}", "foo |"),
        ("foo \u{17}", "|"),
        ("foo bar\u{1}\u{1B}d", "| bar"), ("foo bar-baz\u{1B}\u{7F}", "foo bar-|"),
        ("foo bar\u{1}\u{1B}[3;5~", "| bar"),
        ("foo\u{15}\u{19}\u{19}", "foofoo|"), ("a b c\u{17}\u{17}\u{19}", "a b c|"),
        ("a b\u{1}\u{1B}d\u{1B}d\u{19}", "a b|"),
        ("one\u{15}two\u{15}\u{19}\u{1B}y", "one|"), ("one\u{15}two\u{15}x\u{19}\u{1B}y\u{1B}y", "xtwo|"),
        ("one\u{17}\u{5}two\u{17}\u{19}", "two|"),
        // Exchanging.
        ("abc\u{14}", "acb|"), ("abc\u{2}\u{14}", "acb|"), ("abc\u{1}\u{6}\u{14}", "ba|c"), ("a👋🏽\u{14}", "👋🏽a|"),
        ("a\u{14}", "a|"),
        // Newlines.
        ("a\u{1B}\rb", "a\nb|"), ("\u{1B}[200~a\r\nb\rc\nd\u{1B}[201~", "a\nb\nc\nd|"),
        ("\u{1B}[200~\r\r\n\n\u{1B}[201~", "\n\n\n|"),
        // What joins its neighbours takes the cursor along.
        ("ab\(left)\u{301}", "a\u{301}|b"), ("👋x\u{2}\u{1F3FD}", "👋🏽|x"), ("👨x\u{7F}\u{200D}👩\(left)", "|👨\u{200D}👩"),
        ("👨x👩\(left)\u{7F}\u{200D}", "👨\u{200D}👩|"),
        // Undoing: what was typed at once, and each change.
        ("abc\u{1F}", "|"), ("abc\u{15}\u{1F}", "abc|"), ("abc\u{15}\u{1F}\u{1F}", "|"), ("ab\(left)c\u{1F}", "a|b"),
        ("a b\u{17}\u{19}\u{1F}\u{1F}", "a b|"), ("one\u{15}two\u{15}\u{19}\u{1B}y\u{1F}", "|"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaa\u{1F}", "aaaaaaaaaaaaaaaaaaaa|"),
        // Nothing.
        ("ab\u{1B}[5~\u{1B}x\u{1B}", "ab|"),
    ])
    func edits(_ typed: String, _ shown: String) {
        var line = TypedLine()
        line.type(typed)
        #expect(Array(line.shown.unicodeScalars) == Array(shown.unicodeScalars))
    }

    @Test func saysWhatTheCallerIsToDo() {
        var line = TypedLine()
        #expect(line.type("a") == [.changed])
        #expect(line.type("b\r") == [.changed, .line("ab")])
        #expect(line.shown == "|")
        #expect(line.type("\u{1F}") == [.bell])
        #expect(line.type("\r") == [.line("")])
        #expect(line.type("a\u{3}") == [.changed, .interrupted(wasEmpty: false)])
        #expect(line.type("\u{3}") == [.interrupted(wasEmpty: true)])
        #expect(line.type("\u{4}") == [.endOfInput])
        #expect(line.type("a\u{4}") == [.changed, .bell])
        #expect(line.type("\u{1A}\u{C}") == [.suspend, .redraw])
        #expect(line.type("\u{7}") == [.bell])
        #expect(line.shown == "a|")
    }

    @Test(arguments: [
        "\u{7F}", "\u{B}", "\u{15}", "\u{17}", "\u{1B}d", "\u{19}", "\u{1B}y", "\u{14}", "\u{1F}", "\t", "\u{10}",
        "\u{E}",
    ])
    func ringsWhenThereIsNothingToDo(_ key: String) {
        var line = TypedLine()
        #expect(line.type(key) == [.bell])
    }

    @Test func theKillRingForgetsTheOldest() {
        var line = TypedLine()
        for number in 0..<20 { line.type("\(number)\u{15}\u{1}") }
        line.type("\u{19}")
        // Sixteen back is the newest again.
        for number in [18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 19] {
            line.type("\u{1B}y")
            #expect(line.shown == "\(number)|")
        }
    }

    @Test func undoForgetsTheOldest() {
        var line = TypedLine()
        for _ in 0..<150 { line.type("a\u{1}") }
        for _ in 0..<100 { #expect(line.type("\u{1F}") == [.changed]) }
        #expect(line.type("\u{1F}") == [.bell])
        #expect(line.editor.text.count == 50)
    }

    @Test func aLineHasALimit() {
        var line = TypedLine()
        let full = String(repeating: "x", count: LineEditor.lineBytesMax)
        #expect(line.press(.paste(full + "x")) == [.tooLong])
        #expect(line.press(.pasteTooLong) == [.tooLong])
        #expect(line.shown == "|")
        #expect(line.press(.paste(full)) == [.changed])
        #expect(line.type("x") == [.bell])
        #expect(line.press(.paste("x")) == [.tooLong])
        #expect(line.type("\u{7F}é") == [.changed, .bell])
        #expect(line.type("x\u{15}\u{19}\u{19}") == [.changed, .changed, .changed, .bell])
        #expect(line.editor.text == full)
        line.candidates = [full + "x"]
        #expect(line.type("\t") == [.bell])
        #expect(line.editor.text == full)
    }

    // MARK: Completion

    @Test func completesTheLastWord() {
        var line = TypedLine(candidates: ["bob@south"])
        line.type("/msg bo\t")
        #expect(line.shown == "/msg bob@south |")
        #expect(line.asked == ["/msg bo"])
        line.type("\u{1F}")
        #expect(line.shown == "/msg bo|")
        line.type(" hi\u{1}\u{1B}f\u{1B}f\t")
        #expect(line.shown == "/msg bob@south| hi")
        #expect(line.asked == ["/msg bo", "/msg bo"])
    }

    @Test func offersWhatIsAmbiguous() {
        var line = TypedLine(candidates: ["/message", "/members", "/mentions"])
        #expect(line.type("/\t") == [.changed, .candidates(line.candidates), .changed])
        #expect(line.shown == "/me|")
        #expect(line.type("\t") == [.candidates(line.candidates)])
        line.candidates = ["x", "y"]
        #expect(line.type("\t") == [.candidates(["x", "y"])])
        #expect(line.shown == "/me|")
        line.candidates = []
        #expect(line.type("\t") == [.bell])
    }

    /// Random keys: the text stays within its limit, the cursor within the text, what is shown within its row.
    @Test(arguments: 1...20)
    func anyKeysLeaveAValidLine(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var line = TypedLine(history: ["old", "e\u{301}x\ny", "👨\u{200D}👩", String(repeating: "z", count: 40_000), "🇩"])
        let scalars: [Unicode.Scalar] = [
            "a", " ", "é", "\u{301}", "\u{200D}", "👩", "🇩", "🇪", "\u{FE0F}", "🏽", "漢", "\u{202E}", "क", "\u{94D}",
        ]
        let big = String(repeating: "漢\n🇩 ", count: 1500)
        for step in 0..<600 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...4: line.press(.character(scalars.randomElement(using: &random) ?? "a"))
            case 5, 6:
                // Not those that empty it.
                let letter = "abdefgklnprtuwyz_".unicodeScalars.randomElement(using: &random) ?? "a"
                line.press(.control(letter))
            case 7: line.press(.alt("bfdyx".unicodeScalars.randomElement(using: &random) ?? "b"))
            case 8, 9:
                let modifiers: [Key.Modifiers] = [[], [], .alt, .control, .shift]
                let name = Key.Special.allCases.randomElement(using: &random) ?? .left
                line.candidates = [["aé", "a\u{301}"], ["漢 "], []].randomElement(using: &random) ?? []
                line.press(.special(name, modifiers.randomElement(using: &random) ?? []))
            case 10: line.press(.paste(Int.random(in: 0..<20, using: &random) == 0 ? big : "\r\n\u{1B}[201~🇪\u{200D}"))
            default:
                if Int.random(in: 0..<10, using: &random) == 0 { line.editor.history += ["more"] }
            }
            #expect(line.editor.text.utf8.count <= LineEditor.lineBytesMax)
            #expect((0...line.editor.text.count).contains(line.editor.cursor))
            // Showing the longest lines takes a test long.
            guard line.editor.text.utf8.count < 2000 || step.isMultiple(of: 100) else { continue }
            let width = Int.random(in: 0...30, using: &random)
            let display = line.editor.display(width: width)
            #expect(DisplayWidth.columns(of: display.row) < max(1, width))
            #expect((0..<max(1, width)).contains(display.cursorColumn))
            #expect(!display.row.unicodeScalars.contains(where: SafeText.isHarmful))
        }
    }
}
