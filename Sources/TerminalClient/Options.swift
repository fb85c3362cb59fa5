package import Wire

/// What the command line says.
package struct Options: Equatable, Sendable {
    package enum Wish: Equatable, Sendable { case run, help, version }

    /// How far a message has to get before `send` ends.
    package enum Wait: String, CaseIterable, Sendable { case accepted, delivered }

    package var wish = Wish.run
    package var address: Address?
    /// nil: the client runs until it is told to end.
    package var verb: Verb?
    /// The verb whose help is wanted.
    package var verbName: String?
    package var setupPath: String?
    package var server: String?
    package var isJSON = false
    /// Another device of the same account.
    package var profile: UserName?
    package var passwordPath: String?
    package var certificatePath: String?
    package var wait = Wait.accepted
    package var count = CommandTable.historyCountDefault
    package var timeoutSeconds = 30

    /// Throws `usage` for what is not known or not complete.
    package init(parsing arguments: [String]) throws(StartFault) {
        var rest = arguments[...]
        var isOptionsOver = false
        var seen: Set<Option> = []
        var words: [String] = []
        while let argument = rest.popFirst() {
            if argument == "--", !isOptionsOver {
                isOptionsOver = true
            } else if argument.hasPrefix("-"), argument != "-", !isOptionsOver {
                try take(argument, &rest, &seen)
            } else {
                words.append(argument)
            }
        }
        try take(words)
        let misplaced = seen.filter { $0.isOfVerbs && verbName.flatMap(VerbTable.find)?.options.contains($0) != true }
        if let option = misplaced.min(by: { $0.rawValue < $1.rawValue }) {
            let verbs = VerbTable.all.filter { $0.options.contains(option) }.map(\.name)
            throw StartFault(.usage, "\(option.rawValue) belongs to \(verbs.joined(separator: ", "))")
        }
        guard !seen.contains(.line) || (!isJSON && verbName == nil) else {
            throw StartFault(.usage, "--line goes with no verb and not with --json")
        }
    }

    /// An address holds an @, so a verb is never mistaken for one.
    private mutating func take(_ words: [String]) throws(StartFault) {
        var words = words
        if let first = words.first, first.contains("@") {
            address = try Options.address(first)
            words.removeFirst()
        }
        guard let name = words.first else { return }
        guard let spec = VerbTable.find(name) else {
            guard !name.contains("@") else {
                throw StartFault(.usage, "there is one address too many: \(SafeText(name)); a verb goes before it")
            }
            let known = VerbTable.all.map(\.name)
            let hint = Spelling.nearest(to: name, among: known).map { "did you mean \($0)?" }
            throw StartFault(
                .usage,
                "\(SafeText(name)) is neither an address (user@server) nor a verb; \(hint ?? "verbs are \(known.joined(separator: ", "))")"
            )
        }
        verbName = spec.name
        if wish == .run { verb = try spec.parse(Array(words.dropFirst())) }
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
        try set(option, value ?? "")
    }

    private mutating func set(_ option: Option, _ value: String) throws(StartFault) {
        switch option {
        case .setup: setupPath = value
        case .server: server = value
        case .json: isJSON = true
        // The default; said by scripts that mean it.
        case .line: break
        case .profile:
            do throws(AddressError) { profile = try UserName(value) } catch {
                throw StartFault(.usage, "--profile \(SafeText(value)): \(error.text)")
            }
        case .passwordFile: passwordPath = value
        case .certificate: certificatePath = value
        case .wait:
            guard let state = Wait(rawValue: value) else {
                throw StartFault(.usage, "--wait is for \(Wait.allCases.map(\.rawValue).joined(separator: " or "))")
            }
            wait = state
        case .count: count = try Options.number(option, value, max: HistoryRange.countMax)
        case .timeout: timeoutSeconds = try Options.number(option, value, max: Options.timeoutSecondsMax)
        case .help: wish = .help
        case .version: if wish != .help { wish = .version }
        }
    }

    private static func number(_ option: Option, _ value: String, max: Int) throws(StartFault) -> Int {
        guard let number = Int(value), (1...max).contains(number) else {
            throw StartFault(.usage, "\(option.rawValue) is a number from 1 to \(max)")
        }
        return number
    }

    /// What a person typed: capitals are folded.
    package static func address(_ text: String) throws(StartFault) -> Address {
        do { return try Address(typed: text) } catch {
            throw StartFault(.usage, "\(SafeText(text)): \(error.text)")
        }
    }

    package static let version = "postroad 0.1.0"
    /// A day; whoever waits longer has another tool for it.
    private static let timeoutSecondsMax = 86_400
}
