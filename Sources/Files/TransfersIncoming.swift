package import Bytes
package import Wire

/// Files that others offer, or other devices of this account: kept on record, and fetched where their user wants them.
extension Transfers {
    /// A message with an offer has been read. Again is harmless. Returns false if the id belongs to somebody else's file.
    package mutating func offered(
        _ offer: FileOffer, id: MessageID, from: Address, to: Conversation, at time: Int64, now: Instant
    ) -> Bool {
        self.now = now
        if let known = items[id] {
            guard known.transfer.from == from else { return false }
            if !known.isOutgoing { tell(id) }
            return true
        }
        lastNumber += 1
        items[id] = Item(
            transfer: Transfer(
                number: lastNumber, isOutgoing: false, id: id, from: from, to: to, at: time, offer: offer,
                state: .offered),
            step: .resting)
        order.append(id)
        keep(id)
        tell(id)
        forgetOffer()
        return true
    }

    private mutating func forgetOffer() {
        guard items.values.count(where: { !$0.isOutgoing && !$0.transfer.isOver }) > Transfers.incomingMax,
            let oldest = order.first(where: {
                items[$0].map { !$0.isOutgoing && $0.transfer.state == .offered } ?? false
            })
        else { return }
        let refusal = Refusal(.busy, "\(Transfers.incomingMax) later files are offered, and more are not kept")
        settle(oldest, refusal)
        end(oldest, .failed, refusal)
    }

    /// Fetches it to `target`. Returns false if it is being received already; else `settle` follows.
    package mutating func accept(_ id: MessageID, to target: FileTarget, now: Instant) throws(Refusal) -> Bool {
        self.now = now
        guard let item = items[id] else { throw Transfers.unknown(id) }
        let transfer = item.transfer
        guard !item.isOutgoing else { throw Refusal(.badValue, "this file is sent from here") }
        guard !item.isUnsettled, !item.isUnrecorded else { throw Refusal(.busy, "this file is being accepted already") }
        switch transfer.state {
        case .receiving: return false
        case .cancelled: throw Refusal(.badValue, "this file was cancelled; ask for it to be sent again")
        case .complete where transfer.to != .everyone:
            throw Refusal(.badValue, "this file has been received, as \(transfer.path ?? transfer.offer.name)")
        case .offered, .failed, .complete, .sending: break
        }
        update(id) { item in
            item.isUnsettled = true
            item.target = target
            (item.written, item.link) = (0, item.transfer.offer.chain)
            item.retryAt = nil
            item.step = .unread
        }
        work()
        return true
    }

    static func unknown(_ id: MessageID) -> Refusal { Refusal(.noFile, "no file with the id \(id) is known here") }

    mutating func prepared(_ id: MessageID, _ place: Transfer.Place) {
        guard let item = items[id], item.step == .reading else { return }
        update(id) { item in
            item.transfer.place = place
            item.target = nil
            item.step = .moving
            (item.next, item.handed) = (item.written, item.written)
            item.meter = Meter()
        }
        if item.isUnsettled || item.transfer.reason != nil {
            update(id) { item in
                item.transfer.state = .receiving
                item.transfer.reason = nil
            }
            if item.isUnsettled {
                update(id) { ($0.transfer.path, $0.transfer.done, $0.transfer.link) = (nil, $0.written, $0.link) }
                over.removeAll { $0 == id }
                items[id]?.isUnsettled = false
                items[id]?.isUnrecorded = true
            }
            keep(id)
            tell(id)
        }
        finishIfWritten(id)
        if items[id]?.step == .moving { yieldJob(of: id) }
    }

    // MARK: Chunks

    mutating func chunkCame(_ id: MessageID, _ index: Int64, _ data: [UInt8]) {
        guard let item = items[id], !item.isOutgoing, let job = item.job,
            item.step == .moving || item.step == .draining
        else { return }
        if index >= item.handed, index < item.next { items[id]?.arrived[index] = data }
        while let handed = items[id]?.handed, let data = items[id]?.arrived.removeValue(forKey: handed) {
            items[id]?.handed += 1
            act(.order(.write(job: job, data: data)))
        }
        fetchDrained(id)
    }

    mutating func written(_ id: MessageID, _ count: Int64, _ link: [UInt8], isSafe: Bool) {
        guard let item = items[id], !item.isOutgoing, count > item.written || isSafe else { return }
        update(id) { item in
            (item.written, item.link) = (count, link)
            item.hasMoved = true
            if isSafe { (item.transfer.done, item.transfer.link) = (count, link) }
        }
        // A record for every part that is on disk, but none behind the last, of which more is said in a moment.
        if isSafe, count < item.chunkCount { keep(id) }
        tellMoved(id)
        finishIfWritten(id)
        fetchDrained(id)
    }

    private mutating func finishIfWritten(_ id: MessageID) {
        guard let item = items[id], let job = item.job, item.step == .moving || item.step == .draining,
            item.written == item.chunkCount
        else { return }
        items[id]?.step = .finishing
        act(.order(.finish(job: job)))
    }

    mutating func finished(_ id: MessageID, path: String) {
        guard let item = items[id], item.step == .finishing || item.step == .reading else { return }
        items[id]?.transfer.path = path
        let transfer = item.transfer
        let isForUs = transfer.to == .direct(address) && transfer.from != address
        end(id, .complete, telling: isForUs ? .received : nil)
    }

    mutating func fetchRefused(_ id: MessageID, _ refusal: Refusal) {
        guard let item = items[id], !item.isOutgoing, item.step == .moving || item.step == .draining else { return }
        guard refusal.passes else { return fail(id, refusal) }
        let retryAt = now.advanced(by: Transfers.retryDuration)
        if item.step == .moving { drain(id, retryAt: retryAt, refusal) }
        fetchDrained(id)
    }

    /// Lets go of the part file until it can be gone on with, if nothing is under way any more.
    private mutating func fetchDrained(_ id: MessageID) {
        guard let item = items[id], item.step == .draining, item.askedCount == 0, item.written == item.handed else {
            return
        }
        dropJob(of: id, removesPart: false)
        items[id]?.arrived = [:]
        items[id]?.step = .unread
    }

    // MARK: Either direction

    /// Takes back what is ours, declines what is not. Returns whether `settle` follows, once that is on record.
    package mutating func cancel(_ id: MessageID, now: Instant) throws(Refusal) -> Bool {
        self.now = now
        guard let item = items[id] else { throw Transfers.unknown(id) }
        let transfer = item.transfer
        let refusal = Refusal(.noFile, "the file was cancelled")
        if item.isNew {
            discard(id, refusal)
            work()
            return false
        }
        let canBeDeclined = !item.isOutgoing && transfer.state == .failed && transfer.from != address
        guard !transfer.isOver || canBeDeclined else { throw Refusal(.badValue, "this file is over already") }
        settle(id, refusal)
        let outcome: FileOutcome? =
            if transfer.from == address { .cancelled } else { transfer.to == .everyone ? nil : .declined }
        items[id]?.isUnrecorded = true
        end(id, .cancelled, telling: outcome)
        return true
    }
}
