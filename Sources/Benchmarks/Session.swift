import Bytes
import Crypto
import Net
import Wire

/// One connection of one user to one node: logs in, then hands out the lines that arrive. It speaks the protocol and
/// keeps nothing, unlike a client, so that thousands of them cost little. Lives on its stage.
final class Session: StreamHandler {
    enum Proof {
        case password(Secret)
        case token(ResumeToken)
    }

    private enum Phase {
        case hello
        case challenge
        case welcome
        case open
        case over
    }

    /// For the next login.
    private(set) var token: ResumeToken?
    /// Called with each line of the open session.
    var received: (UnsafeRawBufferPointer) -> Void = { _ in }

    let user: UserName
    private let server: ServerName
    private let proof: Proof
    private let stage: Stage
    private let stream: Stream
    private let opened: (Session) -> Void
    private var cutter = LineCutter()
    private var phase = Phase.hello
    private var scram: ScramClient?

    /// The stage keeps it. `opened` is called once the welcome is there; before that, any fault ends the stage.
    init(
        _ user: UserName, of node: NodeProcess, proof: Proof, on stage: Stage, opened: @escaping (Session) -> Void
    ) {
        self.user = user
        self.proof = proof
        self.stage = stage
        self.opened = opened
        server = node.name
        stream = Stream.connect(
            loop: stage.loop, to: [node.clientAddress], timeout: .seconds(10),
            egressLimits: EgressQueue.Limits(bytesMax: 16 << 20))
        stream.handler = self
        stage.keep(self)
    }

    func write(_ line: [UInt8]) { stream.write(line) }

    /// Ends it in order; the end is no fault then.
    func close() {
        phase = .over
        stream.close(.local("done"))
    }

    // MARK: The stream

    func streamOpened(_ stream: Stream) {
        do {
            let nonce = try SecureRandom.bytes(LinkHello.nonceBytes)
            write(ClientLine.hello(version: LinkHello.currentVersion, server: server, nonce: nonce).encoded())
        } catch { stage.fail("no random numbers") }
    }

    func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        cutter.cut(bytes) { line in
            if case .open = phase { received(line) } else { logIn(line) }
        }
    }

    func streamDrained(_ stream: Stream) {}

    func streamClosed(_ stream: Stream, reason: CloseReason) {
        if case .over = phase { return }
        stage.fail("a session of \(user)@\(server) ended: \(reason)")
    }

    // MARK: Login

    private func logIn(_ line: UnsafeRawBufferPointer) {
        do {
            switch (phase, try NodeLine(try JSONObject(message: Array(line)))) {
            case (.hello, .hello): try sendLogin()
            case (.challenge, .challenge(let data)):
                guard let answer = try scram?.answer(data) else { return }
                write(ClientLine.response(data: answer).encoded())
                phase = .welcome
            case (.welcome, .welcome(let welcome)):
                try scram?.check(welcome.data)
                token = welcome.token
                scram = nil
                phase = .open
                opened(self)
            default: stage.fail("\(user)@\(server) cannot log in: \(String(decoding: line, as: UTF8.self))")
            }
        } catch { stage.fail("\(user)@\(server) cannot log in: \(error)") }
    }

    private func sendLogin() throws {
        let (password, method, iterationsMin): (Secret, LoginMethod, Int) =
            switch proof {
            case .password(let secret): (secret, .password, ScramClient.iterationsMinForPasswords)
            case .token(let token): (Secret(text: Base64.encode(token.secret)), .token(token.id), 1)
            }
        let scram = try ScramClient(
            user: user.text, password: password, nonce: try ScramNonce.random(), iterationsMin: iterationsMin)
        write(ClientLine.login(user: user, method: method, data: scram.first).encoded())
        self.scram = scram
        phase = .challenge
    }
}

/// Logs many sessions in, some at a time, as clients come back after a restart.
final class Arrivals {
    private let proofs: [(UserName, Session.Proof)]
    private let node: NodeProcess
    private let stage: Stage
    private let done: ([Session]) -> Void
    private var begun = 0
    private var sessions: [Session] = []

    /// More at once would measure the system's backlog.
    private static let atOnce = 64

    /// `done` gets the sessions, not in order. The stage keeps this object.
    init(
        _ proofs: [(UserName, Session.Proof)], at node: NodeProcess, on stage: Stage,
        done: @escaping ([Session]) -> Void
    ) {
        self.proofs = proofs
        self.node = node
        self.stage = stage
        self.done = done
        stage.keep(self)
        for _ in 0..<min(Arrivals.atOnce, proofs.count) { begin() }
    }

    private func begin() {
        guard begun < proofs.count else { return }
        let (user, proof) = proofs[begun]
        begun += 1
        _ = Session(user, of: node, proof: proof, on: stage) { [unowned self] session in
            sessions.append(session)
            begin()
            if sessions.count == proofs.count { done(sessions) }
        }
    }
}
