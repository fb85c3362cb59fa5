import TerminalClient
import Testing
import Wire

@Suite struct TypedCommandTests {
    private let bob: Conversation

    init() throws { bob = try Conversation(parsing: "bob@s2") }

    private func parse(_ line: String) throws(Refusal) -> Command? { try TypedCommand.parse(line, current: bob) }

    @Test func readsWordsForTheCurrentConversation() throws {
        #expect(try parse("  hi  ") == .message(to: bob, text: "  hi  ", id: nil))
        #expect(try parse("//etc") == .message(to: bob, text: "/etc", id: nil))
        #expect(try parse("a\n/who") == .message(to: bob, text: "a\n/who", id: nil))
        for blank in ["", " ", "\t\n"] { #expect(try parse(blank) == nil) }
    }

    @Test func takesTheRestOfALine() throws {
        #expect(try parse("/msg public  a  b\nc ") == .message(to: .everyone, text: "a  b\nc ", id: nil))
        #expect(try parse("/file Bob@S2   my file.txt  ") == .file(to: bob, path: "my file.txt", id: nil))
        #expect(try parse("/accept 3 a b") == .accept(.number(3), path: "a b"))
        #expect(try parse("/accept 3") == .accept(.number(3), path: nil))
        #expect(try parse("/history") == .history(bob, count: 50, before: nil, after: nil))
        #expect(try parse("/history 3 15") == .history(bob, count: 3, before: 15, after: nil))
    }

    @Test(arguments: [
        ("/mgs bob@s2 x", "did you mean /msg?"), ("/", "/help shows"), ("/ hi", "/help shows"), ("/WHO", "/help shows"),
        ("/msg", "ADDRESS|public is missing: /msg ADDRESS|public TEXT"), ("/msg public", "TEXT is missing"),
        ("/msg bob x", "user@server"), ("/to nobody", "user@server"), ("/who me", "me is too much: /who"),
        ("/history 0", "from 1 to 500"), ("/history 501", "from 1 to 500"), ("/history +1", "from 1 to 500"),
        ("/history 99999999999999999999", "from 1 to 500"), ("/history x", "x: a whole number"),
        ("/cancel 0", "a whole number from 1 is"), ("/message public x", "/help shows"),
        ("/trust", "ADDRESS is missing"),
        ("/trust public", "user@server"), ("/\u{1B}[31m", "\\u{1b}"), ("/trust \u{202E}", "\\u{202e}"),
    ])
    func refusesWithAHint(_ line: String, _ hint: String) {
        let refusal = #expect(throws: Refusal.self) { try parse(line) }
        #expect(refusal?.text.contains(hint) == true, "\(refusal?.text ?? "")")
        #expect(refusal?.text.unicodeScalars.contains(where: SafeText.isHarmful) == false)
    }

    /// Any line is a command, nothing, or refused in words that a terminal may be given.
    @Test func anyLineIsReadOrRefused() {
        var random = SplitMix64(seed: 5)
        let names = CommandTable.all.compactMap(\.typedName)
        for _ in 0..<3000 {
            let name = names[Int.random(in: 0..<names.count, using: &random)]
            var line = Bool.random(using: &random) ? "/" + name + CommandTableTests.text(&random) : "/"
            line += " " + CommandTableTests.text(&random)
            do {
                _ = try parse(line)
            } catch { #expect(!error.text.unicodeScalars.contains(where: SafeText.isHarmful)) }
        }
    }

    @Test func theHelpComesFromTheTable() throws {
        #expect(CommandHelp.typed.contains { $0.hasPrefix("/msg ADDRESS|public TEXT  ") })
        #expect(CommandHelp.typed.contains { $0.hasPrefix("/history [N] [BEFORE]  ") })
        #expect(CommandHelp.json.contains(#"{"do":"message","to":ADDRESS|public,"text":TEXT[,"id":ID]}"#))
        let keys = try CommandHelp.typed("/keys")
        #expect(keys.first?.hasPrefix("/keys [ADDRESS]: ") == true)
        let (long, short) = (try CommandHelp.typed("message"), try CommandHelp.typed("msg"))
        #expect(long == short)
        let refusal = #expect(throws: Refusal.self) { try CommandHelp.typed("trsut") }
        #expect(refusal?.text.contains("did you mean /help trust?") == true)
    }
}
