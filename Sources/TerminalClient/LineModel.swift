package import Bytes
package import ChatClient
package import Wire

/// What the line mode knows and says: events in, lines for a person out. No clock, no terminal.
package struct LineModel: Sendable {
    package let address: Address
    /// Whether a person is looking: times at the front, how files move, and what was said last.
    package let isTerminal: Bool
    let localTime: @Sendable (Int64) -> LocalTime

    /// Whom plain lines go to.
    package private(set) var current = Conversation.everyone
    /// This command brings what was said before; it is shown in front of what is new.
    package var context: CommandToken?

    var now = Instant(nanoseconds: 0)
    var wallMilliseconds: Int64 = 0
    var lines: [SafeLine] = []

    // LineMessages.swift
    var own: [MessageID: OwnMessage] = [:]
    /// New messages of the current conversation while its context is on its way.
    var held: [AnsweredEvent] = []
    var contextSeqs: Set<Int64> = []

    // LineNews.swift
    var hasConnected = false
    var isConnected = false
    var disconnection: (reason: String, at: Instant)?
    /// How much each command was answered with.
    var answers: [CommandToken: Int] = [:]
    /// For completion.
    private var people: Set<Address> = []

    // LineFiles.swift
    var files: [Int64: ShownFile] = [:]
    /// The messages that offer one's own files.
    var offers: [MessageID: Int64] = [:]

    /// `localTime` turns milliseconds since 1970 into what a clock shows.
    package init(address: Address, isTerminal: Bool, localTime: @escaping @Sendable (Int64) -> LocalTime) {
        self.address = address
        self.isTerminal = isTerminal
        self.localTime = localTime
    }

    package var prompt: SafeText { SafeText("\(current.text)> ") }

    // MARK: What is typed

    /// The command of a line, for the session; nil if there is none, or if `lines` answer it already.
    package mutating func take(_ line: String) -> (command: Command?, lines: [SafeLine]) {
        defer { lines = [] }
        do throws(Refusal) {
            let command = try TypedCommand.parse(line, current: current)
            switch command {
            case .to(let conversation):
                current = conversation
                say("you write to \(conversation) now")
            case .help(let name):
                let help = try name.map { name throws(Refusal) in try CommandHelp.typed(name) } ?? CommandHelp.typed
                for line in help { say("\(SafeText(line))", timed: false) }
                if name == nil { say("A line without a slash goes to the current conversation.", timed: false) }
            case nil: break
            default: return (command, lines)
            }
        } catch { say("\(SafeText(error.text))", .alarm) }
        return (nil, lines)
    }

    /// What may stand in place of the last word of `text`. `listing` gives the names in a folder; those of folders end
    /// with a slash.
    package func completions(of text: String, listing: (String) -> [String]) -> [String] {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let first = words.first, let last = words.last, first.hasPrefix("/") else { return [] }
        let typed = CommandTable.all.filter { $0.typedName != nil }
        guard words.count > 1 else {
            return typed.compactMap { $0.typedName.map { "/" + $0 } }.filter { $0.hasPrefix(first) }
        }
        guard let spec = typed.first(where: { "/" + ($0.typedName ?? "") == first }) else { return [] }
        let arguments = spec.arguments.filter { if case .word = $0.typing { true } else { false } }
        let place = min(words.count - 2, arguments.count - 1)
        guard place >= 0, words.count - 2 == place || arguments[place].kind == .path else { return [] }
        switch arguments[place].kind {
        case .address: return names.filter { $0.hasPrefix(last) }
        case .conversation: return (["public"] + names).filter { $0.hasPrefix(last) }
        case .command: return typed.compactMap(\.typedName).filter { $0.hasPrefix(last) }
        case .file: return files.values.filter(\.canBeNamed).map { "\($0.number)" }.filter { $0.hasPrefix(last) }
        case .path:
            // The path may hold spaces; what stands before the last of them is not replaced.
            let path = words[(place + 1)...].joined(separator: " ")
            let isWhole = words.count - 2 == place
            let cut = isWhole ? 0 : path.count - last.count
            return LineModel.paths(path, listing).map { String($0.dropFirst(cut)) }
        case .text, .id, .number: return []
        }
    }

    private var names: [String] { people.sorted().map(\.text) }

    private static func paths(_ path: String, _ listing: (String) -> [String]) -> [String] {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let (folder, name) = (String(path[..<slash]), String(path[slash...]))
        let found = listing(folder).filter { $0.hasPrefix(name) && (!name.isEmpty || !$0.hasPrefix(".")) }.sorted()
        // One folder alone would be ended with a space: what is in it leads on.
        if found.count == 1, let only = found.first, only.hasSuffix("/") {
            let inside = listing(folder + only).filter { !$0.hasPrefix(".") }.sorted()
            if inside.count > 1 { return inside.map { folder + only + $0 } }
        }
        return found.map { folder + $0 }
    }

    // MARK: What happens

    /// The lines for the events of one turn. `wallMilliseconds` since 1970 is what the clock shows.
    package mutating func render(
        _ events: [AnsweredEvent], at now: Instant, wallMilliseconds: Int64
    ) -> [SafeLine] {
        (self.now, self.wallMilliseconds) = (now, wallMilliseconds)
        defer { lines = [] }
        var news: [AnsweredEvent] = []
        for event in events {
            if LineModel.isGrouped(event) {
                news.append(event)
            } else {
                showGrouped(news)
                news = []
                show(event)
            }
        }
        showGrouped(news)
        return lines
    }

    /// When `due` has something to say; nil if never.
    package var deadline: Instant? { own.values.compactMap(\.worryAt).min() }

    /// What has become worth a line by the mere passing of time.
    package mutating func due(at now: Instant, wallMilliseconds: Int64) -> [SafeLine] {
        (self.now, self.wallMilliseconds) = (now, wallMilliseconds)
        defer { lines = [] }
        worry()
        return lines
    }

    private mutating func show(_ answered: AnsweredEvent) {
        let event = answered.event
        if let token = event.answering, token == context { return showContext(answered) }
        if let token = event.answering, event != .done(token) { answers[token, default: 0] += 1 }
        switch event {
        case .connected: connected()
        case .disconnected(let reason, let retryIn): disconnected(reason, retryIn)
        case .message(let message, let token):
            guard token != nil || !hold(answered, message) else { return }
            show(message, isHistory: token != nil)
        case .state(let id, let state, _): show(id, state, answered.asked)
        case .gap(let conversation, let range, let token): gap(conversation, range, isAnswer: token != nil)
        case .file(let file, let token): show(file, isAnswer: token != nil)
        case .error(let code, let text, _): say("error: \(SafeText(text)) (\(SafeText(code)))", .alarm)
        case .done(let token): done(token, answered.asked)
        case .person(let person, _):
            note(person.address)
            say("  \(person.address)  \(SafeText(person.status.words))", timed: false)
        case .server(let status, let waiting): show(status, waiting: waiting)
        case .key(let key, let address, let change, _): answer(key, of: address, change)
        }
    }

    mutating func note(_ address: Address) {
        guard people.count < LineModel.peopleMax, address != self.address else { return }
        people.insert(address)
    }

    // MARK: Lines

    mutating func takeLines() -> [SafeLine] {
        defer { lines = [] }
        return lines
    }

    /// On a terminal the time stands in front, unless the line continues another.
    mutating func say(
        _ line: SafeLine, _ style: SafeLine.Style? = nil, timed: Bool = true, at milliseconds: Int64? = nil
    ) {
        let styled = style.map { line.styled($0) } ?? line
        guard isTerminal, timed else { return lines.append(styled) }
        let time = localTime(milliseconds ?? wallMilliseconds).minute
        lines.append("\(time, .quiet) \(styled)")
    }

    /// Addresses that Tab completes.
    private static let peopleMax = 10_000
}

extension Person.Status {
    /// For people.
    package var words: String {
        switch self {
        case .online: "online"
        case .offline: "offline"
        case .unknown: "cannot be reached now"
        }
    }
}
