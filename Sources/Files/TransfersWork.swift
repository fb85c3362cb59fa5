package import Bytes
import Wire

/// Whose turn it is.
extension Transfers {
    /// Starts all that can be started now. Whatever changes something ends with it.
    mutating func work() {
        let live = order.filter { id in
            guard let item = items[id] else { return false }
            return item.step != .resting || item.transfer.outcome != nil
        }
        let now = now
        for id in live {
            update(id) { item in
                if let at = item.retryAt, at <= now { item.retryAt = nil }
                if let at = item.tellAt, at <= now { item.tellAt = nil }
            }
        }
        read(live)
        if isOnline {
            ask(live)
            moveChunks(live.filter { items[$0]?.step == .moving })
        }
        wakeAt = isOnline ? live.compactMap { items[$0]?.wakeAt }.min() : nil
    }

    /// Has files read, and part files opened.
    private mutating func read(_ live: [MessageID]) {
        var readingCount = items.values.count { $0.isOutgoing && $0.step == .reading }
        for id in live {
            guard let item = items[id], item.step == .unread, item.retryAt == nil else { continue }
            if item.isOutgoing {
                let isFree = item.isNew || (isOnline && jobCount(isOutgoing: true) < Transfers.jobsMax)
                guard isFree, readingCount < Transfers.readingMax, let path = item.transfer.path else { continue }
                readingCount += 1
                items[id]?.step = .reading
                let bytesMax = min(fileBytesMax ?? FileOffer.bytesMax, FileOffer.bytesMax)
                act(.order(.hash(job: beginJob(of: id), path: path, bytesMax: bytesMax)))
            } else {
                let isFree = item.isUnsettled || (isOnline && jobCount(isOutgoing: false) < Transfers.jobsMax)
                guard isFree, let target = item.target ?? item.transfer.place.map({ .place($0) }) else { continue }
                items[id]?.step = .reading
                let (offer, done, link) = (item.transfer.offer, item.written, item.link)
                act(
                    .order(
                        .prepare(
                            job: beginJob(of: id), id: id, offer: offer, target: target, done: done, link: link)))
            }
        }
    }

    private func jobCount(isOutgoing: Bool) -> Int {
        items.values.count { $0.isOutgoing == isOutgoing && $0.job != nil }
    }

    /// A job that nobody has a slot for is gone on with later.
    mutating func yieldJob(of id: MessageID) {
        guard let item = items[id], jobCount(isOutgoing: item.isOutgoing) > Transfers.jobsMax else { return }
        dropJob(of: id, removesPart: false)
        if !item.isOutgoing { items[id]?.step = .unread }
    }

    private mutating func ask(_ live: [MessageID]) {
        var count = live.count { items[$0]?.step == .asking || items[$0]?.isTelling == true }
        for id in live where count < Transfers.questionsMax {
            guard let item = items[id] else { continue }
            let transfer = item.transfer
            if item.step == .unasked, item.retryAt == nil {
                count += 1
                items[id]?.step = .asking
                act(.ask(.status(SpooledFile(id: id, to: transfer.to, chunks: item.chunkCount))))
            }
            if let outcome = transfer.outcome, item.saveCount == 0, !item.isTelling, item.tellAt == nil {
                count += 1
                items[id]?.isTelling = true
                act(.ask(.outcome(from: transfer.from, id: id, outcome)))
            }
        }
    }

    /// One chunk of each in turn, as long as there is room.
    private mutating func moveChunks(_ moving: [MessageID]) {
        guard !moving.isEmpty else { return }
        var free = Transfers.chunksMax - items.values.reduce(0) { $0 + $1.busyCount }
        var idleCount = 0
        while free > 0, idleCount < moving.count {
            turn = (turn + 1) % moving.count
            if moveChunk(moving[turn]) {
                free -= 1
                idleCount = 0
            } else {
                idleCount += 1
            }
        }
    }

    /// False if it has to wait for those under way.
    private mutating func moveChunk(_ id: MessageID) -> Bool {
        guard let item = items[id], item.step == .moving, let job = item.job, item.next < item.chunkCount,
            item.busyCount < Transfers.chunksPerTransferMax
        else { return false }
        if item.isOutgoing {
            items[id]?.readCount += 1
            act(.order(.read(job: job, id: id, key: item.transfer.offer.key, index: item.next)))
        } else {
            // What the disk has not taken yet counts as well: a slow disk slows the questions down.
            guard item.next - item.written < Int64(Transfers.chunksPerTransferMax) else { return false }
            items[id]?.askedCount += 1
            act(.ask(.fetch(ChunkPlace(from: item.transfer.from, id: id, index: item.next))))
        }
        items[id]?.next += 1
        return true
    }

    // MARK: Reports

    /// A report on a job that was dropped changes nothing.
    package mutating func report(_ report: FileReport, at now: Instant) {
        self.now = now
        guard let id = jobs[report.job], let item = items[id], item.job == report.job else { return }
        switch report.event {
        case .reading(let bytes, let total): reading(id, bytes, of: total, job: report.job)
        case .hashed(let offer, let path): hashed(id, offer, path: path)
        case .chunk(let index, let data): chunkRead(id, index, data)
        case .prepared(let place): prepared(id, place)
        case .written(let count, let link, let isSafe): written(id, count, link, isSafe: isSafe)
        case .finished(let path):
            forgetJob(of: id)
            finished(id, path: path)
        case .failed(let refusal):
            forgetJob(of: id)
            jobFailed(id, refusal)
        }
        work()
    }

    private mutating func forgetJob(of id: MessageID) {
        if let job = items[id]?.job { jobs[job] = nil }
        items[id]?.job = nil
        items[id]?.readCount = 0
    }

    private mutating func jobFailed(_ id: MessageID, _ refusal: Refusal) {
        guard let item = items[id] else { return }
        // The part file is gone already, or was never ours.
        items[id]?.transfer.place = nil
        guard item.isUnsettled, !item.isNew else { return fail(id, refusal) }
        items[id]?.step = .resting
        settle(id, refusal)
    }

    private mutating func reading(_ id: MessageID, _ bytes: Int64, of total: Int64, job: Int64) {
        act(.order(.goOn(job: job)))
        guard let item = items[id], item.isNew else { return }
        let offer = item.transfer.offer
        items[id]?.transfer.offer = FileOffer(
            name: offer.name, bytes: total, digest: offer.digest, key: offer.key, chain: offer.chain)
        // What is read within a moment is told of when it is on record.
        guard let toldAt = item.toldAt else {
            items[id]?.toldAt = now
            return
        }
        if now.since(toldAt) >= Transfers.tellDurationMin { tell(id) }
    }

    // MARK: Answers

    /// What the node said to a question that `ask` gave, or nothing that it was asked.
    package mutating func answered(_ question: FileQuestion, _ answer: FileAnswer, at now: Instant) {
        self.now = now
        let id = question.id
        guard let item = items[id] else { return }
        switch (question, answer) {
        case (.status, .status(let status)) where item.step == .asking: statusCame(id, status)
        case (.status, .refused(let refusal)) where item.step == .asking: statusRefused(id, refusal)
        case (.chunk, .status(let status)):
            update(id) { $0.askedCount = max(0, $0.askedCount - 1) }
            chunkTaken(id, status)
        case (.chunk, .refused(let refusal)):
            update(id) { $0.askedCount = max(0, $0.askedCount - 1) }
            chunkRefused(id, refusal)
        case (.fetch(let place), .chunk(let data)):
            update(id) { $0.askedCount = max(0, $0.askedCount - 1) }
            chunkCame(id, place.index, data)
        case (.fetch, .refused(let refusal)):
            update(id) { $0.askedCount = max(0, $0.askedCount - 1) }
            fetchRefused(id, refusal)
        case (.outcome, .kept): outcomeKept(id)
        case (.outcome, .refused(let refusal)):
            items[id]?.isTelling = false
            // Whoever does not know the file any more needs no word of its end.
            if refusal.passes {
                items[id]?.tellAt = now.advanced(by: Transfers.retryDuration)
            } else {
                outcomeKept(id)
            }
        default: break
        }
        work()
    }

    private mutating func outcomeKept(_ id: MessageID) {
        update(id) { item in
            item.isTelling = false
            item.transfer.outcome = nil
        }
        keep(id)
    }

    /// Waits until what is under way has been answered, then for `retryAt`.
    mutating func drain(_ id: MessageID, retryAt: Instant?, _ reason: Refusal?) {
        update(id) { item in
            item.step = .draining
            item.retryAt = retryAt.map { max($0, item.retryAt ?? $0) }
            item.hasMoved = false
            item.transfer.reason = reason
        }
        if reason != nil { tell(id) }
    }

    /// Files that are read from end to end at one time.
    private static let readingMax = 2
}

extension Transfers.Item {
    fileprivate var wakeAt: Instant? {
        let waits = step == .unasked || step == .unread
        let times = [waits ? retryAt : nil, transfer.outcome == nil || isTelling ? nil : tellAt]
        return times.compactMap { $0 }.min()
    }
}
