import Wire

/// What the command line asks of the node program.
package enum NodeCommand: Equatable, Sendable {
    case run(setup: String)
    case key(setup: String)
    case check(setup: String, isJSON: Bool)
    case authority(AuthorityCommand)
    case administer(AdminRequest, setup: String, isJSON: Bool)
    case help
    case version

    /// One table for what is accepted and what `--help` says.
    package static let verbs = [
        ("run", "serve until SIGTERM; the default"),
        ("key", "print this server's key, which other servers may write into their setup; makes it if there is none"),
        ("check", "say what is wrong with the setup file, or what it means; makes nothing and listens nowhere"),
        ("ca init", "make an authority of your own: ca.pem to be kept, ca-certificate.pem for nodes"),
        ("ca issue server|client NAME", "let it issue a certificate with its key, NAME.pem, for a host or a user"),
    ]
    /// Those that a running node does.
    package static let administration = AdminVerb.allCases.map { ($0.usage, $0.row.meaning) }
    package static let options = [
        ("--setup FILE", "the setup file (default: setup.json)"),
        ("--json", "check prints one JSON object, peers one a line"),
        ("--key KEY", "peers: the server's key, as postroad-node key prints it there"),
        ("--yes", "peers: do it without asking"),
        ("--ca FILE", "ca: where the authority is (default: ca.pem)"),
        ("--days N", "ca: how long the certificate is good (default: 3650)"),
        ("--help", "print this and stop"),
        ("--version", "print the version and stop"),
    ]

    package static let programVersion = "0.1.0"

    /// Throws what is wrong, in words for the person who typed it.
    package init(parsing arguments: [String]) throws(UsageError) {
        let line = try ArgumentList(arguments)
        if line.has("--help") || line.has("-h") {
            self = .help
            return
        }
        if line.has("--version") {
            self = .version
            return
        }
        let setup = line.value("--setup") ?? "setup.json"
        let verb = line.words.first ?? "run"
        switch verb {
        case "run":
            try line.allow(["--setup"], words: 0)
            self = .run(setup: setup)
        case "peers": self = try NodeCommand.administration(line, setup: setup)
        case "key" where line.words.count > 1: self = try NodeCommand.administration(line, setup: setup)
        case "key":
            try line.allow(["--setup"], words: 0)
            self = .key(setup: setup)
        case "check":
            try line.allow(["--setup", "--json"], words: 0)
            self = .check(setup: setup, isJSON: line.has("--json"))
        case "ca": self = .authority(try AuthorityCommand(line))
        default:
            let known = NodeCommand.verbs.map { String($0.0.prefix { $0 != " " }) } + ["peers"]
            throw UsageError.unknown(verb, among: known)
        }
    }

    private static func administration(_ line: ArgumentList, setup: String) throws(UsageError) -> NodeCommand {
        let words = line.words.prefix(2).joined(separator: " ")
        guard let verb = AdminVerb(rawValue: words) else {
            throw UsageError.unknown(words, among: AdminVerb.allCases.map(\.rawValue))
        }
        return .administer(try AdminRequest(verb, line), setup: setup, isJSON: line.has("--json"))
    }

    package static var helpText: String {
        let commands = columns(verbs)
        let administration = columns(administration)
        let options = columns(options)
        let keys = columns(
            SetupKey.allCases.map { key in
                (key.rawValue, key.row.meaning + (key.row.standard.map { " (default: \($0))" } ?? ""))
            })
        return """
            usage: postroad-node [COMMAND] [options]

            Runs one server of the Postroad chat network.

            commands:
            \(commands)
            commands to the running node of the setup file:
            \(administration)
            options:
            \(options)
            keys of the setup file:
            \(keys)
            exit codes: 0 ok, 1 failure, 2 usage, 78 bad configuration
            """
    }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.utf8.count).max() ?? 0
        return rows.map { "  \($0.0.padded(to: width))  \($0.1)\n" }.joined()
    }
}

/// The arguments, cut into words and options.
struct ArgumentList {
    private(set) var words: [String] = []
    private var options: [String: String] = [:]

    /// Those that a value follows.
    private static let valued: Set = ["--setup", "--ca", "--days", "--key"]
    private static let plain: Set = ["--json", "--yes", "--help", "-h", "--version"]

    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else {
                words.append(argument)
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            var value = parts.count > 1 ? String(parts[1]) : nil
            if ArgumentList.valued.contains(name) {
                if value == nil { value = rest.popFirst() }
                guard value?.isEmpty == false else { throw UsageError("\(name) needs a value") }
            } else {
                guard ArgumentList.plain.contains(argument) else {
                    throw UsageError.unknown(name, among: ArgumentList.valued.union(ArgumentList.plain).sorted())
                }
            }
            guard options.updateValue(value ?? "", forKey: name) == nil else {
                throw UsageError("\(name) is there twice")
            }
        }
    }

    func has(_ option: String) -> Bool { options[option] != nil }
    func value(_ option: String) -> String? { options[option] }

    /// Refuses options that do not go with the command, and words beyond the `words` behind its own.
    func allow(_ allowed: Set<String>, words count: Int) throws(UsageError) {
        if let other = options.keys.filter({ !allowed.contains($0) }).min() {
            throw UsageError("\(other) does not go with \(words.first ?? "run")")
        }
        if words.count > count + 1 { throw UsageError("\"\(SafeText(words[count + 1]))\" is one word too many") }
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
