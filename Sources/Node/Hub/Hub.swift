package import Bytes
package import Federation
import Store
package import Wire

/// Sessions, presence and messages of this node, and through its mesh the links to others. Pure: every effect is an
/// action, every answer an event. Its owner alone touches it.
package struct Hub: Sendable {
    struct Session {
        let user: UserName
        /// Requests that wait for the store or another server, by their weight.
        var underWay = 0
        var isPaused = false
        /// A session shows as online when its account has a device and it has said something.
        var isOnline = false
        var unheard: Unheard?

        /// The node could not take a message for now, and the client may not know it yet.
        struct Unheard {
            /// Of the ping behind the refusal.
            let ref: Int64
            let refusal: Refusal
        }
    }

    /// Why the store was asked.
    enum Errand {
        case join(SessionID, Login)
        case accept(SessionID, Envelope)
        case publish(SessionID, DeviceKey)
        case states(SessionID, ref: Int64)
        case history(SessionID, ref: Int64)
        /// nil where only a refusal is kept.
        case receive(ServerName, Epoch, seq: Int64, Envelope?)
        case pin(ServerName, IdentityKey)
        case outbox(ServerName, after: Int64)
        case rewind(ServerName, Epoch)
        case renew(Epoch)
        case beginInbound(ServerName, Epoch)
        case refusals(ServerName, Epoch, after: Int64, through: Int64, countMax: Int)
        case acknowledge(ServerName)
        case expire
        case purge
        case administer(AdminID, AdminCommand)
        /// Nothing depends on the answer.
        case nothing
    }

    /// What a peer acknowledged and the store does not hold yet.
    struct Settling {
        var through: Int64
        var refused: [StreamRefusal]
    }

    struct KeyQuestion {
        let session: SessionID
        let ref: Int64
    }

    package let name: ServerName
    var mesh: Mesh
    var sessions: [SessionID: Session] = [:]
    /// Their welcome is being prepared. Whoever leaves meanwhile gets none.
    var joining: Set<SessionID> = []
    var sessionsOfUser: [UserName: [SessionID]] = [:]
    var accounts: Set<UserName>
    var devices: [UserName: [DeviceKey]]
    var errands: [UInt64: Errand] = [:]
    var lastTag: UInt64 = 0
    /// Drivers ask with 0.
    var lastPing: Int64 = 0
    /// Questions for keys of people elsewhere.
    var keyQuestions: [UInt64: KeyQuestion] = [:]
    var settling: [ServerName: Settling] = [:]
    /// What the spool and other nodes are asked about files, by tag and token alike, and for which account.
    var fileErrands: [UInt64: (errand: FileErrand, user: UserName?)] = [:]
    /// How many of them are of each account.
    var fileErrandCounts: [UserName: Int] = [:]
    var filePurge = FilePurge.idle
    var absences: [ServerName: Absence] = [:]
    /// 0 if no files are taken.
    let fileBytesMax: Int64
    var isDraining = false
    var actions: [HubAction] = []
    private var nextExpiry: Instant?

    /// - Parameters:
    ///   - accounts: everybody who may be written to here, whether or not they may log in now.
    ///   - devices: their devices, the first registered one first.
    ///   - fileBytesMax: the largest file that the spool takes, for the welcome; 0 if it takes none.
    package init(
        name: ServerName, mesh: Mesh, accounts: Set<UserName>, devices: [UserName: [DeviceKey]], fileBytesMax: Int64
    ) {
        self.name = name
        self.mesh = mesh
        self.accounts = accounts
        self.devices = devices
        self.fileBytesMax = fileBytesMax
    }

    /// - Parameters:
    ///   - now: monotonic.
    ///   - wall: milliseconds since 1970.
    package mutating func handle(
        _ event: HubEvent, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) -> [HubAction] {
        switch event {
        case .started: start(at: now, wall: wall, using: &random)
        case .joined(let id, let login): join(id, login, wall: wall)
        case .said(let id, let line): said(id, line, at: now, wall: wall, using: &random)
        case .left(let id): left(id, at: now, wall: wall, using: &random)
        case .stored(let replies): stored(replies, at: now, wall: wall, using: &random)
        case .spooled(let replies): spooled(replies, at: now, wall: wall, using: &random)
        case .mesh(let event): tell(event, at: now, wall: wall, using: &random)
        case .accounts(let names): accounts.formUnion(names)
        case .administer(let id, let command): administer(id, command, at: now, wall: wall, using: &random)
        case .rang: rang(at: now, wall: wall, using: &random)
        case .drain(let retrySeconds): drain(retrySeconds, at: now, wall: wall, using: &random)
        }
        defer { actions = [] }
        return actions
    }

    /// Numbers a link that a peer opened.
    /// nil if too many wait to be proven.
    package mutating func acceptLink(at now: Instant) -> (link: LinkID, actions: [HubAction])? {
        guard let (link, wanted) = mesh.accept(at: now) else { return nil }
        return (link, wanted.compactMap { if case .wake(let instant) = $0 { .wake(at: instant) } else { nil } })
    }

    /// What administrators see of each link.
    package var linkStates: [LinkState] { mesh.linkStates }

    // MARK: Time

    private mutating func start(at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator) {
        awaitServers(at: now, wall: wall)
        tell(.started, at: now, wall: wall, using: &random)
        scheduleExpiry(at: now)
    }

    private mutating func rang(at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator) {
        tell(.tick, at: now, wall: wall, using: &random)
        tellAbsences(at: now)
        guard let due = nextExpiry, now >= due else { return }
        ask(.expire(at: wall), for: .expire)
        ask(.purge(at: wall), for: .purge)
        purgeFiles(wall: wall)
        for peer in settling.keys.sorted() { settle(peer, wall: wall) }
        scheduleExpiry(at: now)
    }

    /// Deadlines are days away, so looking once a minute is soon enough.
    private mutating func scheduleExpiry(at now: Instant) {
        let due = now.advanced(by: .seconds(60))
        nextExpiry = due
        actions.append(.wake(at: due))
    }

    private mutating func drain(
        _ retrySeconds: Int64, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        isDraining = true
        let refusal = Refusal(.draining, "the node stops; come back in \(retrySeconds) s")
        for id in sessions.keys.sorted() {
            actions.append(.close(id, .closing(refusal, retrySeconds: retrySeconds)))
        }
        tell(.draining(retrySeconds: retrySeconds), at: now, wall: wall, using: &random)
    }

    // MARK: Errands

    mutating func ask(_ request: NodeRequest, for errand: Errand) {
        lastTag += 1
        errands[lastTag] = errand
        actions.append(.store(tag: lastTag, request))
    }

    func address(of user: UserName) -> Address { Address(user: user, server: name) }

    /// Sends to all sessions of a user; encoded once.
    mutating func send(_ line: NodeLine, to user: UserName) {
        guard let ids = sessionsOfUser[user], !ids.isEmpty else { return }
        actions.append(.send(ids, line))
    }

    /// Sends to every session of the node; encoded once.
    mutating func sendToAll(_ line: NodeLine) {
        guard !sessions.isEmpty else { return }
        actions.append(.send(sessions.keys.sorted(), line))
    }
}
