package import Bytes
package import Wire

/// Files on their way out: read, recorded, uploaded chunk by chunk, offered, and watched until they have ended.
extension Transfers {
    /// Begins to send the file at `path` under the id of the message that will carry its offer. `settle` follows once it
    /// is on record, or cannot be sent.
    package mutating func send(
        _ id: MessageID, to: Conversation, path: String, at time: Int64, now: Instant
    ) throws(Refusal) {
        self.now = now
        guard items[id] == nil else { throw Refusal(.idReused, "this id belongs to another file") }
        let openCount = items.values.count { $0.isOutgoing && !$0.transfer.isOver }
        guard openCount < Transfers.outgoingMax else {
            throw Refusal(.busy, "\(Transfers.outgoingMax) files are on their way or offered already; cancel one first")
        }
        if let refusal = refusal(ofBytes: 0) { throw refusal }
        lastNumber += 1
        let none = [UInt8](repeating: 0, count: 32)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let offer = FileOffer(name: name, bytes: 0, digest: none, key: none, chain: none)
        let transfer = Transfer(
            number: lastNumber, isOutgoing: true, id: id, from: address, to: to, at: time, offer: offer,
            state: .sending, path: path)
        var item = Item(transfer: transfer, step: .unread)
        item.isNew = true
        item.isUnsettled = true
        items[id] = item
        order.append(id)
        work()
    }

    mutating func hashed(_ id: MessageID, _ offer: FileOffer, path: String) {
        guard let item = items[id], item.step == .reading else { return }
        let known = item.transfer.offer
        if item.isNew {
            if let refusal = refusal(ofBytes: offer.bytes) { return fail(id, refusal) }
            update(id) { item in
                item.transfer.offer = offer
                item.transfer.link = offer.chain
                item.transfer.path = path
                item.step = .saving
            }
            return keep(id)
        }
        // A place of a file is sealed once: what is another content now would meet the nonces of the first.
        guard offer.bytes == known.bytes, offer.digest == known.digest, offer.chain == known.chain else {
            return fail(id, Refusal(.damaged, "the file was changed while it was sent"))
        }
        items[id]?.step = .unasked
    }

    /// Answers `save`.
    package mutating func saved(_ id: MessageID, at now: Instant) {
        self.now = now
        guard let item = items[id] else { return }
        items[id]?.saveCount = max(0, item.saveCount - 1)
        guard item.step == .saving else {
            if item.isUnrecorded, item.saveCount <= 1 {
                settle(id)
                forgetOldest()
            }
            // How it ended can be told now.
            if item.transfer.outcome != nil { work() }
            return
        }
        items[id]?.isNew = false
        items[id]?.step = .unasked
        tell(id)
        settle(id)
        // Before the first login nobody knew how much the node takes.
        if let refusal = refusal(ofBytes: item.transfer.offer.bytes) { return fail(id, refusal) }
        yieldJob(of: id)
        work()
    }

    /// Answers `save`.
    package mutating func saveFailed(_ id: MessageID, _ reason: String, at now: Instant) {
        self.now = now
        guard let item = items[id] else { return }
        // An end that could not be kept is told all the same.
        items[id]?.saveCount = max(0, item.saveCount - 1)
        guard item.step == .saving else {
            if item.isUnrecorded { settle(id, Refusal(.storeFailed, "that could not be put on record: \(reason)")) }
            return work()
        }
        fail(id, Refusal(.storeFailed, "the file could not be put on record: \(reason)"))
    }

    // MARK: The node

    mutating func statusCame(_ id: MessageID, _ status: FileStatus) {
        guard let item = items[id] else { return }
        if let outcome = status.outcome { return ended(id, outcome) }
        guard status.chunks == item.chunkCount else {
            return fail(id, Refusal(.damaged, "the node knows another file under this id"))
        }
        update(id) { item in
            item.transfer.done = status.held
            item.transfer.reason = nil
            (item.next, item.handed) = (status.held, status.held)
        }
        guard status.held < status.chunks else { return whole(id) }
        let isNews = item.transfer.state != .sending || item.transfer.reason != nil
        // The node has lost what was offered.
        items[id]?.transfer.state = .sending
        items[id]?.step = item.job == nil ? .unread : .moving
        if item.transfer.state != .sending { keep(id) }
        if isNews { tell(id) }
    }

    mutating func statusRefused(_ id: MessageID, _ refusal: Refusal) {
        guard let item = items[id] else { return }
        // A node of an earlier version: what was offered is with another one.
        if refusal.code == .unknownTag, item.transfer.state == .offered {
            items[id]?.step = .resting
            return
        }
        guard refusal.passes else { return fail(id, refusal) }
        let now = now
        update(id) { item in
            item.step = .unasked
            item.retryAt = now.advanced(by: Transfers.retryDuration)
            item.transfer.reason = refusal
        }
        tell(id)
    }

    mutating func chunkRead(_ id: MessageID, _ index: Int64, _ data: [UInt8]) {
        update(id) { $0.readCount = max(0, $0.readCount - 1) }
        guard let item = items[id], item.isOutgoing else { return }
        guard item.step == .moving, isOnline, index == item.handed else { return uploadDrained(id) }
        update(id) { item in
            item.handed += 1
            item.askedCount += 1
        }
        act(.ask(.chunk(id: id, index: index, data: data)))
    }

    mutating func chunkTaken(_ id: MessageID, _ status: FileStatus) {
        guard let item = items[id], item.isOutgoing, !item.transfer.isOver else { return }
        if let outcome = status.outcome { return ended(id, outcome) }
        if status.held > item.transfer.done, status.held <= item.chunkCount {
            update(id) { item in
                item.transfer.done = status.held
                item.hasMoved = true
            }
            tellMoved(id)
        }
        guard item.step == .moving else { return uploadDrained(id) }
        guard status.held < item.chunkCount else { return whole(id) }
        guard let after = items[id], after.busyCount == 0, after.next >= after.chunkCount else { return }
        // All was sent and answered, and yet the node has not all.
        drain(id, retryAt: now.advanced(by: Transfers.retryDuration), nil)
        uploadDrained(id)
    }

    mutating func chunkRefused(_ id: MessageID, _ refusal: Refusal) {
        guard let item = items[id], item.isOutgoing, item.step == .moving || item.step == .draining else { return }
        let later = now.advanced(by: Transfers.retryDuration)
        switch refusal.code {
        case .outOfOrder, .noFile:
            // Where the upload stands is asked for; at once, unless that was of no use a moment ago. One refusal makes
            // the chunks behind it come out of order.
            if item.step == .moving { drain(id, retryAt: item.hasMoved ? nil : later, nil) }
        case _ where refusal.passes: drain(id, retryAt: later, refusal)
        default: return fail(id, refusal)
        }
        uploadDrained(id)
    }

    /// Asks anew how the upload stands, if all that was under way has been answered.
    private mutating func uploadDrained(_ id: MessageID) {
        guard let item = items[id], item.isOutgoing, item.step == .draining, item.busyCount == 0 else { return }
        items[id]?.step = .unasked
    }

    private mutating func whole(_ id: MessageID) {
        guard let item = items[id] else { return }
        dropJob(of: id, removesPart: false)
        items[id]?.transfer.done = item.chunkCount
        if item.transfer.isOffered {
            items[id]?.step = .resting
            guard item.transfer.state != .offered || item.transfer.reason != nil else { return }
            items[id]?.transfer.state = .offered
            keep(id)
            tell(id)
        } else {
            items[id]?.step = .offering
            if let transfer = items[id]?.transfer { act(.offer(transfer)) }
        }
    }

    /// The message with the offer is on disk: it will be sent, whatever happens.
    package mutating func offerKept(_ id: MessageID, at now: Instant) {
        self.now = now
        guard let item = items[id], item.isOutgoing, !item.transfer.isOver, !item.transfer.isOffered else { return }
        update(id) { item in
            item.transfer.isOffered = true
            item.transfer.state = .offered
            item.step = .resting
        }
        keep(id)
        tell(id)
        work()
    }

    /// The message with the offer cannot be sent, or was refused.
    package mutating func offerFailed(_ id: MessageID, _ refusal: Refusal, at now: Instant) {
        self.now = now
        guard let item = items[id], item.isOutgoing, !item.transfer.isOver else { return }
        fail(id, refusal)
    }

    /// The node says by itself how a file of this account ended.
    package mutating func ended(_ status: FileStatus, at now: Instant) {
        self.now = now
        guard let outcome = status.outcome else { return }
        ended(status.id, outcome)
        work()
    }

    private mutating func ended(_ id: MessageID, _ outcome: FileOutcome) {
        guard let item = items[id], item.transfer.from == address, !item.isNew else { return }
        guard !item.transfer.isOver else {
            guard item.isOutgoing else { return }
            // Its author took back what had arrived already: the first word counts.
            let isWhole = outcome == .received && item.transfer.state == .cancelled
            // It has ended, so that nothing has to be told of it.
            guard item.transfer.outcome != nil || isWhole else { return }
            items[id]?.transfer.outcome = nil
            if isWhole { update(id) { ($0.transfer.state, $0.transfer.reason) = (.complete, nil) } }
            keep(id)
            if isWhole { tell(id) }
            return
        }
        let to = item.transfer.to
        switch outcome {
        case .received where item.isOutgoing: end(id, .complete)
        case .received: end(id, .failed, Refusal(.noFile, "\(to) has received it, and it is not at the node any more"))
        case .declined: end(id, .cancelled, Refusal(.noFile, "\(to) does not want it"))
        case .cancelled: end(id, .cancelled)
        // Who fetched it is told to nobody, so that it has failed cannot be said.
        case .expired where to == .everyone:
            end(id, .cancelled, Refusal(.noFile, "the time for which the node keeps it is over"))
        case .expired: end(id, .failed, Refusal(.noFile, "nobody fetched it in time"))
        }
    }
}
