import Bytes
import Crypto
import Federation
import Node
import Store
import Wire

/// How often what happened in a run, or in many.
struct Counts {
    var seeds = 0
    var messages = 0
    var files = 0
    /// Sent to a node or received from one.
    var chunks = 0
    var cuts = 0
    var crashes = 0
    var duplicates = 0
    var reorders = 0
    var alarms = 0
    /// Of all that happened, in whatever order the seeds were played: equal seeds give equal runs on every machine.
    var digest: UInt64 = 0

    static func += (left: inout Counts, right: Counts) {
        left.seeds += right.seeds
        left.messages += right.messages
        left.files += right.files
        left.chunks += right.chunks
        left.cuts += right.cuts
        left.crashes += right.crashes
        left.duplicates += right.duplicates
        left.reorders += right.reorders
        left.alarms += right.alarms
        left.digest ^= right.digest
    }

    var line: String {
        "seeds \(seeds), messages \(messages), files \(files), chunks \(chunks), cuts \(cuts), crashes \(crashes), "
            + "duplicates \(duplicates), reorders \(reorders), digest \(String(digest, radix: 16))"
    }
}

/// Nodes, people and the network between them, in virtual time. Everything that happens follows from the seed.
final class World {
    struct Shape {
        var servers = 2
        /// `setup.json` names the keys of the others; otherwise they are pinned at first use.
        var hasKeys = false
        /// The last server forges, replays and lies.
        var hasLiar = false
        /// Somebody claims the last server's name with a key of their own.
        var hasImpostor = false
    }

    let seed: UInt64
    let shape: Shape
    private let timeline = Timeline()
    var random: SplitMix64
    var network = Network()
    var counts = Counts()
    let ledger = Ledger()
    private(set) lazy var files = FileLedger(self)
    private(set) var nodes: [SimulatedNode] = []
    private(set) var impostor: SimulatedNode?
    /// Dials of the impostor's name reach the impostor.
    var isHijacked = false
    private(set) var clients: [SimulatedClient] = []
    private(set) var links: [SimulatedLink] = []
    private var connections: [SimulatedConnection] = []
    lazy var presence = PresenceCheck(self)
    /// What went over links, for those who replay it.
    private(set) var recordings: [[UInt8]] = []
    private var lines: [String] = []
    /// FNV-1a of the trace.
    private var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// The wall clock may jump; nothing but deadlines may care.
    var wallJump: Int64 = 0

    private static let people = ["alice", "bob", "carol", "dave", "erin", "frank"]
    private static let traceLinesMax = 150
    private static let recordingsMax = 64

    init(seed: UInt64, _ shape: Shape) throws {
        self.seed = seed
        self.shape = shape
        random = SplitMix64(seed: seed)
        counts.seeds = 1
        let names = try (1...shape.servers).map { try ServerName("s\($0)") }
        let keys = try names.map { _ in try Ed25519PrivateKey(seed: Secret(random.bytes(32))) }
        for (index, name) in names.enumerated() {
            nodes.append(try makeNode(index, names, keys, as: name, keys[index]))
            for person in World.people[(2 * index)..<(2 * index + 2)] {
                let address = Address(user: try UserName(person), server: name)
                clients.append(try SimulatedClient(self, number: clients.count, address: address))
            }
        }
        if shape.hasImpostor, let name = names.last {
            let key = try Ed25519PrivateKey(seed: Secret(random.bytes(32)))
            impostor = try makeNode(names.count - 1, names, keys, as: name, key)
        }
        if shape.hasLiar, let liar = nodes.last {
            liar.mischief = Mischief(self, of: liar.name)
            ledger.liars = [liar.name]
        }
    }

    private func makeNode(
        _ index: Int, _ names: [ServerName], _ keys: [Ed25519PrivateKey], as name: ServerName, _ key: Ed25519PrivateKey
    ) throws -> SimulatedNode {
        let users = World.people[(2 * index)..<(2 * index + 2)] + ["watcher"]
        let admin = users.map { "\"\($0)\": \"secret\"" }.joined(separator: ", ")
        let peers = zip(names, keys).filter { $0.0 != name }.map { peer, key in
            let identity = IdentityKey(bytes: key.publicKey.bytes)?.text ?? ""
            return shape.hasKeys
                ? "\"\(peer)\": {\"address\": \"127.0.0.1:5555\", \"key\": \"\(identity)\"}"
                : "\"\(peer)\": \"127.0.0.1:5555\""
        }
        let text = """
            {"server_name": "\(name)", "admin": {\(admin)}, "mailing_address": {\(peers.joined(separator: ", "))}}
            """
        return try SimulatedNode(
            self, name: name, key: key, setup: Setup(parsing: Array(text.utf8), file: "setup.json"))
    }

    // MARK: Time

    var now: Instant { timeline.now }
    /// Milliseconds since 1970.
    var wall: Int64 { 1_795_000_000_000 + now.nanoseconds / 1_000_000 + wallJump }

    func at(_ instant: Instant, _ body: @escaping () -> Void) { timeline.at(instant, body) }
    func after(_ duration: Duration, _ body: @escaping () -> Void) { at(now.advanced(by: duration), body) }
    func advance(by duration: Duration) { timeline.run(until: now.advanced(by: duration)) }

    func end() {
        timeline.clear()
        counts.digest = digest
    }

    func start() throws {
        for node in nodes { try node.start() }
        for client in clients { client.start() }
        presence.begin()
    }

    // MARK: Connections

    func node(_ name: ServerName) -> SimulatedNode? { nodes.first { $0.name == name } }
    var honestNodes: [SimulatedNode] { nodes.filter { !ledger.liars.contains($0.name) } }

    func dial(_ server: ServerName, from node: SimulatedNode, as id: LinkID) {
        let life = node.life
        let isImpostor = isHijacked && impostor?.name == server
        guard let target = isImpostor ? impostor : self.node(server) else { return }
        let isBlocked = network.isBlocked(node.name, server, at: now)
        after(isBlocked ? .seconds(10) : random.milliseconds(1...40)) { [self] in
            guard node.life == life, node.isUp else { return }
            let link = SimulatedLink(self, from: node, as: id, to: target)
            guard !isBlocked, target.isUp, link.open() else { return node.dialled(id, nil) }
            links.append(link)
            if let accepted = link.acceptedAs { target.opened(accepted) }
            node.dialled(id, link)
        }
    }

    func connect(_ client: SimulatedClient) -> SimulatedConnection? {
        guard let node = node(client.address.server), node.isUp else { return nil }
        let connection = SimulatedConnection(self, client, node)
        connections.append(connection)
        connection.open()
        return connection
    }

    /// Links that both ends still hold.
    func links(_ one: ServerName, _ other: ServerName) -> [SimulatedLink] {
        links.filter { $0.joins(one, other) && $0.isHeld }
    }

    func disturbed(_ server: ServerName) {
        for node in nodes where node.name != server { network.changed(server, node.name, at: now) }
    }

    func recorded(_ bytes: [UInt8]) {
        guard shape.hasLiar else { return }
        recordings.append(bytes)
        if recordings.count > World.recordingsMax { recordings.removeFirst() }
    }

    // MARK: What is seen

    func watch(_ node: SimulatedNode, _ session: SessionID) { presence.watch(node, session) }
    func watched(_ line: NodeLine, at node: SimulatedNode) { presence.watched(line, at: node) }

    func trace(_ text: @autoclosure () -> String) {
        let line = "\(now.nanoseconds / 1_000_000) \(text())"
        for byte in line.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        lines.append(line)
        if lines.count > 2 * World.traceLinesMax { lines.removeFirst(World.traceLinesMax) }
    }

    var traceTail: String { lines.suffix(World.traceLinesMax).joined(separator: "\n") }

    func histories() -> [ServerName: History] {
        var histories: [ServerName: History] = [:]
        let people = clients.map(\.address)
        for node in nodes {
            histories[node.name] = History(node.store.disk, of: people.filter { $0.server == node.name })
        }
        return histories
    }
}
