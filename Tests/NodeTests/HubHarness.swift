import Bytes
import Crypto
import Federation
import Node
import Store
import Wire

/// A hub with a real store in memory, without network: what a session is sent is collected as values.
struct HubHarness {
    private(set) var sent: [SessionID: [NodeLine]] = [:]
    private(set) var closed: [SessionID: NodeLine] = [:]
    private(set) var paused: Set<SessionID> = []
    private(set) var meshActions: [MeshAction] = []
    private(set) var answers: [AdminID: [AdminLine]] = [:]
    private(set) var probes: [AdminID: ProbeTarget] = [:]
    private(set) var rotations: [AdminID] = []
    private var lastAdmin: UInt64 = 0
    private var hub: Hub
    private let store: NodeStore
    private let spool: SpoolStore
    var now = Instant(nanoseconds: 0)
    private var random = SystemRandomNumberGenerator()
    private var lastSession: UInt64 = 0
    /// Requests wait here while it is true, as they do while the disk is slow.
    var isStoreSlow = false
    /// What the store answers to new messages, as on a full disk.
    var storeFailure: Refusal?
    private var waiting: [(tag: UInt64, NodeRequest)] = []

    private var waitingFiles: [(tag: UInt64, SpoolRequest)] = []
    /// Milliseconds since 1970, for the spool.
    var wall = HubHarness.wall

    static let wall: Int64 = 1_795_000_000_000

    init(users: [String] = ["alice", "bob"], peers: [String] = ["s2"], limits: SpoolLimits = SpoolLimits()) throws {
        let admin = users.map { "\"\($0)\":\"x\"" }.joined(separator: ",")
        let mailing = peers.map { "\"\($0)\":\"127.0.0.1:9\"" }.joined(separator: ",")
        let json = "{\"server_name\":\"s1\",\"admin\":{\(admin)},\"mailing_address\":{\(mailing)}}"
        let setup = try Setup(parsing: Array(json.utf8), file: "setup.json")
        store = try NodeStore(path: ":memory:", epoch: Epoch(1), now: HubHarness.wall)
        for user in users {
            let request = NodeRequest.saveAccount(
                try UserName(user), verifier: "x", entryDigest: [1], at: HubHarness.wall)
            _ = store.perform([request])
        }
        spool = try SpoolStore(path: ":memory:", limits: limits)
        guard let key = IdentityKey(bytes: [UInt8](repeating: 1, count: 32)) else { throw CryptoError.misuse }
        hub = Hub(setup: setup, key: key, stored: try StoredState(reading: store))
    }

    mutating func handle(_ event: HubEvent) {
        let actions = hub.handle(event, at: now, wall: wall, using: &random)
        var requests: [(tag: UInt64, NodeRequest)] = []
        var later: [HubEvent] = []
        for action in actions {
            switch action {
            case .send(let ids, let line): for id in ids { sent[id, default: []].append(line) }
            case .close(let id, let line): closed[id] = line
            case .pause(let id): paused.insert(id)
            case .resume(let id): paused.remove(id)
            case .store(let tag, let request): requests.append((tag, request))
            case .spool(let tag, let request): waitingFiles.append((tag, request))
            case .mesh(.sign(let id, _)): later.append(.mesh(.signed(id, signature: [UInt8](repeating: 5, count: 64))))
            case .mesh(.verify(let id, _, _, _)): later.append(.mesh(.verified(id, true)))
            case .mesh(let action): meshActions.append(action)
            case .answer(let id, let lines): answers[id, default: []] += lines
            case .probe(let id, let target): probes[id] = target
            case .rotateKey(let id): rotations.append(id)
            case .wake: break
            }
        }
        waiting += requests
        if !isStoreSlow {
            answer()
            answerFiles()
        }
        for event in later { handle(event) }
    }

    /// Asks as an administrator; returns what has been answered so far.
    @discardableResult
    mutating func administer(_ command: AdminCommand) -> [AdminLine] {
        lastAdmin += 1
        handle(.administer(AdminID(lastAdmin), command))
        return answers[AdminID(lastAdmin)] ?? []
    }

    /// The node ends and begins again, with what the store holds.
    mutating func restart(setup json: String) throws {
        let setup = try Setup(parsing: Array(json.utf8), file: "setup.json")
        guard let key = IdentityKey(bytes: [UInt8](repeating: 1, count: 32)) else { throw CryptoError.misuse }
        hub = Hub(setup: setup, key: key, stored: try StoredState(reading: store))
        meshActions = []
        handle(.started)
    }

    var linkReports: [LinkReport] {
        mutating get { administer(.list).compactMap { if case .link(let report) = $0 { report } else { nil } } }
    }

    mutating func forgetMeshActions() { meshActions = [] }

    /// Lets the store do what waits, as one commit.
    mutating func answer() {
        guard !waiting.isEmpty else { return }
        let batch = waiting
        waiting = []
        let replies = batch.map { request in
            if case .accept = request.1, let storeFailure { return NodeReply.failed(storeFailure) }
            return store.perform([request.1])[0]
        }
        handle(.stored(zip(batch, replies).map { ($0.0.tag, $0.1) }))
    }

    /// Lets the spool do what waits, as one commit.
    mutating func answerFiles() {
        guard !waitingFiles.isEmpty else { return }
        let batch = waitingFiles
        waitingFiles = []
        let replies = spool.perform(batch.map(\.1))
        handle(.spooled(zip(batch, replies).map { ($0.0.tag, $0.1) }))
    }

    /// Plays `s2`, which is dialled, up to both sides' resume. Every signature is good.
    mutating func linkToPeer() throws -> LinkID {
        handle(.started)
        var dialled: LinkID?
        for case .dial(let id, _, _, _) in meshActions { dialled = id }
        guard let id = dialled, let key = IdentityKey(bytes: [UInt8](repeating: 2, count: 32)) else {
            throw CryptoError.misuse
        }
        let hello = LinkHello(
            version: 1, from: try ServerName("s2"), to: try ServerName("s1"), nonce: [UInt8](repeating: 3, count: 32),
            key: key)
        handle(.mesh(.opened(id, .plaintext)))
        handle(.mesh(.received(id, .hello(hello))))
        handle(.mesh(.received(id, .proof(signature: [UInt8](repeating: 4, count: 64)))))
        hear(.resume(StreamPosition(epoch: Epoch(9), first: 1, received: nil)), on: id)
        return id
    }

    mutating func hear(_ message: LinkMessage, on id: LinkID) { handle(.mesh(.received(id, message))) }

    /// What the peer was told about files since it was last asked.
    mutating func takeFileMessages() -> [LinkMessage] {
        let tags = ["chunkWanted", "chunk", "outcome", "outcomeKept"]
        let messages = meshActions.compactMap { if case .send(_, let message) = $0 { message } else { nil } }
        meshActions = []
        return messages.filter { tags.contains($0.tag) }
    }

    /// From now on the store fails every request.
    func breakStore() throws { try store.close() }

    func breakSpool() throws { try spool.close() }

    mutating func join(_ user: String) throws -> SessionID {
        lastSession += 1
        let id = SessionID(lastSession)
        let token = ResumeToken(
            id: [UInt8](repeating: UInt8(lastSession), count: 16), secret: [UInt8](repeating: 2, count: 32))
        handle(.joined(id, Login(user: try UserName(user), data: "v=", token: token, tokenVerifier: "x", used: nil)))
        return id
    }

    /// What a session was sent since it was last asked, but for news of people and servers.
    mutating func take(_ id: SessionID) -> [NodeLine] {
        takeAll(id).filter { $0.tag != "presence" && $0.tag != "servers" }
    }

    /// What a session was told of other servers since it was last asked.
    mutating func takeServers(_ id: SessionID) -> [NodeLine] { takeAll(id).filter { $0.tag == "servers" } }

    mutating func advance(seconds: Int64) {
        now = now.advanced(by: .seconds(seconds))
        wall += seconds * 1000
        handle(.rang)
    }

    mutating func takeAll(_ id: SessionID) -> [NodeLine] {
        defer { sent[id] = [] }
        return sent[id] ?? []
    }
}

extension MessageID {
    /// A readable id for tests: the same number gives the same id.
    static func numbered(_ number: UInt64) -> MessageID {
        MessageID(milliseconds: 1_795_000_000_000, random: (0, number))
    }
}

extension Sealed {
    /// Well formed, and opened by nobody.
    static func blank(_ byte: UInt8 = 7) throws -> Sealed {
        guard let device = Fingerprint(bytes: [UInt8](repeating: byte, count: 32)) else { throw CryptoError.misuse }
        let bytes = [UInt8](repeating: byte, count: 384)
        return Sealed(
            device: device, nonce: Array(bytes.prefix(12)), box: bytes, wraps: [Wrap(device: device, key: bytes)],
            signature: bytes)
    }
}
