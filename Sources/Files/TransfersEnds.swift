import Bytes
package import Wire

/// How transfers end, and what all of them have in common.
extension Transfers {
    func refusal(ofBytes bytes: Int64) -> Refusal? {
        guard let bytesMax = fileBytesMax else {
            guard bytes > FileOffer.bytesMax else { return nil }
            return Transfers.tooLarge(bytes, FileOffer.bytesMax)
        }
        guard bytesMax > 0 else { return Refusal(.fileTooLarge, "this node takes no files") }
        let most = min(bytesMax, FileOffer.bytesMax)
        return bytes > most ? Transfers.tooLarge(bytes, most) : nil
    }

    package static func tooLarge(_ bytes: Int64, _ bytesMax: Int64) -> Refusal {
        Refusal(.fileTooLarge, "the file has \(bytes) bytes; this node takes at most \(bytesMax)")
    }

    /// Nothing more is done for it but to say how it ended.
    mutating func end(
        _ id: MessageID, _ state: Transfer.State, telling outcome: FileOutcome? = nil, _ reason: Refusal? = nil
    ) {
        guard items[id] != nil else { return }
        dropJob(of: id, removesPart: state != .complete)
        update(id) { item in
            item.transfer.state = state
            item.transfer.outcome = outcome
            item.transfer.reason = reason
            item.transfer.place = nil
            item.step = .resting
            item.arrived = [:]
            item.tellAt = nil
        }
        if items[id]?.isOutgoing == true, state != .complete { act(.withdraw(id)) }
        over.removeAll { $0 == id }
        over.append(id)
        keep(id)
        tell(id)
        forgetOldest()
        work()
    }

    /// It ended for a reason that time does not heal. An upload is taken back, so that it does not fill the node's room.
    mutating func fail(_ id: MessageID, _ refusal: Refusal) {
        guard let item = items[id] else { return }
        if item.isNew { return discard(id, refusal) }
        settle(id, refusal)
        end(id, .failed, telling: item.isOutgoing ? .cancelled : nil, refusal)
    }

    /// Nothing was kept of it, and nothing is.
    mutating func discard(_ id: MessageID, _ refusal: Refusal) {
        dropJob(of: id, removesPart: true)
        if items[id]?.hasBeenTold == true {
            update(id) { ($0.transfer.state, $0.transfer.reason) = (.failed, refusal) }
            tell(id)
        }
        if items[id]?.step == .saving { act(.remove(id)) }
        forget(id)
        act(.settle(id, refusal))
    }

    mutating func settle(_ id: MessageID, _ refusal: Refusal? = nil) {
        guard let item = items[id], item.isUnsettled || item.isUnrecorded else { return }
        items[id]?.isUnsettled = false
        items[id]?.isUnrecorded = false
        act(.settle(id, refusal))
    }

    /// Of what is over only the last ones are kept, and what has to be told: to the node, or in answer to a command.
    mutating func forgetOldest() {
        var excess = over.count - Transfers.overMax
        for id in over where excess > 0 {
            excess -= 1
            guard let item = items[id], !item.isUnsettled, !item.isUnrecorded,
                item.transfer.outcome == nil || over.count > 2 * Transfers.overMax
            else { continue }
            forget(id)
            act(.remove(id))
        }
    }

    mutating func forget(_ id: MessageID) {
        items[id] = nil
        order.removeAll { $0 == id }
        over.removeAll { $0 == id }
    }

    // MARK: Helpers

    mutating func update(_ id: MessageID, _ change: (inout Item) -> Void) {
        guard var item = items[id] else { return }
        change(&item)
        items[id] = item
    }

    mutating func keep(_ id: MessageID) {
        guard let item = items[id], !item.isNew || item.step == .saving else { return }
        items[id]?.saveCount += 1
        act(.save(item.transfer))
    }

    mutating func tell(_ id: MessageID) {
        guard let item = items[id] else { return }
        items[id]?.toldAt = now
        items[id]?.hasBeenTold = true
        act(.tell(progress(item)))
    }

    /// Tells of chunks that have moved, now and then.
    mutating func tellMoved(_ id: MessageID) {
        let now = now
        update(id) { $0.meter.note($0.transfer.shape.bytesBefore($0.movedCount), at: now) }
        if let toldAt = items[id]?.toldAt, now.since(toldAt) < Transfers.tellDurationMin { return }
        tell(id)
    }

    mutating func beginJob(of id: MessageID) -> Int64 {
        lastJob += 1
        jobs[lastJob] = id
        items[id]?.job = lastJob
        return lastJob
    }

    mutating func dropJob(of id: MessageID, removesPart: Bool) {
        guard let item = items[id] else { return }
        if let job = item.job {
            jobs[job] = nil
            act(.order(.drop(job: job, removesPart: removesPart && !item.isOutgoing)))
        } else if removesPart, !item.isOutgoing, let place = item.transfer.place {
            act(.order(.removePart(id: id, folder: place.folder)))
        }
        items[id]?.job = nil
        items[id]?.readCount = 0
    }
}
