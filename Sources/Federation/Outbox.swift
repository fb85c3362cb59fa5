package import Wire

/// The sending half of one stream: what the peer has acknowledged, and on the present link what is on its way. The
/// rows themselves stay in the store; never more than a window of them is here. Nothing is sent out of order, and
/// nothing twice on one link.
package struct Outbox: Sendable {
    package enum Step: Hashable, Sendable {
        case send(LinkMessage)
        case read(after: Int64, countMax: Int, bytesMax: Int)
        case acknowledge(through: Int64, refused: [StreamRefusal])
    }

    /// What has been sent on the present link.
    private struct Window: Sendable {
        /// The last place sent, or where the link began.
        var sent: Int64
        var unacknowledged: [(seq: Int64, bytes: Int)] = []
        var bytes = 0
        var ready: [OutboxRow] = []
    }

    /// Everything up to here is acknowledged.
    package private(set) var acknowledged: Int64
    /// The last sequence number given out.
    package private(set) var last: Int64
    /// The highest place that any link may have carried: an acknowledgement beyond it is a lie. Nobody knows after a
    /// restart, so it begins at `last`.
    private var sentHighest: Int64
    private var window: Window?
    private var isReading = false
    /// What `last` was when the read under way began: the answer may not know of later rows.
    private var lastAtRead: Int64 = 0
    private var mayHaveMore = true

    /// Envelopes that a link may carry unacknowledged; a group commit of the peer takes fewer.
    package static let windowCountMax = 256
    /// Their bytes; a single larger one is sent alone.
    package static let windowBytesMax = 1 << 20

    package init(acknowledged: Int64, last: Int64) {
        self.acknowledged = acknowledged
        self.last = last
        sentHighest = last
    }

    /// Whether a peer can know of this place. If it does and cannot, the store has lost what it gave out.
    package func mayHaveSent(_ place: Int64) -> Bool { place <= sentHighest }

    /// The smallest place that may still be sent.
    package var first: Int64 { acknowledged + 1 }
    package var waiting: Int64 { max(last - acknowledged, 0) }
    package var unacknowledgedCount: Int { window?.unacknowledged.count ?? 0 }

    /// The stream goes on on a new link.
    /// - Parameter position: what the peer says it has committed of it; nil if it knows nothing of this epoch.
    package mutating func begin(at position: Int64?) throws(Refusal) -> [Step] {
        // The position only says where to go on. What became of the places before it comes in an acknowledgement,
        // together with the refused ones.
        guard mayHaveSent(position ?? 0) else {
            throw Refusal(.outOfOrder, "resume claims places of the stream that were never sent")
        }
        window = Window(sent: max(position ?? 0, acknowledged))
        mayHaveMore = true
        return fill()
    }

    /// The link is gone, and with it whatever was on its way.
    package mutating func end() { window = nil }

    /// The store made old rows sendable again.
    package mutating func rewound(first: Int64) { acknowledged = min(acknowledged, max(first, 1) - 1) }

    package mutating func queued(through: Int64) -> [Step] {
        last = max(last, through)
        mayHaveMore = true
        return fill()
    }

    package mutating func read(after: Int64, _ rows: [OutboxRow], hasMore: Bool) -> [Step] {
        isReading = false
        // The answer to a question that an earlier link asked is of no use: the next link may begin elsewhere.
        guard var current = window, current.ready.isEmpty, current.sent == after else { return fill() }
        current.ready = rows.filter { $0.seq > after }
        mayHaveMore = hasMore && !current.ready.isEmpty || last > lastAtRead
        window = current
        return fill()
    }

    package mutating func acknowledge(
        through: Int64, refused: [StreamRefusal]
    ) throws(Refusal) -> [Step] {
        guard var current = window else { throw Refusal(.outOfOrder, "there is nothing to acknowledge yet") }
        guard through <= current.sent else {
            throw Refusal(.outOfOrder, "an acknowledgement claims places of the stream that were never sent")
        }
        var previous = acknowledged
        for item in refused {
            guard item.seq > previous, item.seq <= through else {
                throw Refusal(.outOfOrder, "refused places ascend and belong to what is newly acknowledged")
            }
            previous = item.seq
        }
        guard through > acknowledged else { return [] }
        acknowledged = through
        let done = current.unacknowledged.prefix { $0.seq <= through }
        current.bytes -= done.reduce(0) { $0 + $1.bytes }
        current.unacknowledged.removeFirst(done.count)
        window = current
        return [.acknowledge(through: through, refused: refused)] + fill()
    }

    private mutating func fill() -> [Step] {
        guard var current = window else { return [] }
        var steps: [Step] = []
        var taken = 0
        while taken < current.ready.count {
            let row = current.ready[taken]
            let next = current.sent + 1
            // A row that is missing in front of this one has expired: its place is told like a damaged one's.
            let envelope = row.seq == next ? row.envelope : nil
            let bytes = envelope?.linkBytes ?? 0
            guard current.unacknowledged.isEmpty || Outbox.hasRoom(current, for: bytes) else { break }
            steps.append(.send(envelope.map { .envelope(seq: next, $0) } ?? .skip(seq: next)))
            current.unacknowledged.append((next, bytes))
            current.bytes += bytes
            current.sent = next
            if row.seq == next { taken += 1 }
        }
        current.ready.removeFirst(taken)
        sentHighest = max(sentHighest, current.sent)
        window = current
        if let read = nextRead(current) {
            isReading = true
            lastAtRead = last
            steps.append(read)
        }
        return steps
    }

    private static func hasRoom(_ window: Window, for bytes: Int) -> Bool {
        window.unacknowledged.count < windowCountMax && window.bytes + bytes <= windowBytesMax
    }

    /// Waits until a quarter of the window is free, so that a stream of single acknowledgements is not answered by as
    /// many reads.
    private func nextRead(_ window: Window) -> Step? {
        let countMax = Outbox.windowCountMax - window.unacknowledged.count
        let bytesMax = Outbox.windowBytesMax - window.bytes
        guard !isReading, mayHaveMore, window.ready.isEmpty, countMax >= Outbox.windowCountMax / 4,
            bytesMax >= Outbox.windowBytesMax / 4, window.sent < last
        else { return nil }
        return .read(after: window.sent, countMax: countMax, bytesMax: bytesMax)
    }
}
