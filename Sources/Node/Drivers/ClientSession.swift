import Bytes
import Crypto
import Net
import Wire

/// One connection on the client port: cuts its lines, sees it through the login, then hands its lines to the hub.
final class ClientSession: StreamHandler {
    private enum Phase {
        case hello
        case login
        case response(ScramServer, UserName, token: [UInt8]?)
        /// Something is being looked up, or the hub prepares the welcome.
        case waiting
        case open
        case closing
    }

    let id: SessionID
    let stream: Stream
    private unowned let driver: ClientDriver
    private var lines = LineSplitter(lineBytesMax: ClientLine.bytesMaxBeforeLogin)
    private var phase = Phase.hello
    private var linesBeforeLogin = 0
    private var loginTimer: TimerID?
    private var isPausedByHub = false
    /// More waits to be sent than should; nothing is read until it has gone.
    private var isBackedUp = false
    private var isProbed = false

    /// Design decision D4: whoever has not logged in by then is no client of ours.
    static let loginDurationMax: Duration = .seconds(10)
    static let linesBeforeLoginMax = 8
    /// Design decision D16: a silent session is asked after the first, dead after the second.
    static let probeAfter: Duration = .seconds(10)
    static let deadAfter: Duration = .seconds(20)

    init(id: SessionID, stream: Stream, driver: ClientDriver) {
        self.id = id
        self.stream = stream
        self.driver = driver
        loginTimer = driver.loop.schedule(after: ClientSession.loginDurationMax) { [weak self] in
            self?.end(
                Refusal(.timedOut, "the login took longer than \(ClientSession.loginDurationMax.components.seconds) s"))
        }
    }

    // MARK: The stream

    func streamOpened(_ stream: Stream) {}

    func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        isProbed = false
        lines.receive(bytes)
        readLines()
    }

    func streamDrained(_ stream: Stream) {
        isBackedUp = false
        goOn()
    }

    func streamClosed(_ stream: Stream, reason: CloseReason) {
        if let loginTimer { driver.loop.cancel(loginTimer) }
        phase = .closing
        driver.ended(self, reason)
    }

    // MARK: What the driver asks

    func send(_ line: [UInt8]) {
        guard case .aboveHighWater = stream.write(line) else { return }
        isBackedUp = true
        stream.pauseReading()
    }

    func welcomed() {
        guard case .waiting = phase else { return }
        if let loginTimer { driver.loop.cancel(loginTimer) }
        lines.lineBytesMax = ClientLine.bytesMax
        phase = .open
        goOn()
    }

    func pause() {
        isPausedByHub = true
        stream.pauseReading()
    }

    func resume() {
        isPausedByHub = false
        goOn()
    }

    /// Sends a last line and closes.
    func close(with line: NodeLine) {
        if case .closing = phase { return }
        phase = .closing
        if case .closing(let refusal, _) = line { driver.count(refusal.code) }
        stream.write(line.encoded())
        stream.closeAfterFlush(within: .seconds(2), reason: .local(line.tag))
    }

    func end(_ refusal: Refusal) { close(with: .closing(refusal, retrySeconds: nil)) }

    /// Asks a session that has been silent for a while whether it is there, and gives it up if it does not answer.
    /// One that is not read because much waits for it is judged by what it takes.
    func probe(at now: Instant) {
        guard case .open = phase else { return }
        if isBackedUp, now.since(stream.lastSent) >= ClientSession.deadAfter { return stream.close(.slowConsumer) }
        guard !isBackedUp, !isPausedByHub else { return }
        let silence = now.since(stream.lastReceived)
        if silence >= ClientSession.deadAfter {
            end(Refusal(.timedOut, "nothing was heard for \(ClientSession.deadAfter.components.seconds) s"))
        } else if silence >= ClientSession.probeAfter, !isProbed {
            isProbed = true
            send(NodeLine.ping(ref: 0).encoded())
        }
    }

    // MARK: Lines

    private var isReading: Bool {
        switch phase {
        case .waiting, .closing: false
        case .hello, .login, .response, .open: !isPausedByHub && !isBackedUp
        }
    }

    /// Not from within the hub's answer that made it possible: the hub would hear all that waits here before it could
    /// say stop.
    private func goOn() {
        driver.loop.afterThisTurn { [weak self] in
            guard let self else { return }
            readLines()
            if isReading { stream.resumeReading() }
        }
    }

    private func readLines() {
        while isReading {
            do throws(Refusal) {
                guard let line = try lines.next() else { return }
                try receive(try JSONObject(message: line))
            } catch { return end(error) }
        }
        stream.pauseReading()
    }

    /// Throws what ends the connection.
    private func receive(_ object: JSONObject) throws(Refusal) {
        if case .open = phase {
            do throws(Refusal) {
                let line = try ClientLine(object)
                if case .publish(let key) = line { try driver.check(key, of: id) }
                return driver.said(id, line)
            } catch {
                driver.count(error.code)
                let ref = try? object.integer("ref", in: 0...Int64.max)
                let message = try? object.object("envelope").messageID("id")
                return send(NodeLine.refused(error, ref: ref, id: message).encoded())
            }
        }
        linesBeforeLogin += 1
        guard linesBeforeLogin <= ClientSession.linesBeforeLoginMax else {
            throw Refusal(.tooLong, "a login takes at most \(ClientSession.linesBeforeLoginMax) lines")
        }
        try logIn(try ClientLine(object))
    }

    // MARK: Login

    private func logIn(_ line: ClientLine) throws(Refusal) {
        switch (phase, line) {
        case (.hello, .hello(let version, let server, let nonce)):
            guard stream.isSecure || !driver.requiresTLS else {
                throw Refusal(.needsTLS, "this node takes clients under TLS only, on the same port")
            }
            let hello = try driver.hello(version: version, server: server, nonce: nonce, exporter: stream.exporter)
            send(hello.encoded())
            phase = .login
        case (.login, .login(let user, let method, let data)):
            let first = try refusing { () throws(ScramFault) in try ScramClientFirst(parsing: data) }
            guard first.user == user.text else { throw ClientSession.refused }
            if let name = stream.peerCertificateName, name != user.text {
                throw Refusal(.loginRefused, "the certificate is for \(name), not for \(user)")
            }
            phase = .waiting
            driver.findVerifier(user, method) { [weak self] verifier in
                self?.challenge(first, verifier, user, method)
            }
        case (.response(var server, let user, let token), .response(let data, let met)):
            let proof = try refusing { () throws(ScramFault) in try server.receive(data) }
            phase = .waiting
            try driver.join(id, user, proof: proof, used: token, met: met)
        default:
            let wanted = if case .hello = phase { "hello" } else if case .login = phase { "login" } else { "response" }
            throw Refusal(.loginFirst, "\"\(line.tag)\" is not understood before the login; \"\(wanted)\" comes next")
        }
    }

    private func challenge(
        _ first: ScramClientFirst, _ verifier: ScramVerifier?, _ user: UserName, _ method: LoginMethod
    ) {
        guard case .waiting = phase else { return }
        let nonce = try? ScramNonce.random()
        guard let verifier, let nonce else { return end(ClientSession.refused) }
        let made = try? ScramServer(
            answering: first, verifier: verifier, nonce: nonce, exporter: stream.exporter, offersBinding: true)
        guard let server = made else {
            return end(first.sawNoBinding ? ClientSession.strippedTLS : ClientSession.refused)
        }
        var token: [UInt8]?
        if case .token(let id) = method { token = id }
        phase = .response(server, user, token: token)
        send(NodeLine.challenge(data: server.challenge).encoded())
        goOn()
    }

    /// One answer for a wrong password, an unknown user, an old token and a message that is no SCRAM.
    private static let refused = Refusal(
        .loginRefused, "the name and the password do not fit, or the account may not log in")

    /// RFC 5802 §6: the client would have used TLS, and thinks that there is none here.
    private static let strippedTLS = Refusal(
        .needsTLS, "this node speaks TLS and your client saw none: somebody on the way may have taken it out")

    private func refusing<Value>(_ body: () throws(ScramFault) -> Value) throws(Refusal) -> Value {
        do throws(ScramFault) { return try body() } catch { throw ClientSession.refused }
    }
}
