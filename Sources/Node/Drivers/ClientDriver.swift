import Bytes
import Crypto
import Net
import Store
import Wire

/// The client port: accepts, sees logins through, and carries lines between sessions and hub.
final class ClientDriver {
    let loop: EventLoop
    private unowned let node: NodeDriver
    private var listener: Listener?
    private var sessions: [SessionID: ClientSession] = [:]
    private var lastID: UInt64 = 0

    /// More connections than this wait in the system's backlog; each costs some KiB before it has logged in.
    static let sessionsMax = 20_000

    init(loop: EventLoop, node: NodeDriver) {
        self.loop = loop
        self.node = node
    }

    /// Returns the address with the port that was taken.
    func listen(at address: SocketAddress, tls: TLSContext) throws(NetError) -> SocketAddress {
        let listener = try Listener(loop: loop, address: address, tls: tls, egressLimits: ClientDriver.egressLimits) {
            [unowned self] in accept($0)
        }
        self.listener = listener
        probeLater()
        return listener.localAddress
    }

    /// Twice the longest line above the standard queue. 8 chunks, the most that a session is owed, are 528 KiB.
    private static var egressLimits: EgressQueue.Limits {
        EgressQueue.Limits(bytesMax: 2 << 20, highWaterBytes: 512 << 10, lowWaterBytes: 128 << 10)
    }

    func show(_ tls: TLSContext) { listener?.tls = tls }

    /// Clients without TLS are refused.
    var requiresTLS: Bool { node.setup.tls.requiresClientTLS }

    func stopListening() {
        listener?.close()
        listener = nil
    }

    /// Also for those whom the hub does not know yet. One that is closing already hears nothing new.
    func closeAll(with line: NodeLine) {
        for session in sessions.values { session.close(with: line) }
    }

    var sessionCount: Int { sessions.count }

    // MARK: Sessions

    private func accept(_ stream: Stream) {
        guard sessions.count < ClientDriver.sessionsMax else {
            let refusal = Refusal(.busy, "this node has \(ClientDriver.sessionsMax) connections, its limit")
            count(refusal.code)
            stream.write(NodeLine.closing(refusal, retrySeconds: 30).encoded())
            return stream.closeAfterFlush(within: .seconds(1), reason: .local("too many connections"))
        }
        lastID += 1
        let session = ClientSession(id: SessionID(lastID), stream: stream, driver: self)
        sessions[session.id] = session
        stream.handler = session
    }

    func ended(_ session: ClientSession, _ reason: CloseReason) {
        sessions[session.id] = nil
        if reason == .slowConsumer { count(.slowConsumer) }
        node.sessionEnded(session.id)
    }

    private func probeLater() {
        loop.schedule(after: .seconds(5)) { [weak self] in
            guard let self else { return }
            for session in sessions.values { session.probe(at: loop.now) }
            probeLater()
        }
    }

    // MARK: What the hub wants

    func send(_ ids: [SessionID], _ line: NodeLine) {
        let bytes = line.encoded()
        for id in ids { sessions[id]?.send(bytes) }
        if case .welcome = line { for id in ids { sessions[id]?.welcomed() } }
    }

    func close(_ id: SessionID, _ line: NodeLine) { sessions[id]?.close(with: line) }

    func pause(_ id: SessionID) { sessions[id]?.pause() }

    func resume(_ id: SessionID) { sessions[id]?.resume() }

    // MARK: What sessions want

    func said(_ id: SessionID, _ line: ClientLine) { node.handle(.said(id, line)) }

    func count(_ code: Refusal.Code) { node.count(code) }

    /// - Parameter exporter: of the client's TLS; nil without it.
    func hello(version: Int64, server: ServerName, nonce: [UInt8], exporter: [UInt8]?) throws(Refusal) -> NodeLine {
        guard version == LinkHello.currentVersion else {
            throw Refusal(.protocolVersion, "this node speaks version \(LinkHello.currentVersion) of the protocol")
        }
        guard server == node.setup.serverName else {
            throw Refusal(.unknownHost, "this is the node of \(node.setup.serverName), not of \(server)")
        }
        let transcript = ClientHello.transcript(server: server, nonce: nonce, exporter: exporter)
        guard let signature = try? node.identity.key.sign(transcript) else {
            throw Refusal(.busy, "the node could not sign its hello; try again")
        }
        return .hello(
            version: version, server: server, key: node.identity.publicKey, signature: signature,
            rotations: node.identity.rotations)
    }

    /// Finds what a login is held against; nil ends it.
    func findVerifier(_ user: UserName, _ method: LoginMethod, _ body: @escaping (ScramVerifier?) -> Void) {
        switch method {
        case .password:
            node.accounts.whenReady(user) { [unowned node] in body(node.accounts.verifier(of: user)) }
        case .token(let id):
            node.ask(.token(id: id, at: Clock.wallMilliseconds)) { reply in
                guard case .token(let token?) = reply, token.user == user else { return body(nil) }
                body(try? ScramVerifier(text: token.verifier))
            }
        }
    }

    /// The proof was right: makes the next token and lets the hub prepare the welcome.
    func join(
        _ id: SessionID, _ user: UserName, proof: String, used: [UInt8]?, met: [MetRun]
    ) throws(Refusal) {
        guard let tokenID = try? SecureRandom.bytes(16), let secret = try? SecureRandom.bytes(32),
            let salt = try? SecureRandom.bytes(ScramVerifier.saltBytes),
            let verifier = try? ScramVerifier(
                password: Secret(text: Base64.encode(secret)), salt: salt, iterations: 1)
        else { throw Refusal(.busy, "the node could not make a token; try again") }
        let token = ResumeToken(id: tokenID, secret: secret)
        node.handle(
            .joined(
                id,
                Login(user: user, data: proof, token: token, tokenVerifier: verifier.text, used: used, met: met)))
    }

    /// A device key must be what it says and belong to the account of the session.
    func check(_ key: DeviceKey, of id: SessionID) throws(Refusal) {
        guard let address = node.address(of: id), let device = try? RSAPublicKey(der: key.key),
            device.fingerprint == key.fingerprint.bytes,
            let account = try? Ed25519PublicKey(bytes: key.account.bytes),
            account.verify(key.signature, of: DeviceKey.transcript(of: key.key, for: address))
        else {
            throw Refusal(
                .badKey, "the device needs an RSA key of 2048 to 8192 bits, its fingerprint and its account's signature"
            )
        }
    }
}
