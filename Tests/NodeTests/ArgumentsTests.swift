import Crypto
import Node
import Testing

@Suite("the node's command line") struct ArgumentsTests {
    @Test(
        "is understood",
        arguments: [
            ([], .run(setup: "setup.json")), (["run"], .run(setup: "setup.json")),
            (["run", "--setup", "x.json"], .run(setup: "x.json")), (["--setup=x.json"], .run(setup: "x.json")),
            (["--setup", "x.json", "key"], .key(setup: "x.json")), (["key", "--help"], .help), (["-h"], .help),
            (["--version"], .version), (["check"], .check(setup: "setup.json", isJSON: false)),
            (["--json", "check", "--setup=x"], .check(setup: "x", isJSON: true)),
            (["ca", "init"], .authority(.make(file: "ca.pem", days: 3650))),
            (["ca", "init", "--ca=x.pem", "--days", "7"], .authority(.make(file: "x.pem", days: 7))),
            (
                ["ca", "issue", "client", "alice"],
                .authority(.issue(.client, name: "alice", authority: "ca.pem", days: 3650))
            ),
        ] as [([String], NodeCommand)])
    func understood(_ arguments: [String], _ command: NodeCommand) throws {
        #expect(try NodeCommand(parsing: arguments) == command)
    }

    @Test(
        "is refused with a hint",
        arguments: [
            (["--setup"], "--setup needs a value"), (["--setpu", "x"], "did you mean \"--setup\"?"),
            (["rum"], "did you mean \"run\"?"), (["run", "key"], "one word too many"),
            (["--json"], "--json does not go with run"), (["key", "--json"], "--json does not go with key"),
            (["ca"], "is not known"), (["ca", "inti"], "did you mean \"ca init\"?"),
            (["ca", "issue"], "ca issue server"), (["ca", "issue", "both", "x"], "ca issue server"),
            (["ca", "issue", "client", "x", "y"], "one word too many"),
            (["ca", "init", "--days=0"], "1 to 36500"), (["run", "--ca=x"], "--ca does not go with run"),
            (["--json=x", "check"], "is not known"), (["--setup", "a", "--setup", "b"], "there twice"),
            (["chekc"], "did you mean \"check\"?"), (["--jsno"], "did you mean \"--json\"?"),
            (["\u{1B}[2J"], "\\u{1b}[2J"),
        ])
    func refused(_ arguments: [String], words: String) throws {
        let error = #expect(throws: UsageError.self) { _ = try NodeCommand(parsing: arguments) }
        #expect(error?.text.contains(words) == true)
    }

    @Test("help names every command, option and key of the setup file")
    func help() {
        for key in SetupKey.allCases {
            #expect(NodeCommand.helpText.contains("  \(key.rawValue) "))
            #expect(NodeCommand.helpText.contains(key.row.meaning))
        }
        for (word, _) in NodeCommand.verbs + NodeCommand.options { #expect(NodeCommand.helpText.contains(word)) }
    }
}
