import Bytes
import Crypto
import Federation
import Net
import Store
import Wire

/// Joins the hub to the world: events go in, actions are performed in order. Everything here lives on one event loop;
/// the store and the workers have threads of their own and answer through inboxes.
final class NodeDriver {
    let loop: EventLoop
    let setup: Setup
    private(set) var identity: ServerIdentity
    let log: Log
    /// For links and for tests of the way alike.
    let resolver: Resolver
    let dialling: TLSContext
    private var hub: Hub
    let accounts: AccountBook
    private var clients: ClientDriver?
    private var links: LinkDriver?
    private var admin: AdminDriver?
    private var users: [SessionID: UserName] = [:]
    private var events: [HubEvent] = []
    private var isHandling = false
    private var refusalCounts: [Refusal.Code: Int] = [:]
    /// What peers said in vain and the log has told since a link last came up.
    private var vainNotes: Set<MeshNote> = []
    private var random = SecureGenerator()
    private var isDraining = false
    /// Messages and accounts, and beside them files: a big file keeps no message from the disk.
    private(set) lazy var store = StoreDriver<NodeStore>("store", loop: loop, log: log) { [unowned self] in
        handle(.stored($0))
    }
    private(set) lazy var spool = StoreDriver<SpoolStore>("spool", loop: loop, log: log) { [unowned self] in
        handle(.spooled($0))
    }

    /// What clients and peers are told when the node stops.
    private static let retrySeconds: Int64 = 5
    /// Design: a stop takes at most 10 s; this leaves room for the stores to finish.
    private static let drainDurationMax: Duration = .seconds(6)
    private static let storeCloseSecondsMax = 3
    private static let spoolCloseSecondsMax = 1

    init(loop: EventLoop, setup: Setup, identity: ServerIdentity, stored: StoredState, log: Log) throws {
        self.loop = loop
        self.setup = setup
        self.identity = identity
        self.log = log
        resolver = try Resolver(loop: loop)
        dialling = try .client()
        hub = Hub(setup: setup, key: identity.publicKey, rotations: identity.rotations, stored: stored)
        accounts = try AccountBook(loop: loop, identity: identity, iterations: setup.passwordIterations)
    }

    /// Serves, once both stores have begun: listeners first, then the line that says so.
    func start(stored: StoredState, tls: NodeTLS, clientAddress: SocketAddress, linkAddress: SocketAddress) throws {
        let (clients, links) = (ClientDriver(loop: loop, node: self), LinkDriver(loop: loop, node: self))
        (self.clients, self.links) = (clients, links)
        let bound = (
            try clients.listen(at: clientAddress, tls: tls.clients), try links.listen(at: linkAddress, tls: tls.links)
        )
        handle(.accounts(setup.admin.map(\.user)))
        loadAccounts(stored.accounts)
        warn()
        handle(.started)
        listenForAdministrators()
        Console.say(
            "ready \(setup.serverName) clients=\(bound.0) links=\(bound.1) fingerprint=\(identity.publicKey.text)")
    }

    private func loadAccounts(_ stored: [Account]) {
        accounts.save = { [unowned self] user, verifier, digest in
            let wall = Clock.wallMilliseconds
            ask(.saveAccount(user, verifier: verifier, entryDigest: digest, at: wall)) { _ in }
        }
        for user in accounts.load(setup.admin, stored: stored, log: log) {
            log.write(.warning, "account is no longer in the setup file and may not log in", [("user", user.text)])
            ask(.disableAccount(user)) { _ in }
        }
    }

    private func warn() {
        if setup.admin.contains(where: { !$0.password.hasPrefix("SCRAM-SHA-256$") }) {
            log.write(.warning, "the setup file holds passwords as typed; close it to others")
        }
        for peer in setup.peers where peer.transport == .plaintext && !peer.isLoopback {
            log.write(.warning, "a link in plaintext protects nothing on its way", [("server", peer.name.text)])
        }
    }

    /// A node without administration serves all the same.
    private func listenForAdministrators() {
        do throws(NetError) {
            let admin = try AdminDriver(loop: loop, node: self)
            try admin.listen(in: setup.dataFolder)
            self.admin = admin
        } catch { log.write(.alarm, "the node cannot be administered", [("reason", "\(error)")]) }
    }

    /// From now on this server is known by another key. Links that are proven stay.
    func take(_ fresh: ServerIdentity) {
        let old = identity.publicKey
        identity = fresh
        log.write(.warning, "this server has a new key", [("key", fresh.publicKey.text), ("old", old.text)])
        let known = LinkIdentity(name: setup.serverName, key: fresh.publicKey, rotations: fresh.rotations)
        handle(.mesh(.rekeyed(known)))
    }

    /// Shows those who connect from now on what the files hold now. What cannot be used changes nothing.
    func readCertificates(_ read: () throws -> NodeTLS) {
        do {
            let tls = try read()
            clients?.show(tls.clients)
            links?.show(tls.links)
            log.write(.info, "certificates read again")
        } catch {
            log.write(.alarm, "certificates cannot be used; the old ones stay", [("reason", "\(error)")])
        }
    }

    // MARK: Events and actions

    /// Events that come up while one is handled wait for their turn, so that actions keep their order.
    func handle(_ event: HubEvent) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        var next = 0
        while next < events.count {
            let actions = hub.handle(events[next], at: loop.now, wall: Clock.wallMilliseconds, using: &random)
            for action in actions { perform(action) }
            next += 1
            // Requests that a store does not take are answered by one more event.
            if next == events.count { submit() }
        }
        events.removeAll(keepingCapacity: true)
    }

    /// nil if too many links wait to be proven.
    func acceptLink() -> LinkID? {
        guard let (link, actions) = hub.acceptLink(at: loop.now) else { return nil }
        for action in actions { perform(action) }
        return link
    }

    private func perform(_ action: HubAction) {
        switch action {
        case .send(let ids, let line):
            if case .welcome(let welcome) = line { for id in ids { users[id] = welcome.address.user } }
            if case .refused(let refusal, _, _) = line { count(refusal.code) }
            clients?.send(ids, line)
        case .close(let id, let line): clients?.close(id, line)
        case .pause(let id): clients?.pause(id)
        case .resume(let id): clients?.resume(id)
        case .store(let tag, let request): store.append(request, tag: tag)
        case .spool(let tag, let request): spool.append(request, tag: tag)
        case .mesh(.note(let note)):
            write(note)
        case .mesh(let action): links?.perform(action)
        case .answer(let id, let lines): admin?.answer(id, lines)
        case .probe(let id, let target): admin?.probe(id, target)
        case .rotateKey(let id): admin?.rotateKey(id)
        case .wake(let instant): wake(at: instant)
        }
    }

    /// What a peer says in vain is written once and counted always, or it could fill the disk with the log.
    private func write(_ note: MeshNote) {
        if let code = note.refusedCode { count(code) }
        if case .linkUp(_, let id) = note {
            vainNotes = []
            links?.proven(id)
        }
        if let vain = note.inVain, !vainNotes.insert(vain).inserted { return }
        log.write(note)
    }

    private func wake(at instant: Instant) {
        loop.schedule(after: instant.since(loop.now)) { [weak self] in self?.handle(.rang) }
    }

    // MARK: The stores

    /// Asks the store something that only the driver needs to know.
    func ask(_ request: NodeRequest, _ body: @escaping (NodeReply) -> Void) {
        store.ask(request, body)
        if !isHandling { submit() }
    }

    private func submit() {
        store.submit()
        spool.submit()
    }

    // MARK: Sessions

    func address(of id: SessionID) -> Address? {
        users[id].map { Address(user: $0, server: setup.serverName) }
    }

    func sessionEnded(_ id: SessionID) {
        users[id] = nil
        handle(.left(id))
    }

    /// Every refusal is counted by its name; SIGUSR1 writes the counts to the log.
    func count(_ code: Refusal.Code) { refusalCounts[code, default: 0] += 1 }

    func writeCounts() {
        spool.ask(.usage) { [weak self] reply in
            guard case .usage(let files, let bytes) = reply else { self?.writeState(); return }
            self?.writeState([("files", String(files)), ("fileBytes", String(bytes))])
        }
        if !isHandling { submit() }
    }

    /// - Parameter usage: of the spool.
    private func writeState(_ usage: [(String, String)] = []) {
        var members = [("sessions", String(clients?.sessionCount ?? 0))] + usage
        for link in hub.linkStates { members.append((link.name.text, link.summary)) }
        for (code, count) in refusalCounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            members.append((code.rawValue, String(count)))
        }
        log.write(.info, "state", members)
    }

    // MARK: The end

    /// Accepts no more, tells everybody when to come back, lets the stores finish and ends the loop. A second call ends
    /// at once.
    func drain() {
        guard !isDraining else { return finish() }
        isDraining = true
        log.write(.info, "stopping")
        clients?.stopListening()
        links?.stopListening()
        admin?.close()
        handle(.drain(retrySeconds: NodeDriver.retrySeconds))
        let refusal = Refusal(.draining, "the node stops; come back in \(NodeDriver.retrySeconds) s")
        clients?.closeAll(with: .closing(refusal, retrySeconds: NodeDriver.retrySeconds))
        links?.dropUnopened()
        let deadline = loop.now.advanced(by: NodeDriver.drainDurationMax)
        finishWhenQuiet(by: deadline)
    }

    private func finishWhenQuiet(by deadline: Instant) {
        let isQuiet =
            (clients?.sessionCount ?? 0) == 0 && (links?.linkCount ?? 0) == 0 && store.queuedCount == 0
            && spool.queuedCount == 0
        guard !isQuiet, loop.now < deadline else { return finish() }
        loop.schedule(after: .milliseconds(20)) { [weak self] in self?.finishWhenQuiet(by: deadline) }
    }

    private func finish() {
        writeState()
        store.close(withinSeconds: NodeDriver.storeCloseSecondsMax)
        spool.close(withinSeconds: NodeDriver.spoolCloseSecondsMax)
        loop.stop()
    }
}
