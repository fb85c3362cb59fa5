package import Bytes
package import Wire

/// What follows from something that happened to the transfers, in this order.
package enum TransferAction: Hashable, Sendable {
    case order(FileOrder)
    /// Ask the node; `answered` follows unless the connection ends.
    case ask(FileQuestion)
    /// Commit in place of what was saved of it before, then call `saved` or `saveFailed`.
    case save(Transfer)
    /// Nothing is kept of it any more.
    case remove(MessageID)
    /// All chunks are at the node: send the message with the offer, and call `offerKept` once that is on disk.
    case offer(Transfer)
    /// The message with the offer, if it has not been sent, is not to be.
    case withdraw(MessageID)
    case tell(TransferProgress)
    /// The command that began this, or accepted it, is over; with a refusal it came to nothing.
    case settle(MessageID, Refusal?)
}

/// The rules of all transfers of one client: which chunk to ask for next, what to repeat, when one has ended. A value
/// without clock, disk or connection; what it wants done is taken from it with `takeActions` after each call.
package struct Transfers: Sendable {
    let address: Address
    var items: [MessageID: Item] = [:]
    /// The ids of `items`, in the order of their numbers.
    var order: [MessageID] = []
    /// Those that are over, the oldest first.
    var over: [MessageID] = []
    var jobs: [Int64: MessageID] = [:]
    var lastJob: Int64 = 0
    var lastNumber: Int64 = 0
    var isOnline = false
    /// As the node said last; nil until then.
    var fileBytesMax: Int64?
    /// Where the round begins next time.
    var turn = 0
    var now = Instant(nanoseconds: 0)
    /// The time at which `tick` has something to do.
    package internal(set) var wakeAt: Instant?
    private var actions: [TransferAction] = []

    /// `stored` is what an earlier run kept, `lastNumber` the largest number ever given. `offering` are messages of ours
    /// that an earlier run kept and whose end is not known.
    package init(
        address: Address, stored: [Transfer] = [], lastNumber: Int64 = 0, offering: Set<MessageID> = []
    ) {
        self.address = address
        self.lastNumber = max(lastNumber, stored.map(\.number).max() ?? 0)
        for transfer in stored.sorted(by: { $0.number < $1.number }) {
            var item = Item(transfer: transfer, step: .resting)
            // A crash came between the message and the record of its file.
            if transfer.isOutgoing, offering.contains(transfer.id) { item.transfer.isOffered = true }
            switch transfer.state {
            case .sending: item.step = .unasked
            case .receiving where transfer.place == nil: item.transfer.state = .offered
            case .receiving:
                item.step = .unread
                (item.written, item.link) = (transfer.done, transfer.link)
            case .offered, .complete, .failed, .cancelled: break
            }
            items[transfer.id] = item
            order.append(transfer.id)
            if transfer.isOver { over.append(transfer.id) }
        }
    }

    package mutating func takeActions() -> [TransferAction] {
        defer { actions = [] }
        return actions
    }

    mutating func act(_ action: TransferAction) { actions.append(action) }

    // MARK: What is there

    package func contains(_ id: MessageID) -> Bool { items[id] != nil }

    package func progress(of id: MessageID) -> TransferProgress? { items[id].map { progress($0) } }

    /// Those that are not over and the last ones that are, in the order of their numbers.
    package var progresses: [TransferProgress] {
        order.compactMap { items[$0] }.filter { !$0.isNew }.map { progress($0) }
    }

    /// Files whose offer has not been sent.
    package var unsentCount: Int {
        items.values.count { $0.isOutgoing && $0.transfer.state == .sending && $0.step != .offering }
    }
    /// True if nothing moves that could.
    package var isIdle: Bool {
        items.values.allSatisfy { item in
            item.transfer.state != .sending && item.transfer.state != .receiving && !item.isTelling
        }
    }
    /// True if every file that a command named is on record, so that it survives the end of the program.
    package var isKept: Bool { items.values.allSatisfy { !$0.isUnsettled && !$0.isUnrecorded } }

    func progress(_ item: Item) -> TransferProgress {
        let isMoving = item.step == .moving || item.step == .draining
        return TransferProgress(
            transfer: item.transfer,
            bytes: item.transfer.state == .complete
                ? item.transfer.offer.bytes : item.transfer.shape.bytesBefore(item.movedCount),
            bytesPerSecond: isMoving ? item.meter.bytesPerSecond(at: now) : nil)
    }

    // MARK: The connection

    /// A login: all that has no end is asked for or gone on with. `fileBytesMax` is the welcome's; nil takes no files.
    package mutating func connected(fileBytesMax: Int64?, at now: Instant) {
        self.now = now
        isOnline = true
        self.fileBytesMax = fileBytesMax ?? 0
        for id in order {
            guard var item = items[id] else { continue }
            item.retryAt = nil
            item.tellAt = nil
            item.hasMoved = false
            if item.isOutgoing, item.transfer.state == .offered, item.step == .resting { item.step = .unasked }
            items[id] = item
            guard item.isOutgoing, item.transfer.state == .sending, !item.transfer.isOffered, item.step != .offering,
                let refusal = refusal(ofBytes: item.transfer.offer.bytes), !item.isNew
            else { continue }
            fail(id, refusal)
        }
        work()
    }

    /// What the node was asked will not be answered.
    package mutating func disconnected(at now: Instant) {
        self.now = now
        isOnline = false
        wakeAt = nil
        for id in order {
            guard var item = items[id] else { continue }
            item.askedCount = 0
            item.isTelling = false
            // The time without a connection says nothing of the speed with one.
            item.meter = Meter()
            switch item.step {
            case .asking: item.step = .unasked
            case .moving, .draining:
                item.step = item.isOutgoing ? .unasked : .moving
                item.arrived = [:]
                item.next = item.handed
            case .resting, .unread, .reading, .saving, .unasked, .offering, .finishing: break
            }
            items[id] = item
        }
    }

    /// People of `server` can be reached again, or their files.
    package mutating func came(_ server: ServerName, at now: Instant) {
        self.now = now
        // Nearly always nothing waits, and people come in crowds.
        guard wakeAt != nil else { return }
        for id in order {
            guard let transfer = items[id]?.transfer else { continue }
            let isTheirs = transfer.from.server == server || transfer.to.server == server
            guard isTheirs else { continue }
            items[id]?.retryAt = nil
            items[id]?.tellAt = nil
        }
        work()
    }

    /// The time of `wakeAt` has come.
    package mutating func tick(at now: Instant) {
        self.now = now
        work()
    }

    // MARK: Limits

    /// Chunks under way at one time, asked of the node or being read. A session that has 8 under way is not read: with
    /// fewer, words and pings are heard also while another server keeps its chunks waiting.
    package static let chunksMax = 6
    /// Of one transfer, so that a second one moves as well.
    package static let chunksPerTransferMax = 4
    /// Transfers in each direction that have a file open, and its links in memory: 11 MiB for the largest.
    static let jobsMax = 8
    /// Questions beside chunks.
    static let questionsMax = 8
    /// Files on their way out, or offered and not ended.
    package static let outgoingMax = 256
    /// Offers kept; beyond, the oldest one that was not accepted is forgotten.
    package static let incomingMax = 1024
    /// Transfers that are over and still shown.
    package static let overMax = 20
    /// What passes by itself is tried again after this.
    package static let retryDuration: Duration = .seconds(15)
    static let tellDurationMin: Duration = .seconds(1)
}

extension Conversation {
    /// That of the recipient; nil for everybody.
    fileprivate var server: ServerName? { if case .direct(let address) = self { address.server } else { nil } }
}

extension Refusal {
    /// It may be taken another time, without anybody doing anything.
    var passes: Bool { [.timedOut, .busy, .storeFailed, .draining].contains(code) }
}
