/// The commands for administrators of a running node. One table for what is accepted on the command line and on the
/// socket, for `--help` and, by a test, for `Docs/operating.md`.
package enum AdminVerb: String, CaseIterable, Sendable {
    case list = "peers list"
    case why = "peers why"
    case test = "peers test"
    case retry = "peers retry"
    case pause = "peers pause"
    case resume = "peers resume"
    case trust = "peers trust"
    case add = "peers add"
    case remove = "peers remove"
    case rotate = "key rotate"

    /// What stands behind the words of a command, in this order.
    package enum Argument: String, CaseIterable, Sendable {
        case name, address

        package var word: String { rawValue.uppercased() }
    }

    package enum Option: String, CaseIterable, Sendable {
        case key, yes

        /// As it is typed, without its value.
        package var word: String { "--\(rawValue)" }
    }

    package struct Row: Sendable {
        package let arguments: [Argument]
        package var options: [Option] = []
        package let meaning: String
        /// What it does is worth a line in the log.
        package var isChange = true
    }

    package var row: Row {
        switch self {
        case .list: Row(arguments: [], meaning: "how the link of each server stands", isChange: false)
        case .why: Row(arguments: [.name], meaning: "everything known of one link, and what helps", isChange: false)
        case .test:
            Row(
                arguments: [.name], meaning: "walk the way there, from the name to both proofs; disturbs no link",
                isChange: false)
        case .retry: Row(arguments: [.name], meaning: "dial now")
        case .pause: Row(arguments: [.name], meaning: "no link to that server until resume; messages stay queued")
        case .resume: Row(arguments: [.name], meaning: "the end of pause")
        case .trust:
            Row(
                arguments: [.name], options: [.key, .yes],
                meaning: "take the key that was offered in place of the known one; asks, or needs --yes")
        case .add:
            Row(
                arguments: [.name, .address], options: [.key],
                meaning: "add a server, or change one that was added; the setup file stays as it is")
        case .remove:
            Row(
                arguments: [.name], options: [.yes],
                meaning: "forget a server that was added; with --yes also if messages wait for it")
        case .rotate:
            Row(
                arguments: [],
                meaning: "make a new key for this server, which the old one signs for; also if no node runs")
        }
    }

    /// As `--help` shows it: `peers add NAME ADDRESS [--key KEY]`.
    package var usage: String {
        let options = row.options.map { $0 == .key ? " [\($0.word) KEY]" : " [\($0.word)]" }
        return rawValue + row.arguments.map { " \($0.word)" }.joined() + options.joined()
    }
}
