package import Bytes
package import Wire

/// All links of this node and the streams they carry. Pure: a driver feeds events and performs the actions in order.
package struct Mesh: Sendable {
    var identity: LinkIdentity
    package private(set) var epoch: Epoch
    /// Of our store.
    package let run: Run
    /// See `Peer`.
    private(set) var mayShowRestore: Bool
    private var renewal = Renewal.notNeeded

    /// Of our epoch, as peers show that our store was put back from a backup.
    private enum Renewal {
        case notNeeded, asked
        /// The next peer that shows it makes us ask again.
        case failed
    }

    /// Servers in the order of their names, so that a run can be repeated exactly.
    var order: [ServerName]
    var peers: [ServerName: Peer] = [:]
    var links: [LinkID: LinkMachine] = [:]
    /// Our own people who are online.
    var people: [UserName: LocalPerson] = [:]
    private var lastLink: UInt64 = 0
    private var wakeAt: Instant?
    var isServing = false
    package internal(set) var routing: Routing

    /// Accepted links that are not proven yet: many times the peers that a node has, and little memory.
    package static let unprovenCountMax = 256

    /// - Parameters:
    ///   - epoch: of this node's store.
    ///   - run: of this node's store, the present one.
    ///   - isRestored: the store found out by itself that it was put back from a backup, so nobody needs to show it.
    ///   - records: what the store holds of each peer; none for a new one.
    package init(
        identity: LinkIdentity, epoch: Epoch, run: Run, isRestored: Bool, peers setups: [PeerSetup],
        records: [ServerName: PeerRecord]
    ) {
        self.identity = identity
        self.epoch = epoch
        self.run = run
        mayShowRestore = !isRestored
        routing = Routing(own: identity.name, peers: setups)
        for setup in setups where setup.name != identity.name && peers[setup.name] == nil {
            let record = records[setup.name] ?? PeerRecord()
            peers[setup.name] = Peer(
                setup, own: identity.name, epoch: epoch, run: run, mayShowRestore: !isRestored, record)
        }
        order = peers.keys.sorted()
    }

    /// Makes an id for a connection that the listener accepted; nil if too many wait to be proven.
    package mutating func accept(at now: Instant) -> (link: LinkID, actions: [MeshAction])? {
        guard isServing, links.values.count(where: { !$0.isProven && $0.dialled == nil }) < Mesh.unprovenCountMax else {
            return nil
        }
        let id = addLink(to: nil, at: now)
        return (id, wake(links[id]?.deadline))
    }

    package mutating func handle(
        _ event: MeshEvent, at now: Instant, using random: inout some RandomNumberGenerator
    ) -> [MeshAction] {
        // A timer that was overtaken by an earlier one finds nothing to do, and must not start another.
        if case .tick = event, let wakeAt, now < wakeAt { return [] }
        var actions: [MeshAction] = []
        let (server, link) = subject(of: event)
        apply(event, at: now, &random, &actions)
        guard server != nil || link != nil else { return finish(order, at: now, actions) + wake(unclaimedDeadline) }
        // A hello may just have said whose link this is.
        let name = server ?? link.flatMap { links[$0]?.peer }
        actions = finish(name.map { [$0] } ?? [], at: now, actions)
        return actions + wake(link.flatMap { links[$0]?.deadline })
    }

    private mutating func apply(
        _ event: MeshEvent, at now: Instant, _ random: inout some RandomNumberGenerator, _ actions: inout [MeshAction]
    ) {
        switch event {
        case .started: start(at: now, &actions)
        case .tick: tick(at: now, &random, &actions)
        case .draining(let retrySeconds): drain(retrySeconds, &actions)
        case .ordered(let order): apply(order, at: now, &random, &actions)
        case .rekeyed(let identity): rekey(identity, at: now, &random, &actions)
        case .opened, .received, .unreadable, .heard, .closed, .signed, .verified:
            applyToLink(event, at: now, &random, &actions)
        case .keysAnswer(let id, let ref, let user, let devices, let refusal):
            guard let name = links[id]?.peer, peers[name]?.link?.id == id else { return }
            guard peers[name]?.link?.keys.answers(ref) ?? false else { return }
            let few = Array(devices.prefix(DeviceKey.devicesPerAccountMax))
            actions.append(.send(id, .keys(ref: ref, user: user, devices: few, refusal: refusal)))
        case .askKeys(let address, let token):
            let refusal = Refusal(.unknownServer, "this node knows no server named \(address.server)")
            let answer = peers[address.server]?.askKeys(address.user, token: token, at: now)
            actions.append(answer ?? .keysFound(token: token, address, [], refusal))
        case .askFile, .withdrawFiles, .chunkAnswer, .outcomeAnswer: applyToFiles(event, at: now, &actions)
        case .presence(let changes):
            for person in changes { people[person.user] = person.isOnline ? person : nil }
            for name in order { peers[name]?.presenceChanged(changes.map(\.user), people) }
        case .pinned, .queued, .outboxRead, .rewound, .rewindFailed, .committed, .commitFailed, .refusalsRead:
            applyToStream(event, at: now, &random, &actions)
        case .renewed(let epoch): renewed(epoch, at: now, &random, &actions)
        case .renewalFailed: renewal = .failed
        }
    }

    private mutating func applyToFiles(_ event: MeshEvent, at now: Instant, _ actions: inout [MeshAction]) {
        switch event {
        case .askFile(let question, let token):
            let server = question.author.server
            let refusal = Refusal(.unknownServer, "this node knows no server named \(server)")
            let answer = peers[server]?.askFile(question, token: token, at: now)
            actions += answer ?? [.fileAnswered(token: token, data: [], refusal)]
        case .withdrawFiles(let tokens):
            for name in order { actions += peers[name]?.withdrawFiles(tokens) ?? [] }
        case .chunkAnswer(let id, let ref, let data, let refusal):
            answerFile(on: id, ref, .chunk(ref: ref, data: data, refusal: refusal), &actions)
        case .outcomeAnswer(let id, let ref, let refusal):
            answerFile(on: id, ref, .outcomeKept(ref: ref, refusal: refusal), &actions)
        default: break
        }
    }

    private mutating func answerFile(
        on id: LinkID, _ ref: Int64, _ message: LinkMessage, _ actions: inout [MeshAction]
    ) {
        guard let name = links[id]?.peer, peers[name]?.link?.id == id else { return }
        actions += peers[name]?.answerFile(ref, message) ?? []
    }

    /// What the store answers or reports.
    private mutating func applyToStream(
        _ event: MeshEvent, at now: Instant, _ random: inout some RandomNumberGenerator, _ actions: inout [MeshAction]
    ) {
        switch event {
        case .pinned(let name, let key):
            pinned(name, key, at: now, &random, &actions)
        case .queued(let name, let through): actions += peers[name]?.queued(through: through) ?? []
        case .outboxRead(let name, let after, let rows, let hasMore):
            actions += peers[name]?.outboxRead(after: after, rows, hasMore: hasMore) ?? []
        case .rewound(let name, let epoch, let first):
            do throws(Refusal) { actions += try peers[name]?.rewound(epoch, first: first) ?? [] } catch {
                closeLink(to: name, error, at: now, &random, &actions)
            }
        case .committed(let name, let epoch, let through, let refused):
            actions += peers[name]?.committed(epoch, through: through, refused: refused) ?? []
        case .rewindFailed(let name, _):
            peers[name]?.rewindFailed()
            closeLink(to: name, storeFailed, at: now, &random, &actions)
        case .commitFailed(let name, let epoch, _):
            peers[name]?.inbound.commitFailed(epoch)
            closeLink(to: name, storeFailed, at: now, &random, &actions)
        case .refusalsRead(let name, let epoch, let after, let through, let refusals, let hasMore):
            let answer = peers[name]?.refusalsRead(epoch, after: after, through: through, refusals, hasMore: hasMore)
            actions += answer ?? []
        default: break
        }
    }

    private var storeFailed: Refusal {
        Refusal(.storeFailed, "the store of \(identity.name) cannot take messages now")
    }

    private mutating func closeLink(
        to name: ServerName, _ reason: Refusal, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let id = peers[name]?.link?.id else { return }
        close(id, reason, at: now, &random, &actions)
    }

    /// A peer remembers more of our streams than we do. Returns why its link ends.
    mutating func knowsMore(_ name: ServerName, _ actions: inout [MeshAction]) -> Refusal {
        let (before, store) = (renewal, "the store of \(identity.name)")
        if before == .notNeeded { actions.append(.note(.ownStoreRestored(name))) }
        if before != .asked { actions.append(.renewEpoch) }
        renewal = .asked
        return before == .failed
            ? Refusal(.storeFailed, "\(store) was put back from a backup and cannot begin anew now")
            : Refusal(.restored, "\(store) was put back from a backup; its streams begin anew")
    }

    /// Our streams have begun anew: the next links say so.
    private mutating func renewed(
        _ epoch: Epoch, at now: Instant, _ random: inout some RandomNumberGenerator, _ actions: inout [MeshAction]
    ) {
        self.epoch = epoch
        mayShowRestore = false
        for name in order {
            peers[name]?.epoch = epoch
            peers[name]?.mayShowRestore = false
        }
        let refusal = Refusal(.restored, "the streams of \(identity.name) begin anew")
        for id in links.keys.sorted() where links[id]?.isProven ?? false {
            close(id, refusal, at: now, &random, &actions)
        }
    }

    private mutating func start(at now: Instant, _ actions: inout [MeshAction]) {
        isServing = true
        for name in order {
            peers[name]?.changedAt = now
            guard let peer = peers[name], let named = peer.setup.key, let pin = peer.pin, named != pin.key else {
                continue
            }
            actions.append(.note(pin.insteadOf == named ? .setupKeyIsOld(name, pin.key) : .setupKeyBeatsPin(name)))
        }
    }

    private mutating func tick(
        at now: Instant, _ random: inout some RandomNumberGenerator, _ actions: inout [MeshAction]
    ) {
        wakeAt = nil
        for id in links.keys.sorted() {
            do throws(Refusal) {
                let steps = try links[id]?.tick(at: now) ?? []
                perform(steps, on: id, at: now, &random, &actions)
            } catch { close(id, error, at: now, &random, &actions) }
        }
    }

    private mutating func drain(_ retrySeconds: Int64, _ actions: inout [MeshAction]) {
        isServing = false
        let reason = Refusal(.draining, "\(identity.name) is going down; come back in \(retrySeconds) s")
        for id in links.keys.sorted() {
            if links[id]?.isProven ?? false { actions.append(.send(id, .closing(retrySeconds: retrySeconds))) }
            actions.append(.close(id, reason))
        }
        links = [:]
        for name in order {
            peers[name]?.dialling = nil
            actions += peers[name]?.linkDown(reason, isReplaced: false) ?? []
        }
    }

    // MARK: What is due

    private func subject(of event: MeshEvent) -> (server: ServerName?, link: LinkID?) {
        switch event {
        case .started, .tick, .draining, .presence, .withdrawFiles, .renewed, .renewalFailed, .ordered, .rekeyed:
            (nil, nil)
        case .opened(let id, _), .received(let id, _), .unreadable(let id, _), .heard(let id), .closed(let id, _),
            .signed(let id, _), .verified(let id, _), .keysAnswer(let id, _, _, _, _), .chunkAnswer(let id, _, _, _),
            .outcomeAnswer(let id, _, _):
            (links[id]?.peer, id)
        case .askKeys(let address, _): (address.server, nil)
        case .askFile(let question, _): (question.author.server, nil)
        case .pinned(let name, _), .queued(let name, _), .outboxRead(let name, _, _, _), .rewound(let name, _, _),
            .rewindFailed(let name, _),
            .committed(let name, _, _, _), .commitFailed(let name, _, _), .refusalsRead(let name, _, _, _, _, _):
            (name, nil)
        }
    }

    /// Does what has become due for these servers, and asks for the next tick.
    private mutating func finish(_ names: [ServerName], at now: Instant, _ actions: [MeshAction]) -> [MeshAction] {
        var actions = actions
        var earliest: Instant?
        for name in names {
            if let peer = peers[name], let dialAt = peer.dialAt, dialAt <= now, isServing,
                let address = peer.setup.address
            {
                let id = addLink(to: name, at: now)
                peers[name]?.dialling = id
                actions.append(.dial(id, name, address: address, peer.setup.transport))
            }
            actions += peers[name]?.tick(people, at: now) ?? []
            for deadline in deadlines(of: name) { earliest = min(earliest ?? deadline, deadline) }
        }
        return actions + wake(earliest)
    }

    /// Of accepted links, which are no server's until they are proven.
    private var unclaimedDeadline: Instant? {
        links.values.filter { $0.dialled == nil && !$0.isProven }.map(\.deadline).min()
    }

    private func deadlines(of name: ServerName) -> [Instant] {
        guard let peer = peers[name] else { return [] }
        let ids = [peer.dialling, peer.link?.id].compactMap { $0 }
        let dialAt = isServing ? peer.dialAt : nil
        return [dialAt, peer.deadline].compactMap { $0 } + ids.compactMap { links[$0]?.deadline }
    }

    private mutating func wake(_ instant: Instant?) -> [MeshAction] {
        guard let instant, instant < wakeAt ?? Instant(nanoseconds: .max) else { return [] }
        wakeAt = instant
        return [.wake(at: instant)]
    }

    private mutating func addLink(to server: ServerName?, at now: Instant) -> LinkID {
        lastLink += 1
        let id = LinkID(value: lastLink)
        links[id] = LinkMachine(id: id, dialled: server, at: now)
        return id
    }
}
