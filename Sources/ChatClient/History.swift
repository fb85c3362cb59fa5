import Wire

/// A history command, which may take several pages: downwards from `before`, newest first, or upwards from `after`.
struct HistoryWork: Sendable {
    let conversation: Conversation
    let count: Int
    let before: Int64?
    let after: Int64?
    /// Ascending; nil for damaged ones.
    var collected: [(seq: Int64, entry: Entry?)] = []
    var queue = ReadingQueue()

    init(conversation: Conversation, count: Int, before: Int64?, after: Int64? = nil) {
        self.conversation = conversation
        self.count = count
        self.before = before
        self.after = after
    }

    /// The page still wanted; nil if `collected` is all of it.
    var range: HistoryRange? {
        guard collected.count < count else { return nil }
        if let after {
            let reached = collected.last?.seq ?? after
            // With both ends given, what lies between them.
            if let before, reached >= before - 1 { return nil }
            return HistoryRange(conversation: conversation, after: reached, count: count - collected.count)
        }
        return HistoryRange(
            conversation: conversation, before: collected.first?.seq ?? before, count: count - collected.count)
    }

    /// Whether an answer may hold this one; a node that says more than it was asked is not believed.
    func isWanted(_ seq: Int64) -> Bool {
        guard let after else { return seq < collected.first?.seq ?? before ?? .max }
        return seq > collected.last?.seq ?? after && seq < before ?? .max
    }

    /// Takes in what a page brought, in ascending order.
    mutating func collect(_ found: [(seq: Int64, entry: Entry?)]) {
        let wanted = max(0, count - collected.count)
        collected = after == nil ? found.suffix(wanted) + collected : collected + found.prefix(wanted)
    }
}

/// Pages: those of history commands, and those that fill holes.
extension ClientMachine {
    mutating func pageCame(_ page: HistoryPage, _ ref: Int64) {
        guard let purpose = asked.removeValue(forKey: ref) else { return }
        switch purpose {
        case .fill(let conversation):
            if page.conversation == conversation { filled(conversation, with: page) } else { stallFill(conversation) }
        case .page(let token): collect(page, token)
        case .ping, .keys, .who, .whoEnd, .states, .file: break
        }
    }

    private mutating func collect(_ page: HistoryPage, _ token: CommandToken) {
        guard case .history(var work) = questions[token]?.kind, page.conversation == work.conversation else { return }
        var found: [Int64: Entry?] = [:]
        for seq in page.damaged where work.isWanted(seq) { found.updateValue(nil, forKey: seq) }
        for entry in page.entries where work.isWanted(entry.seq) { found.updateValue(entry, forKey: entry.seq) }
        work.collect(found.sorted { $0.key < $1.key }.map { (seq: $0.key, entry: $0.value) })
        questions[token]?.kind = .history(work)
        if page.hasMore, !found.isEmpty, work.range != nil { return ask(.page(token)) }
        for (seq, entry) in work.collected {
            let item = entry.map { prepare($0, in: work.conversation, for: .question(token)) } ?? .gap(seq...seq)
            work.queue.append(item)
        }
        questions[token]?.kind = .history(work)
        showHistory(token)
    }

    mutating func historyOpened(_ token: CommandToken, _ number: Int64, _ content: MessageContent?) {
        guard case .history(var work) = questions[token]?.kind else { return }
        work.queue.resolve(number, content)
        questions[token]?.kind = .history(work)
        showHistory(token)
    }

    private mutating func showHistory(_ token: CommandToken) {
        guard case .history(var work) = questions[token]?.kind else { return }
        var shown: ClosedRange<Int64>?
        for item in work.queue.takeReady() {
            show(item, in: work.conversation, answering: token)
            guard case .ready(let entry, _) = item else { continue }
            if let range = shown, entry.seq - range.upperBound > 1 {
                actions.append(.fillGap(work.conversation, range))
                shown = nil
            }
            shown = (shown?.lowerBound ?? entry.seq)...entry.seq
        }
        if let shown { actions.append(.fillGap(work.conversation, shown)) }
        questions[token]?.kind = .history(work)
        if work.queue.isEmpty { finish(token) }
    }

    /// Unanswered at one time.
    static let questionsMax = 1000
}
