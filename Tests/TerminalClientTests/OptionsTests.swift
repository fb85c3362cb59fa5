import TerminalClient
import Testing
import Wire

@Suite struct OptionsTests {
    @Test func readsEverything() throws {
        let options = try Options(parsing: [
            "Alice@S1", "--server=10.0.0.1:7", "--json", "--setup", "a.json", "--password-file", "p",
        ])
        #expect(options.address?.text == "alice@s1")
        #expect(options.server == "10.0.0.1:7")
        #expect(options.isJSON)
        #expect(options.setupPath == "a.json")
        #expect(options.passwordPath == "p")
        #expect(options.wish == .run)
    }

    @Test func helpWinsOverVersion() throws {
        #expect(try Options(parsing: ["--version"]).wish == .version)
        #expect(try Options(parsing: ["--version", "--help"]).wish == .help)
        #expect(try Options(parsing: ["--help", "--version"]).wish == .help)
    }

    @Test(arguments: [
        (["--jsno"], "did you mean --json?"), (["--xyzzyxyzzy"], "see --help"), (["--server"], "needs a value"),
        (["--server="], "needs a value"), (["--json=1"], "takes no value"), (["--json", "--json"], "there twice"),
        (["a@b", "c@d"], "one address too many"), (["nobody"], "user@server"), (["--", "--json"], "user@server"),
        (["snd", "a@b", "x"], "did you mean send?"), (["send"], "ADDRESS|public is missing"),
        (["send", "bob", "x"], "user@server"), (["send", "a@b", "x", "y"], "quote"),
        (["file", "a@b"], "PATH is missing"),
        (["who", "me"], "me is too much"), (["accept", "0"], "a whole number"),
        (["history", "--count", "501"], "1 to 500"),
        (["--count", "1"], "--count belongs to history"), (["who", "--wait", "accepted"], "--wait belongs to send"),
        (["send", "a@b", "x", "--wait", "read"], "accepted or delivered"), (["who", "--timeout", "0"], "1 to 86400"),
        (["--line", "--json"], "--line"), (["--line", "who"], "--line"), (["--profile", "A B", "who"], "--profile"),
        (["a@b\u{1B}[31m"], "\\u{1b}"),
    ])
    func refusesWithAHint(_ arguments: [String], _ hint: String) {
        let fault = #expect(throws: StartFault.self) { try Options(parsing: arguments) }
        #expect(fault?.code == .usage)
        #expect(fault?.text.contains(hint) == true)
    }

    @Test func readsVerbs() throws {
        let bob = Conversation.direct(try Address(parsing: "bob@s2"))
        #expect(try Options(parsing: ["send", "bob@s2", "hi"]).verb == .send(bob, text: "hi"))
        let options = try Options(parsing: ["alice@s1", "send", "Bob@S2", "--wait=delivered", "--", "--hi"])
        #expect(options.address?.text == "alice@s1")
        #expect(options.verb == .send(bob, text: "--hi"))
        #expect(options.wait == .delivered)
        #expect(try Options(parsing: ["send", "public"]).verb == .send(.everyone, text: nil))
        #expect(try Options(parsing: ["send", "public", "-"]).verb == .send(.everyone, text: "-"))
        #expect(try Options(parsing: ["history", "--count", "5", "--timeout", "9"]).timeoutSeconds == 9)
        #expect(try Options(parsing: ["--profile", "bot", "tail"]).profile?.text == "bot")
        #expect(try Options(parsing: ["send", "--help"]).verbName == "send")
    }

    @Test func theHelpOfAVerbComesFromTheTable() throws {
        for spec in VerbTable.all {
            #expect(Options.help.contains("  \(spec.name)"))
            for option in spec.options { #expect(spec.help.contains(option.rawValue)) }
            for example in spec.examples { #expect(try Options(parsing: example).verbName == spec.name) }
        }
        #expect(Options.help.split(separator: "\n", omittingEmptySubsequences: false).count < 60)
    }

    @Test func theHelpNamesEveryOptionAndCommand() {
        for option in Option.allCases { #expect(Options.help.contains("  \(option.rawValue)")) }
        for name in CommandTable.all.compactMap(\.jsonName) { #expect(Options.help.contains(#"{"do":"\#(name)""#)) }
    }
}
