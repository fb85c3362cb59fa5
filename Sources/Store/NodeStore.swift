package import Wire

/// Everything that a node keeps but files, on one connection. Not Sendable: `StoreThread` gives it a thread of its own.
/// It reads no clock and no chance.
package final class NodeStore: DatabaseStore {
    /// Bounds of what others can make this node keep.
    package struct Limits: Sendable {
        /// Messages waiting for one peer; at ten a second, more than a day.
        package var outboxRowsMax: Int64 = 1_000_000
        /// Bytes waiting for one peer, so that an unreachable one cannot fill the disk.
        package var outboxBytesMax: Int64 = 1 << 30
        /// Below this much free disk new messages are refused; administration and reading go on.
        package var freeBytesMin: Int64 = 256 << 20
        /// Bound of the database file; beyond it everything is as on a full disk. nil: the disk alone decides.
        package var fileBytesMax: Int64?

        package init() {}
    }

    /// Acknowledged outbox rows wait this long for a peer that may come back from an older backup.
    package static let retainedMillisecondsMax: Int64 = 7 * 86_400_000
    /// Design decision D11; a device that was not used for longer asks for the password.
    package static let tokenMillisecondsMax: Int64 = 30 * 86_400_000
    /// A person's devices, each with a token and its successor, and some that were lost on the way.
    package static let tokensPerAccountMax = 64
    /// Refusals kept of one peer's stream: more than a link has under way.
    package static let refusalsPerPeerMax = 1024
    /// Rows that one `expire` or `purge` touches, so that neither holds up messages.
    package static let stepRowsMax = 1000
    package static let batchRequestsMax = 1000

    let database: Database
    let limits: Limits
    let freeSpace: FreeSpace
    package internal(set) var broken: StoreError?
    /// The database had come further once: it was put back from a backup, and has a new epoch since.
    package private(set) var isRestored = false
    /// nil for a database that is forgotten.
    private let marks: (any LifeMarkKeeper)?
    private var markedAt: Int64 = .min

    /// Opens or makes the database at `path` (`:memory:` for one that is forgotten).
    /// - Parameters:
    ///   - epoch: Random; names this run of the store, and the store itself if it is new or was put back from a backup.
    ///   - now: Milliseconds since 1970.
    package convenience init(
        path: String, epoch: Epoch, now: Int64, limits: Limits = Limits()
    ) throws(StoreError) {
        let marks = path == ":memory:" ? nil : LifeMarkFile(path: path + ".mark")
        let freeSpace = FreeSpace(path: path, bytesMin: limits.freeBytesMin)
        try self.init(try Database(path: path), marks, freeSpace, epoch: epoch, now: now, limits: limits)
    }

    /// Opens a database in memory as one that a file holds is opened. Nobody else uses it as long as this store does.
    package convenience init(
        _ database: Database, marks: any LifeMarkKeeper, epoch: Epoch, now: Int64
    ) throws(StoreError) {
        let limits = Limits()
        let freeSpace = FreeSpace(path: ":memory:", bytesMin: limits.freeBytesMin)
        try self.init(database, marks, freeSpace, epoch: epoch, now: now, limits: limits)
    }

    private init(
        _ database: Database, _ marks: (any LifeMarkKeeper)?, _ freeSpace: FreeSpace, epoch: Epoch, now: Int64,
        limits: Limits
    ) throws(StoreError) {
        self.database = database
        self.marks = marks
        self.limits = limits
        self.freeSpace = freeSpace
        try Schema.node.apply(to: database)
        if let bytesMax = limits.fileBytesMax { try database.limitFile(bytesMax: bytesMax) }
        if try database.first("SELECT 1 FROM node", read: { $0.integer(0) }) == nil {
            try database.run("INSERT INTO node VALUES (?, ?)", Int64(bitPattern: epoch.value), now)
        }
        if let mark = marks?.read(), try self.mark().isBehind(mark) {
            isRestored = true
            _ = try renewEpoch(epoch)
        }
        try database.transaction { () throws(StoreError) in try beginRun(Run(epoch.value)) }
        writeMark(at: now, isSynced: isRestored)
    }

    package func perform(_ requests: [NodeRequest]) -> [NodeReply] {
        let replies = performBatch(requests)
        if marks != nil, let at = requests.lazy.compactMap(\.additionAt).last, isMarkOld(at: at) {
            writeMark(at: at)
        }
        // A mark of the epoch before would make the next opening renew it once more.
        if requests.contains(where: \.isRenewal) { writeMark(at: markedAt, isSynced: true) }
        return replies
    }

    package func close() throws(StoreError) {
        writeMark(at: .max)
        try database.close()
    }

    // MARK: Epochs

    private func mark() throws(StoreError) -> LifeMark {
        let epoch = try database.first("SELECT epoch FROM node") { Epoch(UInt64(bitPattern: $0.integer(0))) }
        let position = try database.first("SELECT max(position) FROM message") { $0.isNull(0) ? 0 : $0.integer(0) }
        guard let epoch else { throw StoreError(.damaged, "the store has no epoch") }
        return LifeMark(epoch: epoch, position: position ?? 0)
    }

    /// A clock that jumps makes a mark early, never for ever late.
    private func isMarkOld(at now: Int64) -> Bool {
        let (age, overflow) = now.subtractingReportingOverflow(markedAt)
        return overflow || !(0..<NodeStore.markMilliseconds).contains(age)
    }

    private func writeMark(at now: Int64, isSynced: Bool = false) {
        guard let marks, let mark = try? mark() else { return }
        marks.write(mark, isSynced: isSynced)
        markedAt = now
    }

    /// Everything that is told of streams begins anew; see `NodeRequest.renewEpoch`.
    func renewEpoch(_ epoch: Epoch) throws(StoreError) -> NodeReply {
        try database.run("UPDATE node SET epoch = ?", Int64(bitPattern: epoch.value))
        return .done
    }

    /// So much may be accepted between a backup and a restore without anybody noticing by the mark alone.
    static let markMilliseconds: Int64 = 5000

    /// A message that is here is known again.
    func retried(_ request: NodeRequest) throws(StoreError) -> NodeReply? {
        guard case .accept(let envelope, _, _, _, _) = request else { return nil }
        return try retried(envelope)
    }

    func answer(_ request: NodeRequest) throws(StoreError) -> NodeReply {
        switch request {
        case .accept(let envelope, let peers, let local, let at, let deadline):
            try accept(envelope, peers: peers, local: local, at: at, deadline: deadline)
        case .recognise(let envelope, let otherwise): try retried(envelope) ?? .failed(otherwise)
        case .receive(let peer, let epoch, let seq, let envelope, let local, let at):
            try receive(envelope, in: InboundPlace(peer: peer, epoch: epoch, seq: seq, at: at), local: local)
        case .refuse(let peer, let epoch, let seq, let refusal, let at):
            try refuse(refusal, in: InboundPlace(peer: peer, epoch: epoch, seq: seq, at: at))
        case .beginInbound(let peer, let epoch, let first, let run):
            try beginInbound(from: peer, epoch: epoch, first: first, run: run)
        case .refusals(let peer, let after): try refusals(peer: peer, after: after)
        case .acknowledge(let peer, let through, let refused, let at):
            try acknowledge(peer: peer, through: through, refused: refused, at: at)
        case .outbox(let peer, let after, let countMax, let bytesMax):
            try outbox(peer: peer, after: after, countMax: countMax, bytesMax: bytesMax)
        case .rewind(let peer, let epoch): try rewind(peer: peer, epoch: epoch)
        case .renewEpoch(let epoch): try renewEpoch(epoch)
        case .expire(let now): try expire(at: now)
        case .purge(let now): try purge(at: now)
        case .streams: try streams()
        case .pin(let server, let key, let at): try pin(server, key, at: at)
        case .states(let author, let ids): try states(author: author, ids: ids)
        case .history(let owner, let range, let bytesMax): try history(owner: owner, range, bytesMax: bytesMax)
        case .heads(let owner, let countMax, let met): try heads(owner: owner, countMax: countMax, met: met)
        case .repin, .peerDecisions, .addPeer, .removePeer, .pausePeer: try answerAboutServers(request)
        default: try answerAboutPeople(request)
        }
    }

    private func answerAboutServers(_ request: NodeRequest) throws(StoreError) -> NodeReply {
        switch request {
        case .repin(let server, let pin, let at): try repin(server, pin, at: at)
        case .peerDecisions: try peerDecisions()
        case .addPeer(let peer, let at): try addPeer(peer, at: at)
        case .removePeer(let server): try removePeer(server)
        case .pausePeer(let server, let isPaused, let at): try pausePeer(server, isPaused, at: at)
        default: throw StoreError(.misuse, "a request has no answer")
        }
    }

    private func answerAboutPeople(_ request: NodeRequest) throws(StoreError) -> NodeReply {
        switch request {
        case .accounts: .accounts(try accounts())
        case .saveAccount(let user, let verifier, let digest, let at):
            try saveAccount(user, verifier: verifier, entryDigest: digest, at: at)
        case .disableAccount(let user): try disableAccount(user)
        case .devices: .devices(try devices())
        case .publish(let user, let key, let at): try publish(user, key, at: at)
        case .saveToken(let id, let user, let verifier, let replaces, let at):
            try saveToken(id: id, user: user, verifier: verifier, replaces: replaces, at: at)
        case .token(let id, let at): .token(try token(id: id, at: at))
        case .tokenUsed(let id, let at): try tokenUsed(id: id, at: at)
        default: throw StoreError(.misuse, "a request has no answer")
        }
    }

    static let lowReply = NodeReply.failed(
        Refusal(.storeFailed, "the node's disk is nearly full; it takes no new messages until there is room"))
}
