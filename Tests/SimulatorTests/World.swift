import Bytes
import Federation
import Node
import Store
import Wire

/// Nodes, people and the network between them, in virtual time. Everything that happens follows from the seed.
final class World {
    struct Shape {
        var servers = 2
        var topology = Topology.full
        /// `setup.json` names the keys of the others; otherwise they are pinned at first use.
        var hasKeys = false
        /// The last server forges, replays and lies.
        var hasLiar = false
        /// Somebody claims the last server's name with a key of their own.
        var hasImpostor = false
    }

    let seed: UInt64
    let shape: Shape
    /// Who knows whom.
    let neighbours: [ServerName: Set<ServerName>]
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
    /// The whole of it, not its end.
    private let keepsTrace = Seeds.count == 1
    /// FNV-1a of the trace.
    private var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// How far the clocks on all walls have jumped; nothing but deadlines may care.
    var wallJump: Int64 = 0

    private static let people = [
        "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy",
    ]
    private static let traceLinesMax = 150
    /// Of one line in a trace, in characters.
    static let detailMax = 240
    private static let recordingsMax = 64

    init(seed: UInt64, _ shape: Shape) throws {
        self.seed = seed
        self.shape = shape
        var random = SplitMix64(seed: seed)
        let names = try (1...shape.servers).map { try ServerName("s\($0)") }
        let signers = try names.map { _ in try StandIn.Signer(&random) }
        neighbours = shape.topology.neighbours(of: names, using: &random)
        self.random = random
        counts.seeds = 1
        ledger.neighbours = neighbours
        for (index, name) in names.enumerated() {
            nodes.append(try makeNode(index, names, signers, as: name, signers[index]))
            for person in World.people[(2 * index)..<(2 * index + 2)] {
                let address = Address(user: try UserName(person), server: name)
                clients.append(try SimulatedClient(self, number: clients.count, address: address))
            }
        }
        if shape.hasImpostor, let name = names.last {
            impostor = try makeNode(names.count - 1, names, signers, as: name, StandIn.Signer(&self.random))
        }
        if shape.hasLiar, let liar = nodes.last {
            liar.mischief = Mischief(self, of: liar.name)
            ledger.liars = [liar.name]
        }
    }

    private func makeNode(
        _ index: Int, _ names: [ServerName], _ signers: [StandIn.Signer], as name: ServerName, _ signer: StandIn.Signer
    ) throws -> SimulatedNode {
        let users = World.people[(2 * index)..<(2 * index + 2)] + ["watcher"]
        let admin = users.map { "\"\($0)\": \"secret\"" }.joined(separator: ", ")
        let peers = zip(names, signers).filter { neighbours[name]?.contains($0.0) ?? false }.map { peer, signer in
            return shape.hasKeys
                ? "\"\(peer)\": {\"address\": \"127.0.0.1:5555\", \"key\": \"\(signer.key.text)\"}"
                : "\"\(peer)\": \"127.0.0.1:5555\""
        }
        let text = """
            {"server_name": "\(name)", "admin": {\(admin)}, "mailing_address": {\(peers.joined(separator: ", "))}}
            """
        return try SimulatedNode(
            self, name: name, signer: signer, setup: Setup(parsing: Array(text.utf8), file: "setup.json"))
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

    /// Nobody looks at it any more. What holds on to each other would stay for ever otherwise.
    func dissolve() {
        timeline.clear()
        for node in nodes + (impostor.map { [$0] } ?? []) {
            node.forget()
            node.disks.giveBack()
        }
        for client in clients { client.forget() }
        (connections, links) = ([], [])
    }

    func isSigned(_ bytes: [UInt8], _ signature: [UInt8], by key: IdentityKey) -> Bool {
        let holders = nodes + (impostor.map { [$0] } ?? [])
        return holders.contains { $0.signer.key == key && $0.signer.sign(bytes) == signature }
    }

    func start() throws {
        for node in nodes { try node.start() }
        for client in clients { client.start() }
        presence.begin()
    }

    // MARK: Connections

    func node(_ name: ServerName) -> SimulatedNode? { nodes.first { $0.name == name } }

    func areNeighbours(_ one: ServerName, _ other: ServerName) -> Bool { neighbours[one]?.contains(other) ?? false }

    /// Whom people of that server can write to: nothing is passed on.
    func reachable(from server: ServerName) -> [SimulatedClient] {
        clients.filter { $0.address.server == server || areNeighbours(server, $0.address.server) }
    }
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
        for name in neighbours[server, default: []].sorted() { network.changed(server, name, at: now) }
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
        if lines.count > 2 * World.traceLinesMax, !keepsTrace { lines.removeFirst(World.traceLinesMax) }
    }

    /// What only the trace of a single run has, and no digest.
    func detail(_ text: @autoclosure () -> String) {
        if keepsTrace { lines.append("\(now.nanoseconds / 1_000_000)     \(text())") }
    }

    var traceTail: String { (keepsTrace ? lines[...] : lines.suffix(World.traceLinesMax)).joined(separator: "\n") }

    func histories() -> [ServerName: History] {
        var histories: [ServerName: History] = [:]
        let people = clients.map(\.address)
        for node in nodes {
            histories[node.name] = History(node.store.disk, of: people.filter { $0.server == node.name })
        }
        return histories
    }
}
