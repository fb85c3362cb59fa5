import Bytes
import ChatClient
import Wire

/// A message of one's own, until its end is known.
struct OwnMessage: Sendable {
    let to: Conversation?
    /// How it is called.
    let label: SafeText
    var state: SendState
    /// Typed in this run, so that its end is told, also a good one. The offer of a file has lines of its own.
    var isTyped = false
    /// Unless it gets on until then, its state is worth a line.
    var worryAt: Instant?
    /// A line has told that it does not get on.
    var isWorrying = false
    /// It stands among the others: what became of it can be told.
    var isShown = false
}

/// Messages and what becomes of one's own.
extension LineModel {
    mutating func show(_ message: ShownMessage, isHistory: Bool) {
        note(message.from)
        if case .direct(let other) = message.conversation { note(other) }
        let place: SafeLine =
            switch message.conversation {
            case .everyone: "[public]"
            case .direct(let other): "[\(other) private]"
            }
        let texts: [SafeText]
        switch message.content {
        case .text(let text): texts = SafeText.lines(of: text)
        case .file(let offer): texts = [SafeText("file \"\(offer.name)\" (\(Amount.bytes(offer.bytes)))")]
        case nil: texts = [SafeText("(this message cannot be opened here)")]
        }
        let style: SafeLine.Style =
            switch message.content {
            case nil: .alarm
            case .text where message.from == address: .own
            default: .plain
            }
        for (index, text) in texts.enumerated() {
            if index > 0 {
                say("    \(text, style)", timed: false)
            } else {
                say("\(day(of: message, isHistory))\(place) \(message.from): \(text, style)", at: message.at)
            }
        }
        own[message.id]?.isShown = true
        if let known = own[message.id], known.state == .delivered { arrived(message.id, known) }
    }

    /// In front of what was not said today. A program sees the time of what it asked for.
    private func day(of message: ShownMessage, _ isHistory: Bool) -> SafeLine {
        let time = localTime(message.at)
        if !isTerminal { return isHistory ? "\(time.day) \(time.minute) " : "" }
        return time.day == localTime(wallMilliseconds).day ? "" : "\(time.day, .quiet) "
    }

    // MARK: Context

    /// Whether the message waits for what was said before it. Nothing is lost by holding it: where the program is killed
    /// in between, the next start shows it among what was said last.
    mutating func hold(_ answered: AnsweredEvent, _ message: ShownMessage) -> Bool {
        guard message.conversation == .everyone else { return false }
        if context != nil, held.count < LineModel.heldMax {
            held.append(answered)
            return true
        }
        // It was among what was said last.
        return contextSeqs.remove(message.seq) != nil
    }

    mutating func showContext(_ answered: AnsweredEvent) {
        switch answered.event {
        case .message(let message, _):
            if contextSeqs.isEmpty { say("what was said last in public:", .quiet) }
            contextSeqs.insert(message.seq)
            show(message, isHistory: true)
        case .done: releaseHeld()
        default: break
        }
    }

    /// The lines of what still waits, for a program that ends.
    package mutating func releaseHeld(at wallMilliseconds: Int64) -> [SafeLine] {
        self.wallMilliseconds = wallMilliseconds
        defer { lines = [] }
        releaseHeld()
        for (id, message) in own.sorted(by: { $0.key < $1.key }) where message.state == .delivered {
            arrived(id, message)
        }
        return lines
    }

    /// Shows what waited for the context, also if that does not come.
    mutating func releaseHeld() {
        context = nil
        let waiting = held
        held = []
        for answered in waiting {
            guard case .message(let message, _) = answered.event, contextSeqs.remove(message.seq) == nil else {
                continue
            }
            show(message, isHistory: false)
        }
    }

    // MARK: States

    /// The message appears in its place once the node has it. Then comes one line, when it has arrived or has not for
    /// a while.
    mutating func show(_ id: MessageID, _ state: SendState, _ asked: Asked?) {
        var message = own[id] ?? newMessage(id, state, asked)
        let before = message.state
        message.state = state
        message.worryAt = nil
        switch state {
        case .pending(.keyChanged):
            guard before != state || !message.isWorrying else { break }
            if case .direct(let other)? = message.to {
                say(
                    "  waits, for the keys of \(other) have changed; /trust \(other) sends it: \(message.label)", .alarm
                )
            } else {
                say("  waits, for the recipient's keys have changed; /trust ADDRESS sends it: \(message.label)", .alarm)
            }
            message.isWorrying = true
        case .pending(nil) where !isConnected:
            say("  kept, and sent once there is a connection: \(message.label)", .quiet)
            message.isWorrying = true
        case .pending: if !message.isWorrying { message.worryAt = now.advanced(by: LineModel.patience) }
        case .accepted(let waiting):
            if before != state { message.isWorrying = false }
            if !waiting.isEmpty, !message.isWorrying { message.worryAt = now.advanced(by: LineModel.patience) }
        case .delivered:
            guard message.isTyped, !message.isShown, own[id] != nil else { return arrived(id, message) }
            // A sealed message takes a moment longer to be shown than to arrive.
            message.worryAt = now.advanced(by: LineModel.patience)
        case .failed(let refusal):
            say("  NOT SENT: \(message.label)", .alarm)
            say("  \(SafeText(refusal.text)) (\(SafeText(refusal.code.rawValue)))", .alarm)
        case .unconfirmed(let waiting):
            if before != state || !message.isWorrying {
                say("  no word of \(names(waiting)) for seven days; it may still arrive: \(message.label)", .alarm)
            }
            message.isWorrying = true
        }
        // A file is offered by a message of its own, which the file's lines speak of.
        if own.count < LineModel.ownMax || own[id] != nil { own[id] = message }
        if case .failed = state { own[id] = nil }
    }

    private mutating func arrived(_ id: MessageID, _ message: OwnMessage) {
        own[id] = nil
        if message.isTyped || message.isWorrying { say("  delivered: \(message.label)", .quiet) }
    }

    private func newMessage(_ id: MessageID, _ state: SendState, _ asked: Asked?) -> OwnMessage {
        switch asked?.command {
        case .message(let to, let text, _):
            let label = SafeText("\"\(SafeText.excerpt(text).text)\"")
            return OwnMessage(to: to, label: label, state: state, isTyped: true)
        case .file(let to, let path, _):
            return OwnMessage(to: to, label: SafeText.excerpt("file \(path)"), state: state)
        default:
            if let number = offers[id] {
                return OwnMessage(to: nil, label: SafeText("the offer of file \(number)"), state: state)
            }
            // Of an earlier run. Its id knows when it was written (RFC 9562 §5.7); that it did not arrive at once has
            // been told then.
            let milliseconds = id.bytes.prefix(6).reduce(0) { $0 << 8 | Int64($1) }
            let time = localTime(milliseconds)
            let isToday = time.day == localTime(wallMilliseconds).day
            let words = "your message of \(isToday ? "" : "\(time.day) ")\(time.minute)"
            return OwnMessage(to: nil, label: SafeText(words), state: state, isWorrying: state == .delivered)
        }
    }

    /// Tells of messages that have not got on for a while.
    mutating func worry() {
        for (id, message) in own.sorted(by: { $0.key < $1.key }) {
            guard let at = message.worryAt, at <= now else { continue }
            own[id]?.worryAt = nil
            own[id]?.isWorrying = true
            switch message.state {
            case .pending(.noKeys):
                say("  waits for the recipient's keys, and is sent by itself: \(message.label)", .quiet)
            case .pending: say("  not with your server yet: \(message.label)", .quiet)
            case .accepted(let waiting):
                say("  not yet on \(names(waiting)), which gets it by itself: \(message.label)", .quiet)
            case .delivered: arrived(id, message)
            case .failed, .unconfirmed: break
            }
        }
    }

    var pendingCount: Int { own.values.count { if case .pending = $0.state { true } else { false } } }

    private func names(_ servers: [ServerName]) -> SafeText {
        servers.isEmpty ? SafeText("the recipient's server") : SafeText(servers.map(\.text).joined(separator: ", "))
    }

    /// What gets on within this time is nothing to speak of.
    static let patience: Duration = .seconds(2)
    /// Messages whose course is followed; of the rest only failures are told.
    private static let ownMax = 10_000
    /// The context comes within a moment; what is more than this comes before it.
    private static let heldMax = 1000
}
