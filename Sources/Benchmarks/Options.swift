import Wire

/// What the command line says.
struct Options: Equatable {
    var isQuick = false
    var isHelpWanted = false
    /// Only rows whose name contains this.
    var only: String?
    /// Where the records go.
    var jsonPath: String?
    /// The program to measure; nil is the one that lies beside this one.
    var nodePath: String?
    var rounds = 3
    /// Messages that wait before they are drained.
    var queued = Options.queuedUsually

    static let queuedUsually = 20_000
    /// An outbox holds no more.
    static let queuedAccepted = 100...1_000_000

    /// A median of fewer says nothing; of more, the run takes longer than anybody waits.
    static let roundsAccepted = 3...15

    /// Throws what is wrong with the command line.
    init(parsing arguments: [String]) throws(BenchmarkFault) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard let option = Option(rawValue: argument) else {
                let nearest = Spelling.nearest(to: argument, among: Option.allCases.map(\.rawValue))
                let hint = nearest.map { "; did you mean \($0)?" } ?? "; see --help"
                throw BenchmarkFault("\(SafeText(argument)) is no option\(hint)")
            }
            var value = ""
            if let placeholder = option.placeholder {
                guard let next = rest.popFirst(), !next.isEmpty else {
                    throw BenchmarkFault("\(argument) needs a value: \(argument) \(placeholder)")
                }
                value = next
            }
            switch option {
            case .quick: isQuick = true
            case .help: isHelpWanted = true
            case .only: only = value
            case .json: jsonPath = value
            case .node: nodePath = value
            case .rounds: rounds = try Options.number(value, in: Options.roundsAccepted, of: argument)
            case .queued: queued = try Options.number(value, in: Options.queuedAccepted, of: argument)
            }
        }
    }

    private static func number(
        _ value: String, in range: ClosedRange<Int>, of option: String
    ) throws(BenchmarkFault) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw BenchmarkFault("\(option) takes \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static var help: String {
        let rows = Option.allCases.map { option in
            ([option.rawValue, option.placeholder].compactMap { $0 }.joined(separator: " "), option.summary)
        }
        let width = rows.map(\.0.count).max() ?? 0
        let table = rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
        let scenarios = Scenario.all(isQuick: false).map { "  \($0.name): \($0.summary)" }
        return """
            Usage: postroad-bench [options]

            Measures real node processes over loopback, and parts of the code alone. Nodes are started on free ports
            with their data in a temporary folder, and are ended with it.

            \(table.joined(separator: "\n"))

            Each round plays every row once; what is printed is the median of the rounds, and from least to most.
            Docs/performance.md says what the figures mean. The rows:

            \(scenarios.joined(separator: "\n"))

            Exit codes: 0 ok, 1 something failed and there are no figures, 2 usage.
            """
    }
}

/// All options, in the order of the help.
enum Option: String, CaseIterable {
    case quick = "--quick"
    case only = "--only"
    case rounds = "--rounds"
    case queued = "--queued"
    case json = "--json"
    case node = "--node"
    case help = "--help"

    /// What stands for the value in the help; nil if the option takes none.
    var placeholder: String? {
        switch self {
        case .only: "WORD"
        case .rounds, .queued: "N"
        case .json, .node: "FILE"
        case .quick, .help: nil
        }
    }

    var summary: String {
        switch self {
        case .quick: "shorter measurements, for a first look"
        case .only: "only rows whose name contains this"
        case .rounds: "rounds to take the median of (3)"
        case .queued: "messages that the rows `drain` let wait (20000; 5000 at most with --quick)"
        case .json: "also write the records to this file, one JSON object a line"
        case .node: "the node to measure (postroad-node beside this program)"
        case .help: "print this and exit"
        }
    }
}
