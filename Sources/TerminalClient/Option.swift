/// All options, in the order of the help.
package enum Option: String, CaseIterable, Sendable {
    case setup = "--setup"
    case server = "--server"
    case passwordFile = "--password-file"
    case certificate = "--certificate"
    case profile = "--profile"
    case line = "--line"
    case json = "--json"
    case wait = "--wait"
    case count = "--count"
    case timeout = "--timeout"
    case help = "--help"
    case version = "--version"

    /// What stands for the value in the help; nil if the option takes none.
    package var placeholder: String? {
        switch self {
        case .setup, .passwordFile, .certificate: "FILE"
        case .server: "HOST:PORT"
        case .profile: "NAME"
        case .wait: "STATE"
        case .count: "N"
        case .timeout: "SECONDS"
        case .line, .json, .help, .version: nil
        }
    }

    package var summary: String {
        switch self {
        case .setup: "read this file instead of client_setup.json"
        case .server:
            "connect here, whatever the setup says (port 5001 if none is given); tls:// or tcp:// may stand before"
        case .passwordFile: "read the password from the first line of this file"
        case .certificate: "show this certificate, in PEM with its key, to a node that asks for one"
        case .profile: "be another device of the same account, beside a client that runs"
        case .line: "lines for people; the default"
        case .json: "commands and events, or what a verb prints, as lines of JSON"
        case .wait: "send: wait until the message is accepted (the default) or delivered"
        case .count: "history: how many messages"
        case .timeout: "verbs: how long to wait without getting on, 30 unless said"
        case .help: "print this, or what one verb does, and exit"
        case .version: "print the version and exit"
        }
    }

    /// Only some verbs take it.
    var isOfVerbs: Bool { self == .wait || self == .count || self == .timeout }
}

extension Options {
    package static var help: String {
        let options = Option.allCases.map { option in
            ([option.rawValue, option.placeholder].compactMap { $0 }.joined(separator: " "), option.summary)
        }
        let verbs = VerbTable.all.map { spec in
            (
                ([spec.name] + spec.arguments.map { $0.isOptional ? "[\($0.placeholder)]" : $0.placeholder })
                    .joined(separator: " "), spec.summary
            )
        }
        return """
            Usage: postroad [USER@SERVER] [options]             talk: /help shows the commands
                   postroad [USER@SERVER] [options] VERB …      do one thing and end

            Talks to the node that serves SERVER, as USER, or as "user" of client_setup.json.

            \(indented(CommandHelp.columns(verbs)))

            \(indented(CommandHelp.columns(options)))

            The password is taken from --password-file, from POSTROAD_PASSWORD, or asked for on the terminal; after the
            first login it is not needed. client_setup.json holds "server_ip", "servers", "user",
            "downloads" and "certificate".

            With --json and no verb, commands are read from standard input, one object a line:
            \(indented(CommandHelp.json))

            Exit codes: 0 ok, 1 failure, 2 usage, 68 unknown host, 69 unreachable, 75 kept for the next run, 76 protocol,
            77 login refused, 78 bad setup, 129, 130 and 143 on signals.
            """
    }

    private static func indented(_ lines: [String]) -> String { lines.map { "  " + $0 }.joined(separator: "\n") }
}
