import Federation
import Glibc
import Net
import Store
import Wire

/// The socket of the data folder, by which whoever may enter that folder administers the running node.
final class AdminDriver {
    let loop: EventLoop
    private unowned let node: NodeDriver
    private var listener: Listener?
    private var sessions: [AdminID: AdminSession] = [:]
    private var probers: [AdminID: LinkProber] = [:]
    private var lastID: UInt64 = 0
    /// Files are written here, never on the loop.
    private let worker: WorkerPool
    private var inbox: Inbox<KeyChange>?

    private struct KeyChange: Sendable {
        let id: AdminID
        let result: Result<ServerIdentity, CommandFault>
    }

    /// In the data folder.
    static let fileName = "admin.sock"
    /// Several terminals and a few scripts; one more is told to come again.
    static let sessionsMax = 16

    init(loop: EventLoop, node: NodeDriver) throws(NetError) {
        self.loop = loop
        self.node = node
        worker = try WorkerPool(name: "administration", threads: 1, jobsMax: AdminDriver.sessionsMax)
        inbox = loop.makeInbox { [weak self] changes in
            for change in changes { self?.changed(change) }
        }
    }

    func listen(in folder: String) throws(NetError) {
        let address = LocalAddress(folder: folder, name: AdminDriver.fileName)
        listener = try Listener(loop: loop, at: address, egressLimits: AdminDriver.egressLimits) {
            [unowned self] in accept($0)
        }
    }

    /// A thousand servers with all that is known of them take less than half of it.
    private static var egressLimits: EgressQueue.Limits {
        EgressQueue.Limits(bytesMax: 8 << 20, highWaterBytes: 1 << 20, lowWaterBytes: 256 << 10)
    }

    /// The node stops: no more commands, and those under way end unanswered.
    func close() {
        listener?.close()
        listener = nil
        let refusal = Refusal(.draining, "the node stops")
        for session in sessions.values { session.end(refusal) }
    }

    // MARK: Sessions

    private func accept(_ stream: Stream) {
        guard AdminRequest.isAllowed(for: stream.localUser, owner: geteuid()) else {
            return refuse(stream, Refusal(.notTheOwner, "the node runs for another user, who alone administers it"))
        }
        guard sessions.count < AdminDriver.sessionsMax else {
            let refusal = Refusal(
                .busy, "\(AdminDriver.sessionsMax) administrators are connected, its limit; try again")
            return refuse(stream, refusal)
        }
        lastID += 1
        let session = AdminSession(id: AdminID(lastID), stream: stream, driver: self)
        sessions[session.id] = session
        stream.handler = session
    }

    private func refuse(_ stream: Stream, _ refusal: Refusal) {
        node.count(refusal.code)
        stream.write(AdminLine.refused(refusal, AdminFacts()).encoded())
        stream.closeAfterFlush(within: .seconds(1), reason: .local(refusal.code.rawValue))
    }

    func ended(_ id: AdminID) {
        sessions[id] = nil
        probers.removeValue(forKey: id)?.cancel()
    }

    func count(_ code: Refusal.Code) { node.count(code) }

    // MARK: Commands

    func asked(_ id: AdminID, _ request: AdminRequest) throws(Refusal) {
        let command = try AdminCommand(request)
        if request.verb.row.isChange {
            node.log.write(.info, "an administrator orders", [("command", request.words)])
        }
        node.handle(.administer(id, command))
    }

    func answer(_ id: AdminID, _ lines: [AdminLine]) { sessions[id]?.answer(lines) }

    func rotateKey(_ id: AdminID) {
        guard let inbox else { return }
        let (folder, name) = (node.setup.dataFolder, node.setup.serverName)
        let isTaken = worker.submit(answeringTo: inbox) {
            KeyChange(id: id, result: Result { () throws(CommandFault) in try AdminDriver.rotate(folder, name) })
        }
        if !isTaken { answer(id, [.refused(Refusal(.busy, "other work is not done yet"), AdminFacts())]) }
    }

    private static func rotate(_ folder: String, _ name: ServerName) throws(CommandFault) -> ServerIdentity {
        do {
            let folder = try PrivateFolder(path: folder)
            return try ServerIdentity.rotate(in: folder, name: name, at: Clock.wallMilliseconds)
        } catch let error as StoreError { throw CommandFault(error.text) } catch { throw CommandFault("\(error)") }
    }

    private func changed(_ change: KeyChange) {
        switch change.result {
        case .success(let fresh):
            let old = node.identity.publicKey
            node.take(fresh)
            answer(change.id, [.done(.rotated(node.setup.serverName, from: old, to: fresh.publicKey))])
        case .failure(let fault):
            node.log.write(.alarm, "the new key was not made", [("reason", fault.text)])
            answer(change.id, [.refused(Refusal(.storeFailed, fault.text), AdminFacts())])
        }
    }

    func probe(_ id: AdminID, _ target: ProbeTarget) {
        guard sessions[id] != nil else { return }
        let prober = LinkProber(target, loop: loop, resolver: node.resolver, tls: node.dialling, key: node.identity.key)
        probers[id] = prober
        prober.start { [weak self] step in
            self?.answer(id, [.step(step)])
        } ended: { [weak self] refusal in
            guard let self else { return }
            probers[id] = nil
            answer(id, [refusal.map { .refused($0, AdminFacts()) } ?? .done(AdminOutcome())])
        }
    }
}
