import Bytes
import Node
import Store
import Wire

/// The node's half of one client connection, as `ClientSession` behaves.
final class NodeSession {
    enum Phase: Equatable {
        case hello, login, waiting, open, closing
        case response(UserName, token: [UInt8]?)
    }

    let id: SessionID
    /// nil for the watcher, who sits inside the node.
    let connection: SimulatedConnection?
    var phase = Phase.hello
    var isPaused = false
    var held: [[UInt8]] = []
    var lastReceived: Instant
    var isProbed = false

    init(id: SessionID, connection: SimulatedConnection?, at now: Instant) {
        self.id = id
        self.connection = connection
        lastReceived = now
    }
}

/// Sessions: login (SCRAM's bytes are stand-ins, its steps and the tokens are real), lines, probes, and a watcher who
/// keeps asking who is there.
extension SimulatedNode {
    static let watcher = try? UserName("watcher")
    private static var loginDurationMax: Duration { .seconds(10) }
    private static var probeAfter: Duration { .seconds(10) }
    private static var deadAfter: Duration { .seconds(20) }

    func accept(_ connection: SimulatedConnection) -> SessionID {
        lastSession += 1
        let id = SessionID(lastSession)
        sessions[id] = NodeSession(id: id, connection: connection, at: world.now)
        after(SimulatedNode.loginDurationMax) { [unowned self] in
            if let session = sessions[id], session.phase != .open { end(id, Refusal(.timedOut, "the login is slow")) }
        }
        return id
    }

    func joinWatcher() {
        guard let watcher = SimulatedNode.watcher else { return }
        lastSession += 1
        let id = SessionID(lastSession)
        sessions[id] = NodeSession(id: id, connection: nil, at: world.now)
        join(id, watcher, used: nil, met: [])
        world.watch(self, id)
    }

    // MARK: Lines in

    func arrived(_ item: LineItem, on id: SessionID) {
        guard let session = sessions[id] else { return }
        session.lastReceived = world.now
        session.isProbed = false
        switch item {
        case .end:
            sessions[id] = nil
            handle(.left(id))
        case .line(let bytes):
            session.held.append(bytes)
            read(session)
        }
    }

    func resume(_ id: SessionID) {
        guard let session = sessions[id] else { return }
        session.isPaused = false
        read(session)
    }

    private func read(_ session: NodeSession) {
        while !session.isPaused, session.phase != .waiting, session.phase != .closing, !session.held.isEmpty {
            let bytes = session.held.removeFirst()
            do throws(Refusal) {
                let line = try ClientLine(try JSONObject(message: bytes))
                if session.phase == .open { handle(.said(session.id, line)) } else { try logIn(session, line) }
            } catch {
                guard session.phase == .open else { return end(session.id, error) }
                send(.refused(error, ref: nil, id: nil), to: [session.id])
            }
        }
    }

    private func logIn(_ session: NodeSession, _ line: ClientLine) throws(Refusal) {
        switch (session.phase, line) {
        case (.hello, .hello(let version, let server, let nonce)):
            guard server == name else { throw Refusal(.unknownHost, "this is \(name)") }
            let transcript = ClientHello.transcript(
                server: server, nonce: nonce, exporter: nil)
            let signature = signer.sign(transcript)
            session.phase = .login
            send(.hello(version: version, server: name, key: signer.key, signature: signature), to: [session.id])
        case (.login, .login(let user, .password, _)):
            session.phase = .response(user, token: nil)
            send(.challenge(data: "r=stand-in,s=c2FsdA==,i=4096"), to: [session.id])
        case (.login, .login(let user, .token(let token), _)):
            session.phase = .waiting
            ask(.token(id: token, at: wall)) { [unowned self] reply in
                guard case .token(let known?) = reply, known.user == user else {
                    return end(session.id, Refusal(.loginRefused, "the token is not known"))
                }
                session.phase = .response(user, token: token)
                send(.challenge(data: "r=stand-in,s=c2FsdA==,i=1"), to: [session.id])
                read(session)
            }
        case (.response(let user, let token), .response(_, let met)):
            session.phase = .waiting
            join(session.id, user, used: token, met: met)
        default: throw Refusal(.loginFirst, "\"\(line.tag)\" comes too early")
        }
    }

    private func join(_ id: SessionID, _ user: UserName, used: [UInt8]?, met: [MetRun]) {
        let token = ResumeToken(id: random.bytes(16), secret: random.bytes(32))
        let data = "v=c3RhbmQtaW4="
        handle(.joined(id, Login(user: user, data: data, token: token, tokenVerifier: "none", used: used, met: met)))
    }

    // MARK: Lines out

    func send(_ line: NodeLine, to ids: [SessionID]) {
        var bytes: [UInt8]?
        for id in ids {
            guard let session = sessions[id] else { continue }
            guard let connection = session.connection else {
                world.watched(line, at: self)
                continue
            }
            let encoded = bytes ?? line.encoded()
            bytes = encoded
            connection.toClient.send(.line(encoded))
            guard case .welcome = line else { continue }
            session.phase = .open
            // The session reads on once the event at hand is done.
            after(.zero) { [unowned self] in read(session) }
        }
    }

    func close(_ id: SessionID, with line: NodeLine) {
        guard let session = sessions[id], session.phase != .closing else { return }
        session.phase = .closing
        session.connection?.toClient.send(.line(line.encoded()))
        session.connection?.toClient.send(.end)
        // The driver waits for the peer's end, but no longer than this.
        after(.seconds(2)) { [unowned self] in
            if sessions.removeValue(forKey: id) != nil { handle(.left(id)) }
            if session.connection == nil { joinWatcher() }
        }
    }

    func end(_ id: SessionID, _ refusal: Refusal) { close(id, with: .closing(refusal, retrySeconds: nil)) }

    // MARK: Silence

    func probeLater() {
        after(.seconds(5)) { [unowned self] in
            for (_, session) in sessions.sorted(by: { $0.key < $1.key }) { probe(session) }
            probeLater()
        }
    }

    private func probe(_ session: NodeSession) {
        guard session.phase == .open, !session.isPaused, session.connection != nil else { return }
        let silence = world.now.since(session.lastReceived)
        if silence >= SimulatedNode.deadAfter {
            end(session.id, Refusal(.timedOut, "nothing was heard"))
        } else if silence >= SimulatedNode.probeAfter, !session.isProbed {
            session.isProbed = true
            send(.ping(ref: 0), to: [session.id])
        }
    }
}
