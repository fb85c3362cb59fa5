import Wire

/// Reading conversations, always as one of the people in them: the key of a direct conversation is made from the
/// owner's address, so nobody can name a conversation that is not theirs.
extension NodeStore {
    func history(owner: Address, _ range: HistoryRange, bytesMax: Int) throws(StoreError) -> NodeReply {
        let key =
            switch range.conversation {
            case .everyone: ConversationKey.everyone
            case .direct(let other): ConversationKey.direct(owner, other)
            }
        let found = try database.first("SELECT id, last_seq FROM conversation WHERE key = ?", key) {
            (id: $0.integer(0), last: $0.count(1))
        }
        guard let (id, last) = found else {
            return .history(
                HistoryPage(conversation: range.conversation, entries: [], damaged: [], last: 0, hasMore: false))
        }
        let places = Places(range, last: last)
        var scan = HistoryScan(places: places, bytesMax: bytesMax)
        if places.isForward {
            try database.forEach(
                """
                SELECT \(StoredEnvelope.columns) FROM message m JOIN conversation c ON c.id = m.conversation
                WHERE m.conversation = ? AND m.seq >= ? AND m.seq <= ? ORDER BY m.seq
                """, id, places.low, places.high
            ) { scan.add(StoredEnvelope($0, from: 0)) }
        } else {
            try database.forEach(
                """
                SELECT \(StoredEnvelope.columns) FROM message m JOIN conversation c ON c.id = m.conversation
                WHERE m.conversation = ? AND m.seq >= ? AND m.seq <= ? ORDER BY m.seq DESC
                """, id, places.low, places.high
            ) { scan.add(StoredEnvelope($0, from: 0)) }
        }
        return .history(scan.page(of: range.conversation, last: last))
    }

    func heads(owner: Address, countMax: Int, met: [MetRun]) throws(StoreError) -> NodeReply {
        var known: MetRun?
        var agreed = Int64.max
        if !met.isEmpty, case .partly(let run, let through) = try agreement(with: met) {
            (known, agreed) = (run, through)
        } else {
            known = met.first
        }
        let heads = try database.rows(
            """
            SELECT first, second, last_seq, CASE WHEN last_position > ?3 THEN coalesce((SELECT seq FROM message m
                WHERE m.conversation = c.id AND m.position <= ?3 ORDER BY seq DESC LIMIT 1), 0) END
            FROM (SELECT id, first, second, last_seq, last_position FROM conversation WHERE first = ?1
                UNION ALL SELECT id, first, second, last_seq, last_position FROM conversation WHERE second = ?1
                UNION ALL SELECT id, NULL, NULL, last_seq, last_position FROM conversation
                    WHERE id = 1 AND last_seq > 0
                ORDER BY last_position DESC LIMIT ?2) c
            """, owner.text, max(0, min(countMax, Welcome.headsMax)), agreed
        ) { row -> Welcome.Head? in
            let (seq, base) = (row.count(2), row.optionalInteger(3))
            guard let first = row.optionalText(0) else {
                return Welcome.Head(conversation: .everyone, seq: seq, base: base)
            }
            let other = first == owner.text ? row.optionalText(1) ?? first : first
            guard let address = try? Address(parsing: other) else { return nil }
            return Welcome.Head(conversation: .direct(address), seq: seq, base: base)
        }
        return .heads(heads, known: known)
    }
}

/// The sequence numbers that a range asks for. Numbers are contiguous, so the page is known before any row is read,
/// and a number without a row is damage.
private struct Places {
    let low: Int64
    let high: Int64
    let isForward: Bool
    /// Whether the range goes on behind this page.
    let hasMore: Bool

    init(_ range: HistoryRange, last: Int64) {
        let count = Int64(max(1, min(range.count, HistoryRange.countMax)))
        let bottom = max(0, range.after ?? 0)
        // Exclusive, and at least 1 above any `bottom` that leaves something.
        let top = max(0, min(range.before ?? .max, last + 1))
        isForward = range.after != nil
        guard bottom < top - 1 else {
            (low, high, hasMore) = (1, 0, false)
            return
        }
        low = isForward ? bottom + 1 : max(bottom + 1, top - count)
        high = isForward ? min(top - 1, low + count - 1) : top - 1
        hasMore = isForward ? high < top - 1 : low > bottom + 1
    }
}

/// Collects a page row by row and notes each number for which there is no sound record.
private struct HistoryScan {
    private let places: Places
    private let bytesMax: Int
    private var bytes = 0
    private var isCut = false
    private var next: Int64
    private var entries: [Entry] = []
    private var damaged: [Int64] = []

    init(places: Places, bytesMax: Int) {
        self.places = places
        self.bytesMax = bytesMax
        next = places.isForward ? places.low : places.high
    }

    /// Returns false once the page is full.
    mutating func add(_ stored: StoredEnvelope) -> Bool {
        bytes += stored.bytes.count
        guard entries.isEmpty || bytes <= bytesMax else {
            noteMissing(upTo: stored.seq)
            isCut = true
            return false
        }
        noteMissing(upTo: stored.seq)
        if let envelope = stored.envelope {
            entries.append(Entry(seq: stored.seq, envelope: envelope))
        } else {
            damaged.append(stored.seq)
        }
        next += places.isForward ? 1 : -1
        return true
    }

    mutating func page(of conversation: Conversation, last: Int64) -> HistoryPage {
        if !isCut { noteMissing(upTo: places.isForward ? places.high + 1 : places.low - 1) }
        return HistoryPage(
            conversation: conversation, entries: places.isForward ? entries : entries.reversed(),
            damaged: damaged.sorted(), last: last, hasMore: isCut || places.hasMore)
    }

    /// Ends with `next` at `seq`.
    private mutating func noteMissing(upTo seq: Int64) {
        while places.isForward ? next < seq : next > seq {
            damaged.append(next)
            next += places.isForward ? 1 : -1
        }
    }
}
