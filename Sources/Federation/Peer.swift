import Bytes
import Wire

/// One server name: who it is, the link that carries its streams, and what outlives the link. The dials are `Mesh`'s.
struct Peer: Sendable {
    /// The proven link in use.
    struct Link: Sendable {
        let id: LinkID
        let isDialledByUs: Bool
        let provenAt: Instant
        /// The peer has said resume; nil feed until then.
        var feed: PresenceFeed?
        var keys = Requests<UserName>(.keys)
        var files = Requests<FileQuestion>(.files)
        /// It took something from us.
        var hasDelivered = false
        /// Where our stream begins, as the peer has heard.
        var firstTold: Int64 = 1
    }

    var setup: PeerSetup
    let own: ServerName
    /// Our own.
    var epoch: Epoch
    /// Whether to take the peer's word that our store was put back from a backup. That can only have happened before the
    /// node started, so after one renewal nobody's counts: who lies gains no more than to have everything sent again once.
    var mayShowRestore: Bool
    private var hasShownRestore = false
    /// The present run of our store, and the last places of earlier ones.
    private let run: Run
    private let lastPlaces: [Run: Int64]?
    var pin: KeyPin?
    var isPaused: Bool
    /// Another key than the known one, as it was offered; an alarm until the key is trusted.
    var offers = KeyOffers()
    var refusals = RefusalHistory()
    /// When the link last came up or went down, or was paused or resumed.
    var changedAt: Instant?
    var backoff = Backoff()
    /// The link that we dial and that is not proven yet.
    var dialling: LinkID?
    var link: Link?
    var outbox: Outbox
    var inbound: InboundStream
    var presence: RemotePresence
    var presenceBudget = PresenceBudget()
    var peerEpoch: Epoch?
    /// What the peer had of our stream when the store was asked to rewind; the stream waits until that is done.
    var rewinding: (epoch: Epoch, position: Int64?)?
    /// Asked by this link and by those before it.
    private var rewindsUnderWay = 0
    var claimedAt: Instant?
    var lastError: Refusal?

    /// A link that stood this long, or delivered something, was a success.
    static let successDuration: Duration = .seconds(10)
    /// Anybody can claim a name, so claims make us dial no oftener.
    static let claimInterval: Duration = .seconds(10)

    init(
        _ setup: PeerSetup, own: ServerName, epoch: Epoch, run: Run, mayShowRestore: Bool, _ record: PeerRecord
    ) {
        self.setup = setup
        self.own = own
        self.epoch = epoch
        self.run = run
        self.mayShowRestore = mayShowRestore
        lastPlaces = record.lastPlaces
        pin = record.pin
        isPaused = record.isPaused
        outbox = Outbox(acknowledged: record.acknowledged, last: record.last)
        inbound = InboundStream(stored: record.received)
        presence = RemotePresence(server: setup.name)
        peerEpoch = record.peerEpoch
    }

    var name: ServerName { setup.name }
    var key: IdentityKey? { KeyPin.effective(named: setup.key, pin: pin) }

    var deadline: Instant? {
        [link?.feed?.dueAt, link?.keys.deadline, link?.files.deadline].compactMap { $0 }.min()
    }

    /// When to dial; nil if there is no need or no way.
    var dialAt: Instant? {
        guard link == nil, dialling == nil, setup.address != nil, !isPaused else { return nil }
        return backoff.notBefore ?? Instant(nanoseconds: .min)
    }

    // MARK: Links come and go

    mutating func linkUp(_ id: LinkID, isDialledByUs: Bool, at now: Instant) -> [MeshAction] {
        link = Link(id: id, isDialledByUs: isDialledByUs, provenAt: now)
        changedAt = now
        presence.linked()
        backoff.wake()
        lastError = nil
        return [.note(.linkUp(name, id)), .send(id, resume())]
    }

    /// - Parameter isReplaced: true if another link takes over at once, so that nobody becomes unknown.
    mutating func linkDown(_ reason: Refusal?, isReplaced: Bool) -> [MeshAction] {
        guard var ended = link else { return [] }
        link = nil
        rewinding = nil
        outbox.end()
        inbound.end()
        lastError = reason
        var actions: [MeshAction] = [.note(.linkDown(name, ended.id, reason))]
        actions += ended.keys.end().map { lastKnown($0.question, $0.token, Peer.notLinked) }
        actions += ended.files.end().map { .fileAnswered(token: $0.token, data: [], Peer.notLinked) }
        let changes = isReplaced ? [] : presence.lost()
        return changes.isEmpty ? actions : actions + [.people(changes)]
    }

    private mutating func resume() -> LinkMessage {
        link?.firstTold = outbox.first
        return .resume(StreamPosition(epoch: epoch, first: outbox.first, received: inbound.stored, run: run))
    }

    // MARK: What the peer says

    mutating func receive(
        _ message: LinkMessage, _ people: [UserName: LocalPerson], at now: Instant
    ) throws(Refusal) -> [MeshAction] {
        switch message {
        case .resume(let position): return try resumed(position, people, at: now)
        case .envelope(let seq, let envelope): return try receive(seq, envelope)
        case .skip(let seq, let refusal): return perform(try inbound.receive(seq: seq, bytes: 0), nil, refusal)
        case .acknowledgement(let through, let refused):
            // Before the rewind is done they concern the stream as it was; the second resume is answered afresh.
            guard rewinding == nil else { return [] }
            let steps = try outbox.acknowledge(through: through, refused: refused)
            if !steps.isEmpty { link?.hasDelivered = true }
            return perform(steps)
        case .presence(let page):
            try presenceBudget.take(page, at: now)
            let changes = try presence.receive(page)
            return changes.isEmpty ? [] : [.people(changes)]
        case .keysWanted(let ref, let user): return try keysWanted(ref, user)
        case .keys(let ref, let user, let devices, let refusal): return try keys(ref, user, devices, refusal)
        case .chunkWanted(let ref, let place, let reader): return try fileWanted(ref, .chunk(place, reader: reader))
        case .outcome(let ref, let from, let id, let reader, let outcome):
            return try fileWanted(ref, .outcome(from: from, id: id, reader: reader, outcome))
        case .chunk(let ref, let data, let refusal):
            return try fileAnswered(ref, isChunk: true, data: data, refusal)
        case .outcomeKept(let ref, let refusal): return try fileAnswered(ref, isChunk: false, data: [], refusal)
        case .hello, .proof, .closing, .echo, .echoed: return []
        }
    }

    private mutating func resumed(
        _ position: StreamPosition, _ people: [UserName: LocalPerson], at now: Instant
    ) throws(Refusal) -> [MeshAction] {
        let isFirst = link?.feed == nil
        if isFirst, mayShowRestore, knowsMore(position) { return [.renewEpoch] }
        let begin = inbound.resume(epoch: position.epoch, first: position.first, run: position.run)
        var actions = perform(begin, nil, nil)
        guard isFirst else { return actions }
        // A peer that has nothing from us names no epoch of ours: it may have shown this before, and sends again what we
        // lack without it.
        if mayShowRestore, !hasShownRestore, position.received == nil, acknowledgedMore(position) {
            hasShownRestore = true
            actions.append(.note(.ownStoreRestored(name)))
        }
        let people = visible(people)
        link?.feed = PresenceFeed(people, at: now)
        let received = position.received.flatMap { $0.epoch == epoch ? $0 : nil }
        if let received, !isOurs(received) {
            throw Refusal(.outOfOrder, "resume claims places of the stream that were never sent")
        }
        // Whoever does not know what they acknowledged has lost it, or has it from an earlier epoch of ours: then they
        // know it again.
        let knowsAll = received?.through ?? 0 >= outbox.acknowledged
        if position.epoch == peerEpoch, knowsAll, rewindsUnderWay == 0 {
            // The store has answered an earlier link meanwhile.
            if let link, outbox.first < link.firstTold { actions.append(.send(link.id, resume())) }
            actions += perform(try outbox.begin(at: received?.through))
        } else {
            if peerEpoch != nil, peerEpoch != position.epoch {
                actions.append(.note(.peerRestored(name, position.epoch)))
            }
            rewinding = (position.epoch, received?.through)
            rewindsUnderWay += 1
            actions.append(.rewind(name, position.epoch))
        }
        return actions
    }

    /// The peer remembers more of our streams than we do: it has places of ours that we never gave out, or our
    /// acknowledgement of places that we do not have. Then our store was put back from a backup.
    private func knowsMore(_ position: StreamPosition) -> Bool {
        if let received = position.received, received.epoch == epoch, !isOurs(received) { return true }
        // To whom another epoch of ours was the last, this one is news: they will send again what we have not.
        return position.received?.epoch == epoch && acknowledgedMore(position)
    }

    private func acknowledgedMore(_ position: StreamPosition) -> Bool {
        guard let stored = inbound.stored, stored.epoch == position.epoch else { return false }
        return position.first - 1 > stored.through
    }

    /// Whether the peer has its last place of our stream from this store, and not from one that was put back since and
    /// has given out the place anew.
    private func isOurs(_ received: StreamPosition.Received) -> Bool {
        guard outbox.mayHaveSent(received.through) else { return false }
        guard let theirs = received.run, theirs != run, let lastPlaces else { return true }
        return lastPlaces[theirs].map { received.through <= $0 } ?? false
    }

    private mutating func receive(_ seq: Int64, _ envelope: Envelope) throws(Refusal) -> [MeshAction] {
        let steps = try inbound.receive(seq: seq, bytes: envelope.linkBytes)
        return perform(steps, envelope, refusal(of: envelope))
    }

    /// What a link may say (design decision D6). A refused place is consumed all the same, so it blocks nothing.
    private func refusal(of envelope: Envelope) -> Refusal? {
        guard envelope.from.server == name else {
            return Refusal(.forgedFrom, "\(name) cannot speak for people of \(envelope.from.server)")
        }
        guard case .direct(let address) = envelope.to, address.server != own else { return nil }
        return Refusal(.notForUs, "\(own) passes nothing on to \(address.server)")
    }

    // MARK: What the store says

    mutating func queued(through: Int64) -> [MeshAction] { perform(outbox.queued(through: through)) }

    mutating func outboxRead(after: Int64, _ rows: [OutboxRow], hasMore: Bool) -> [MeshAction] {
        perform(outbox.read(after: after, rows, hasMore: hasMore))
    }

    mutating func committed(_ epoch: Epoch, through: Int64, refused: [StreamRefusal]) -> [MeshAction] {
        perform(inbound.committed(epoch, through: through, refused: refused), nil, nil)
    }

    mutating func refusalsRead(
        _ epoch: Epoch, after: Int64, through: Int64, _ refusals: [StreamRefusal], hasMore: Bool
    ) -> [MeshAction] {
        perform(inbound.refusalsRead(epoch, after: after, through: through, refusals, hasMore: hasMore), nil, nil)
    }

    /// The store has made its kept rows sendable again: the peer hears where the stream begins now, then the stream.
    mutating func rewound(_ epoch: Epoch, first: Int64) throws(Refusal) -> [MeshAction] {
        rewindsUnderWay = max(0, rewindsUnderWay - 1)
        peerEpoch = epoch
        outbox.rewound(first: first)
        // What the peer acknowledges must not be rewound behind it, so the last of several answers counts.
        guard rewindsUnderWay == 0, let link, let waiting = rewinding, waiting.epoch == epoch else { return [] }
        rewinding = nil
        return [.send(link.id, resume())] + perform(try outbox.begin(at: waiting.position))
    }

    mutating func rewindFailed() { rewindsUnderWay = max(0, rewindsUnderWay - 1) }

    /// The answer to a question that cannot be asked, or not be answered any more.
    static let notLinked = Refusal(.timedOut, "there is no link to that server now; try again later")

    /// Those of our people that the peer is told of.
    private func visible(_ people: [UserName: LocalPerson]) -> [UserName: LocalPerson] {
        setup.presence == .all ? people : [:]
    }

    mutating func presenceChanged(_ users: [UserName], _ people: [UserName: LocalPerson]) {
        guard setup.presence == .all else { return }
        link?.feed?.changed(users, people)
    }

    // MARK: Time

    mutating func tick(_ people: [UserName: LocalPerson], at now: Instant) -> [MeshAction] {
        guard let id = link?.id else { return [] }
        var actions: [MeshAction] = []
        let people = visible(people)
        if let page = link?.feed?.page(of: own, people, at: now) { actions.append(.send(id, .presence(page))) }
        let refusal = Refusal(.timedOut, "that server did not answer in time; try again later")
        for (token, user) in link?.keys.expired(at: now) ?? [] { actions.append(lastKnown(user, token, refusal)) }
        for (token, _) in link?.files.expired(at: now) ?? [] {
            actions.append(.fileAnswered(token: token, data: [], refusal))
        }
        return actions + sendWaiting(at: now)
    }

    // MARK: Steps of the streams

    private func perform(_ steps: [Outbox.Step]) -> [MeshAction] {
        steps.compactMap { step in
            switch step {
            case .send(let message): link.map { .send($0.id, message) }
            case .read(let after, let countMax, let bytesMax):
                .readOutbox(name, after: after, countMax: countMax, bytesMax: bytesMax)
            case .acknowledge(let through, let refused): .acknowledge(name, through: through, refused: refused)
            }
        }
    }

    /// - Parameter envelope: what to commit; nil for a place that holds nothing, or nothing that can be read.
    private func perform(_ steps: [InboundStream.Step], _ envelope: Envelope?, _ refusal: Refusal?) -> [MeshAction] {
        var actions: [MeshAction] = []
        for step in steps {
            switch step {
            case .begin(let epoch, let first, let run):
                actions.append(.beginInbound(name, epoch, first: first, run))
            case .commit(let epoch, let seq):
                if let refusal { actions.append(.note(.itemRefused(name, seq: seq, refusal.code))) }
                actions.append(
                    envelope.map { .commit(name, epoch, seq: seq, $0, refusal: refusal) }
                        ?? .commitSkip(name, epoch, seq: seq, refusal: refusal))
            case .readRefusals(let epoch, let after, let through):
                actions.append(
                    .readRefusals(
                        name, epoch, after: after, through: through, countMax: InboundStream.refusalsPerReadMax))
            case .send(let message): if let link { actions.append(.send(link.id, message)) }
            }
        }
        return actions
    }
}
