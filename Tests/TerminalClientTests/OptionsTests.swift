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
        (["a@b", "c@d"], "too many"), (["nobody"], "user@server"), (["--", "--json"], "user@server"),
        (["a@b\u{1B}[31m"], "\\u{1b}"),
    ])
    func refusesWithAHint(_ arguments: [String], _ hint: String) {
        let fault = #expect(throws: StartFault.self) { try Options(parsing: arguments) }
        #expect(fault?.code == .usage)
        #expect(fault?.text.contains(hint) == true)
    }

    @Test func theHelpNamesEveryOptionAndCommand() {
        for option in Option.allCases { #expect(Options.help.contains("  \(option.rawValue)")) }
        for name in CommandTable.all.compactMap(\.jsonName) { #expect(Options.help.contains(#"{"do":"\#(name)""#)) }
    }
}
