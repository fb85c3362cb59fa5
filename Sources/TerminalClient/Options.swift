package import Wire

/// What the command line says.
package struct Options: Equatable, Sendable {
    package enum Wish: Equatable, Sendable { case run, help, version }

    package var wish = Wish.run
    package var address: Address?
    package var setupPath: String?
    package var server: String?
    package var isJSON = false
    package var passwordPath: String?

    /// Throws `usage` for what is not known or not complete.
    package init(parsing arguments: [String]) throws(StartFault) {
        var rest = arguments[...]
        var isOptionsOver = false
        var seen: Set<Option> = []
        while let argument = rest.popFirst() {
            if argument == "--", !isOptionsOver {
                isOptionsOver = true
            } else if argument.hasPrefix("-"), argument != "-", !isOptionsOver {
                try take(argument, &rest, &seen)
            } else {
                guard address == nil else {
                    throw StartFault(.usage, "there is one address too many: \(SafeText(argument))")
                }
                address = try Options.address(argument)
            }
        }
    }

    private mutating func take(
        _ argument: String, _ rest: inout ArraySlice<String>, _ seen: inout Set<Option>
    ) throws(StartFault) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts.first ?? "")
        guard let option = Option.allCases.first(where: { $0.rawValue == name }) else {
            let nearest = Spelling.nearest(to: name, among: Option.allCases.map(\.rawValue))
            let hint = nearest.map { "; did you mean \($0)?" } ?? "; see --help"
            throw StartFault(.usage, "\(SafeText(name)) is no option\(hint)")
        }
        guard seen.insert(option).inserted else { throw StartFault(.usage, "\(name) is there twice") }
        var value = parts.count > 1 ? String(parts[1]) : nil
        if let placeholder = option.placeholder {
            if value == nil { value = rest.popFirst() }
            guard value?.isEmpty == false else {
                throw StartFault(.usage, "\(name) needs a value: \(name) \(placeholder)")
            }
        } else if value != nil {
            throw StartFault(.usage, "\(name) takes no value")
        }
        switch option {
        case .setup: setupPath = value
        case .server: server = value
        case .json: isJSON = true
        case .passwordFile: passwordPath = value
        case .help: wish = .help
        case .version: if wish != .help { wish = .version }
        }
    }

    /// What a person typed: capitals are folded.
    package static func address(_ text: String) throws(StartFault) -> Address {
        do { return try Address(typed: text) } catch {
            throw StartFault(.usage, "\(SafeText(text)): \(error.text)")
        }
    }

    package static let version = "postroad 0.1.0"

    package static var help: String {
        let rows = Option.allCases.map { option in
            ([option.rawValue, option.placeholder].compactMap { $0 }.joined(separator: " "), option.summary)
        }
        let width = rows.map(\.0.count).max() ?? 0
        let table = rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
        return """
            Usage: postroad [USER@SERVER] [options]

            Talks to the node that serves SERVER, as USER.

            \(table.joined(separator: "\n"))

            The password is taken from --password-file, from POSTROAD_PASSWORD, or asked for on the terminal; after the
            first login it is not needed. client_setup.json holds "server_ip", "servers" and "user".

            With --json, commands are read from standard input, one object a line:
            \(CommandHelp.json.map { "  " + $0 }.joined(separator: "\n"))

            Exit codes: 0 ok, 1 failure, 2 usage, 68 unknown host, 69 unreachable, 76 protocol, 77 login refused,
            78 bad setup, 130 and 143 on signals.
            """
    }
}

/// All options, in the order of the help.
package enum Option: String, CaseIterable, Sendable {
    case setup = "--setup"
    case server = "--server"
    case json = "--json"
    case passwordFile = "--password-file"
    case help = "--help"
    case version = "--version"

    /// What stands for the value in the help; nil if the option takes none.
    package var placeholder: String? {
        switch self {
        case .setup, .passwordFile: "FILE"
        case .server: "HOST:PORT"
        case .json, .help, .version: nil
        }
    }

    package var summary: String {
        switch self {
        case .setup: "read this file instead of client_setup.json"
        case .server: "connect here, whatever the setup says (port 5001 if none is given)"
        case .json: "read commands and write events as lines of JSON"
        case .passwordFile: "read the password from the first line of this file"
        case .help: "print this and exit"
        case .version: "print the version and exit"
        }
    }
}
