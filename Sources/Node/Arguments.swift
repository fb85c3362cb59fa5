import Wire

/// What the command line asks of the node program.
package enum NodeCommand: Equatable, Sendable {
    case run(setup: String)
    case key(setup: String)
    case check(setup: String, isJSON: Bool)
    case help
    case version

    /// One table for what is accepted and what `--help` says.
    package static let verbs = [
        ("run", "serve until SIGTERM; the default"),
        ("key", "print this server's key, which other servers may write into their setup; makes it if there is none"),
        ("check", "say what is wrong with the setup file, or what it means; makes nothing and listens nowhere"),
    ]
    package static let options = [
        ("--setup FILE", "the setup file (default: setup.json)"),
        ("--json", "check prints one JSON object"),
        ("--help", "print this and stop"),
        ("--version", "print the version and stop"),
    ]

    package static let programVersion = "0.1.0"

    /// Throws what is wrong, in words for the person who typed it.
    package init(parsing arguments: [String]) throws(UsageError) {
        var setup = "setup.json"
        var verb: String?
        var isJSON = false
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h":
                self = .help
                return
            case "--version":
                self = .version
                return
            case "--json": isJSON = true
            case "--setup":
                guard let file = rest.popFirst(), !file.isEmpty else { throw UsageError("--setup needs a file") }
                setup = file
            case let other where other.hasPrefix("--setup="): setup = String(other.dropFirst("--setup=".count))
            case let other where other.hasPrefix("-"):
                throw UsageError.unknown(other, among: ["--setup", "--json", "--help", "--version"])
            default:
                guard verb == nil else { throw UsageError("\"\(argument)\" is one word too many") }
                verb = argument
            }
        }
        guard !isJSON || verb == "check" else { throw UsageError("--json goes with check") }
        switch verb ?? "run" {
        case "run": self = .run(setup: setup)
        case "key": self = .key(setup: setup)
        case "check": self = .check(setup: setup, isJSON: isJSON)
        case let other: throw UsageError.unknown(other, among: NodeCommand.verbs.map(\.0))
        }
    }

    package static var helpText: String {
        let commands = verbs.map { "  \($0.0.padded(to: 14))  \($0.1)\n" }.joined()
        let options = options.map { "  \($0.0.padded(to: 14))  \($0.1)\n" }.joined()
        let keys = SetupKey.allCases.map { key in
            let standard = key.row.standard.map { " (default: \($0))" } ?? ""
            return "  \(key.rawValue.padded(to: 21))  \(key.row.meaning)\(standard)\n"
        }.joined()
        return """
            usage: postroad-node [run|key|check] [--setup FILE]

            Runs one server of the Postroad chat network.

            commands:
            \(commands)
            options:
            \(options)
            keys of the setup file:
            \(keys)
            exit codes: 0 ok, 1 failure, 2 usage, 78 bad configuration
            """
    }
}

/// The command line is not understood.
package struct UsageError: Error, Equatable, Sendable {
    package let text: String

    init(_ text: String) { self.text = text }

    static func unknown(_ word: String, among known: [String]) -> UsageError {
        let hint = Spelling.nearest(to: word, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
        return UsageError("\"\(SafeText(word))\" is not known\(hint)")
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - utf8.count))
    }
}
