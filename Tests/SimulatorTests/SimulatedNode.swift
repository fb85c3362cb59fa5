import Bytes
import Federation
import Node
import Store
import Wire

/// A node as its driver runs it: the real hub over the real store, with a virtual world around both. A crash takes
/// everything but the store.
final class SimulatedNode: LinkParty {
    unowned let world: World
    let name: ServerName
    let signer: StandIn.Signer
    let setup: Setup
    var disks: NodeDisks
    let store: SimulatedStore<NodeStore>
    let spool: SimulatedStore<SpoolStore>
    /// What was copied of the disks, oldest first.
    var backups: [Backup] = []
    /// How far the clock on this node's wall is off.
    var wallJump: Int64 = 0
    private(set) var hub: Hub?
    /// Counts starts, so that what was meant for an earlier one is known.
    private(set) var life = 0
    private(set) var startedAt = Instant(nanoseconds: 0)
    var random: SplitMix64
    /// Where this server lies or forges, how it changes what it sends.
    var mischief: Mischief?

    // Volatile.
    var connections: [LinkID: SimulatedLink] = [:]
    /// The proven link with each peer.
    private(set) var proven: [ServerName: LinkID] = [:]
    private(set) var provenAt: [ServerName: Instant] = [:]
    var sessions: [SessionID: NodeSession] = [:]
    var lastSession: UInt64 = 0
    private var events: [HubEvent] = []
    private var requests: [(tag: UInt64, NodeRequest)] = []
    private var spoolRequests: [(tag: UInt64, SpoolRequest)] = []
    /// Questions about files that each link has under way, with the time of asking.
    private var filesAsked: [LinkID: [Int64: Instant]] = [:]
    private var askers: [UInt64: (NodeReply) -> Void] = [:]
    private var lastAsked: UInt64 = 0
    private var isHandling = false

    private static let ownTags: UInt64 = 1 << 63

    init(_ world: World, name: ServerName, signer: StandIn.Signer, setup: Setup) throws {
        self.world = world
        self.name = name
        self.signer = signer
        self.setup = setup
        random = world.random.fork()
        disks = try NodeDisks()
        store = SimulatedStore(world, try disks.openStore(epoch: Epoch(random.next()), now: world.wall))
        spool = SimulatedStore(world, try SpoolStore(disks.spool))
        watchStores()
    }

    var isUp: Bool { hub != nil }
    var wall: Int64 { world.wall + wallJump }

    // MARK: Lives

    func start() throws {
        guard hub == nil else { return }
        life += 1
        startedAt = world.now
        try openStores()
        hub = Hub(setup: setup, key: signer.key, stored: try Node.StoredState(reading: store.disk))
        beginStores()
        world.trace("\(name) starts")
        handle(.accounts(setup.admin.map(\.user)))
        handle(.started)
        joinWatcher()
        probeLater()
    }

    /// - Parameter isNoticed: the machine lives on and resets connections; otherwise it is gone without a word.
    func crash(isNoticed: Bool) {
        guard hub != nil else { return }
        world.trace("\(name) crashes\(isNoticed ? "" : " and falls silent")")
        world.counts.crashes += 1
        hub = nil
        store.crash()
        spool.crash()
        if !isNoticed { disks.marks.losePower(using: &random) }
        for (_, link) in connections.sorted(by: { $0.key < $1.key }) {
            if isNoticed { link.cut() } else { link.swallow(from: self) }
        }
        for (_, session) in sessions.sorted(by: { $0.key < $1.key }) { session.connection?.nodeVanished(isNoticed) }
        forget()
        world.disturbed(name)
    }

    func forget() {
        (connections, proven, provenAt, sessions) = ([:], [:], [:], [:])
        (events, requests, spoolRequests, askers, isHandling) = ([], [], [], [:], false)
        filesAsked = [:]
    }

    /// Runs `body` later, unless the node has crashed by then.
    func after(_ duration: Duration, _ body: @escaping () -> Void) {
        world.at(world.now.advanced(by: duration)) { [unowned self, life] in
            if life == self.life, isUp { body() }
        }
    }

    // MARK: Events and actions, in the driver's order

    func handle(_ event: HubEvent) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        var next = 0
        while next < events.count, hub != nil {
            let event = events[next]
            let actions = hub?.handle(event, at: world.now, wall: wall, using: &random) ?? []
            checkInvariants(of: event, actions)
            for action in actions { perform(action) }
            next += 1
        }
        isHandling = false
        events.removeAll(keepingCapacity: true)
        submit()
    }

    private func perform(_ action: HubAction) {
        switch action {
        case .send(let ids, let line): send(line, to: ids)
        case .close(let id, let line): close(id, with: line)
        case .pause(let id): sessions[id]?.isPaused = true
        case .resume(let id): resume(id)
        case .store(let tag, let request): requests.append((tag, request))
        case .spool(let tag, let request): spoolRequests.append((tag, request))
        case .mesh(let action): perform(action)
        // Nobody administers these nodes.
        case .answer, .probe, .rotateKey: world.ledger.complain(.invariant, "\(name) answers an administrator")
        case .wake(let instant): wake(at: instant)
        }
    }

    private func wake(at instant: Instant) {
        after(instant.since(world.now)) { [unowned self] in handle(.rang) }
    }

    /// Asks the store something that only the driver needs to know.
    func ask(_ request: NodeRequest, _ body: @escaping (NodeReply) -> Void) {
        lastAsked += 1
        askers[SimulatedNode.ownTags | lastAsked] = body
        requests.append((SimulatedNode.ownTags | lastAsked, request))
        if !isHandling { submit() }
    }

    private func submit() {
        guard isUp else { return }
        if !requests.isEmpty { store.submit(requests) }
        requests = []
        if !spoolRequests.isEmpty { spool.submit(spoolRequests) }
        spoolRequests = []
    }

    func stored(_ batch: [(tag: UInt64, reply: NodeReply)]) {
        for (tag, reply) in batch where tag >= SimulatedNode.ownTags { askers.removeValue(forKey: tag)?(reply) }
        handle(.stored(batch.filter { $0.tag < SimulatedNode.ownTags }))
    }

    // MARK: Links

    private func perform(_ action: MeshAction) {
        switch action {
        case .dial(let id, let server, _, _): world.dial(server, from: self, as: id)
        case .send(let id, let message):
            countFiles(message, on: id)
            for said in mischief?.twist(message) ?? [message] {
                connections[id]?.send(.message(said.encoded()), from: self)
            }
        case .ping(let id): connections[id]?.send(.ping, from: self)
        case .close(let id, let refusal):
            world.trace("\(name) closes link \(id.value): \(refusal.code.rawValue), \(refusal.text)")
            connections.removeValue(forKey: id)?.send(.close(refusal), from: self)
        case .sign(let id, let bytes):
            handle(.mesh(.signed(id, signature: signer.sign(bytes))))
        case .verify(let id, let key, let bytes, let signature):
            let isGood = world.isSigned(bytes, signature, by: key)
            handle(.mesh(.verified(id, isGood)))
        case .note(let note): noted(note)
        default: world.ledger.complain(.invariant, "the hub of \(name) left \(action) to its driver")
        }
    }

    private func noted(_ note: MeshNote) {
        world.trace("\(name) \(note)")
        switch note {
        case .linkUp(let peer, let id): (proven[peer], provenAt[peer]) = (id, world.now)
        case .linkDown(let peer, let id, _) where proven[peer] == id: (proven[peer], provenAt[peer]) = (nil, nil)
        case .keyChanged: world.counts.alarms += 1
        default: break
        }
    }

    func acceptLink(_ link: SimulatedLink) -> LinkID? {
        guard let (id, actions) = hub?.acceptLink(at: world.now) else { return nil }
        for action in actions { perform(action) }
        connections[id] = link
        return id
    }

    func dialled(_ id: LinkID, _ link: SimulatedLink?) {
        guard let link else { return handle(.mesh(.closed(id, nil))) }
        connections[id] = link
        opened(id)
    }

    func holds(_ link: SimulatedLink, as id: LinkID) -> Bool { connections[id] === link }

    func opened(_ id: LinkID) { handle(.mesh(.opened(id, connections[id]?.channel ?? .plaintext))) }

    func arrived(_ item: LinkItem, on id: LinkID, of link: SimulatedLink) {
        guard connections[id] === link else { return }
        switch item {
        case .message(let bytes):
            world.recorded(bytes)
            world.detail(
                "\(name) gets on link \(id.value) \(String(decoding: bytes, as: UTF8.self).prefix(World.detailMax))")
            do throws(Refusal) {
                let message = try LinkMessage(decoding: bytes)
                filesAnswered(message, on: id)
                handle(.mesh(.received(id, message)))
            } catch { handle(.mesh(.unreadable(id, error))) }
        case .ping:
            link.send(.pong, from: self)
            handle(.mesh(.heard(id)))
        case .pong: handle(.mesh(.heard(id)))
        case .close(let refusal):
            connections[id] = nil
            handle(.mesh(.closed(id, refusal)))
        case .lost:
            connections[id] = nil
            handle(.mesh(.closed(id, nil)))
        }
    }

    // MARK: What must always hold

    private func countFiles(_ message: LinkMessage, on id: LinkID) {
        switch message {
        case .chunkWanted(let ref, _, _), .outcome(let ref, _, _, _, _): filesAsked[id, default: [:]][ref] = world.now
        default: return
        }
        let limits = Requests<FileQuestion>.Limits.files
        let asked = filesAsked[id, default: [:]].filter { world.now.since($0.value) < limits.durationMax }
        filesAsked[id] = asked
        if asked.count > limits.countMax {
            world.ledger.complain(.invariant, "\(name) has \(asked.count) questions about files on one link")
        }
    }

    private func filesAnswered(_ message: LinkMessage, on id: LinkID) {
        switch message {
        case .chunk(let ref, _, _), .outcomeKept(let ref, _): filesAsked[id]?[ref] = nil
        default: break
        }
    }

    private func checkInvariants(of event: HubEvent, _ actions: [HubAction]) {
        if case .mesh(.received(let id, .envelope)) = event, !proven.values.contains(id) {
            let isTaken = actions.contains { if case .store(_, .receive) = $0 { true } else { false } }
            if isTaken { world.ledger.complain(.invariant, "\(name) took an envelope from an unproven link") }
        }
        let isSending = actions.contains { if case .mesh(.send(_, .envelope)) = $0 { true } else { false } }
        guard isSending else { return }
        for state in hub?.linkStates ?? [] where state.unacknowledged > Outbox.windowCountMax {
            world.ledger.complain(
                .invariant, "\(name) has \(state.unacknowledged) envelopes under way to \(state.name)")
        }
    }
}
