import Wire

/// How far one conversation has been read.
struct Reading: Sendable {
    /// Everything up to here has been shown, or told as a gap.
    var cursor: Int64
    /// The largest sequence number heard of.
    var head: Int64
    /// What follows `cursor` and is on its way to the user.
    var queue = ReadingQueue()

    init(cursor: Int64) {
        self.cursor = cursor
        head = cursor
    }

    /// Everything up to here is shown or queued.
    var reached: Int64 { queue.lastSeq ?? cursor }
}

/// Showing each message once and in order, and filling the holes that absence leaves (P5).
extension ClientMachine {
    /// After a login: where does each conversation stand?
    mutating func readHeads(_ heads: [Welcome.Head]) {
        guard !readings.isEmpty else { return beginReading(heads) }
        var tops: [Conversation: Int64] = [:]
        for head in heads { tops[head.conversation] = head.seq }
        // A welcome with fewer than all places names every conversation that has messages.
        let isComplete = heads.count < Welcome.headsMax
        for conversation in Set(tops.keys).union(readings.keys).sorted(by: { $0.text < $1.text }) {
            var reading = readings[conversation] ?? Reading(cursor: 0)
            guard let top = tops[conversation] ?? (isComplete ? 0 : nil) else {
                readings[conversation] = reading
                fillsWanted.append(conversation)
                continue
            }
            reading.head = top
            readings[conversation] = reading
            if top > reading.cursor { wantFill(conversation) }
        }
    }

    /// The first login of this profile does not bring years of talk; the history command does.
    private mutating func beginReading(_ heads: [Welcome.Head]) {
        readings[.everyone] = Reading(cursor: 0)
        for head in heads { readings[head.conversation] = Reading(cursor: head.seq) }
        for (conversation, reading) in readings.sorted(by: { $0.key.text < $1.key.text }) {
            actions.append(.saveCursor(conversation, reading.cursor))
        }
    }

    mutating func live(_ entry: Entry, in conversation: Conversation) {
        var reading = readings[conversation] ?? Reading(cursor: 0)
        reading.head = max(reading.head, entry.seq)
        readings[conversation] = reading
        guard entry.seq > reading.reached else { return }
        if entry.seq - reading.reached == 1, reading.queue.count < ClientMachine.queuedMax {
            queue(entry, in: conversation)
            show(conversation)
        } else {
            // What came too early comes again with the page that fills the hole.
            wantFill(conversation)
        }
    }

    // MARK: Holes

    /// What earlier runs left out is still missing.
    mutating func tellKnownGaps() {
        for (conversation, ranges) in gapsKnown.sorted(by: { $0.key.text < $1.key.text }) {
            for range in ranges { emit(.gap(conversation, range, answering: nil)) }
        }
        gapsKnown = [:]
    }

    private mutating func wantFill(_ conversation: Conversation) {
        guard !fillsWanted.contains(conversation), !fillsStalled.contains(conversation),
            !asked.values.contains(.fill(conversation)), let reading = readings[conversation]
        else { return }
        if reading.head - reading.reached > ClientMachine.catchUpMax {
            let newest = reading.head - ClientMachine.newestCount
            readings[conversation]?.queue.append(.gap((reading.reached + 1)...newest))
            show(conversation)
        }
        fillsWanted.append(conversation)
        fillHoles()
    }

    mutating func fillHoles() {
        guard phase == .online else { return }
        var later: [Conversation] = []
        var fillCount = asked.values.count { if case .fill = $0 { true } else { false } }
        while fillCount < ClientMachine.fillsMax, !fillsWanted.isEmpty {
            let conversation = fillsWanted.removeFirst()
            guard let reading = readings[conversation] else { continue }
            if reading.queue.count >= HistoryRange.countMax {
                later.append(conversation)
            } else {
                ask(.fill(conversation))
                fillCount += 1
            }
        }
        fillsWanted += later
    }

    mutating func filled(_ conversation: Conversation, with page: HistoryPage) {
        guard var reading = readings[conversation] else { return }
        let before = reading.reached
        reading.head = max(reading.head, page.last)
        readings[conversation] = reading
        var entries: [Int64: Entry?] = [:]
        for seq in page.damaged { entries.updateValue(nil, forKey: seq) }
        for entry in page.entries { entries.updateValue(entry, forKey: entry.seq) }
        for (seq, entry) in entries.sorted(by: { $0.key < $1.key }) {
            let reached = readings[conversation]?.reached ?? seq
            guard seq > reached else { continue }
            if seq - reached > 1 { readings[conversation]?.queue.append(.gap((reached + 1)...(seq - 1))) }
            if let entry {
                queue(entry, in: conversation)
            } else {
                readings[conversation]?.queue.append(.gap(seq...seq))
            }
        }
        let reached = readings[conversation]?.reached ?? before
        if !page.hasMore, page.last > reached {
            // The node has no record of the rest of the range.
            readings[conversation]?.queue.append(.gap((reached + 1)...page.last))
        }
        show(conversation)
        guard let after = readings[conversation], after.head > after.reached else { return fillHoles() }
        if after.reached > before {
            wantFill(conversation)
        } else {
            stallFill(conversation)
        }
        fillHoles()
    }

    mutating func stallFill(_ conversation: Conversation) {
        if !fillsStalled.contains(conversation) { fillsStalled.append(conversation) }
        retryLater()
    }

    // MARK: Showing

    private mutating func queue(_ entry: Entry, in conversation: Conversation) {
        let item = prepare(entry, in: conversation, for: .conversation(conversation))
        readings[conversation]?.queue.append(item)
    }

    mutating func show(_ conversation: Conversation) {
        guard var reading = readings[conversation] else { return }
        let items = reading.queue.takeReady()
        guard let last = items.last else { return }
        reading.cursor = last.lastSeq
        readings[conversation] = reading
        for item in items { show(item, in: conversation, answering: nil) }
        // After the events: a crash in between shows them again, which is better than never.
        actions.append(.saveCursor(conversation, last.lastSeq))
    }

    mutating func show(_ item: ReadingQueue.Item, in conversation: Conversation, answering token: CommandToken?) {
        switch item {
        case .opening: break
        case .gap(let range):
            emit(.gap(conversation, range, answering: token))
            if token == nil { actions.append(.saveGap(conversation, range)) }
        case .ready(let entry, let content):
            let message = ShownMessage(entry, in: conversation, content)
            emit(.message(message, answering: token))
            if token == nil, case .file(let offer) = content { offered(offer, entry.envelope) }
            guard content == nil else { return }
            let from = entry.envelope.from
            let isChanged = ring.lookup(from) == .changed
            emit(
                .error(
                    code: isChanged ? Refusal.Code.keyChanged.rawValue : ClientFault.unreadable.rawValue,
                    text: isChanged
                        ? "message \(message.id) came under a key of \(from) that is not trusted"
                        : "message \(message.id) from \(from) cannot be opened",
                    answering: token))
        }
    }

    /// The connection is gone; what was queued comes again as history.
    mutating func dropReadings() {
        fillsWanted = []
        fillsStalled = []
        openings = [:]
        for conversation in readings.keys { readings[conversation]?.queue = ReadingQueue() }
    }

    /// More than this is not caught up with in full…
    static let catchUpMax: Int64 = 2000
    /// …but only its newest part, and the rest told as a gap.
    static let newestCount: Int64 = 1000
    /// Pages under way at one time: four fill any line, more would crowd the node's queue for this session.
    static let fillsMax = 4
    /// Entries that may wait for one slow key. What comes beyond is asked for again.
    static let queuedMax = 1000
}
