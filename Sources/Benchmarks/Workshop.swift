import ChatClient
import Crypto
import Net
import Wire

/// What the scenarios of a run share: the program, a folder, one password for everybody, and how long to measure.
final class Workshop {
    let isQuick: Bool
    /// Before counting begins.
    let warmUp: Duration
    let measured: Duration
    /// Everybody's.
    let password: Session.Proof

    private let program: String
    private let folder: TemporaryFolder
    private let verifier: String
    private var foldersMade: [String] = []
    private var nodes: [NodeProcess] = []

    /// A short message.
    static let text = String(repeating: "All these words go to everybody. ", count: 4).prefix(128)
    /// The fewest that a client takes; a login need not be slow here.
    private static let iterations = 4096

    init(program: String, isQuick: Bool) throws {
        self.program = program
        self.isQuick = isQuick
        (warmUp, measured) = isQuick ? (.milliseconds(200), .milliseconds(600)) : (.milliseconds(500), .seconds(2))
        folder = try TemporaryFolder()
        let secret = Secret(text: "everybody has the same password here")
        password = .password(secret)
        let salt = try SecureRandom.bytes(ScramVerifier.saltBytes)
        verifier = try ScramVerifier(password: secret, salt: salt, iterations: Workshop.iterations).text
    }

    /// Starts a node, alone in the world.
    func node(users: [String]) throws -> NodeProcess {
        let folder = try makeFolder()
        try NodeProcess.writeSetup(name: "s1", users: users, verifier: verifier, in: folder)
        return try start("s1", in: folder)
    }

    /// What the link between two nodes is sent through.
    enum Link: String {
        case tls = "wss"
        case plain = "ws"
    }

    /// Starts `s1` with `alice` and `s2` with `bob`. `s1` dials, so that both ports can be the kernel's choice.
    func pair(_ link: Link) throws -> (s1: NodeProcess, s2: NodeProcess) {
        let (first, second) = (try makeFolder(), try makeFolder())
        try NodeProcess.writeSetup(name: "s1", users: [], verifier: verifier, in: first)
        let key = try NodeProcess.key(program: program, folder: first)
        try NodeProcess.writeSetup(
            name: "s2", users: ["bob"], verifier: verifier, peers: [.dialling("s1", key: key)], in: second)
        let s2 = try start("s2", in: second)
        try NodeProcess.writeSetup(
            name: "s1", users: ["alice"], verifier: verifier,
            peers: [.dialled("s2", at: "\(link.rawValue)://\(s2.linkAddress)")], in: first)
        return (try start("s1", in: first), s2)
    }

    /// Starts `s1` with `alice`; `startSecond` starts `s2` with `bob`, which dials.
    func lonely() throws -> (s1: NodeProcess, startSecond: () throws -> NodeProcess) {
        let (first, second) = (try makeFolder(), try makeFolder())
        try NodeProcess.writeSetup(name: "s2", users: ["bob"], verifier: verifier, in: second)
        let key = try NodeProcess.key(program: program, folder: second)
        try NodeProcess.writeSetup(
            name: "s1", users: ["alice"], verifier: verifier, peers: [.dialling("s2", key: key)], in: first)
        let s1 = try start("s1", in: first)
        try NodeProcess.writeSetup(
            name: "s2", users: ["bob"], verifier: verifier, peers: [.dialled("s1", at: s1.linkAddress)], in: second)
        return (s1, { [unowned self] in try start("s2", in: second) })
    }

    func proofs(_ users: [String]) throws -> [(UserName, Session.Proof)] {
        try users.map { (try UserName($0), password) }
    }

    /// A sealed body as clients make it, for one device of the reader and one of the writer.
    private(set) lazy var sealed = Result { try Workshop.seal() }

    private static func seal() throws -> (to: Address, body: Envelope.Body) {
        let (from, to) = (try Address(parsing: "alice@s1"), try Address(parsing: "bob@s2"))
        var keys: [(RSAPrivateKey, DeviceKey)] = []
        for address in [to, from] {
            let device = try RSAPrivateKey.generate()
            keys.append(
                (device, try Sealing.deviceKey(of: device, account: try Ed25519PrivateKey.generate(), for: address)))
        }
        let id = MessageID(milliseconds: Clock.wallMilliseconds, random: (0, 0))
        let sealed = try Sealing.seal(
            .text(String(text)), id: id, from: from, to: to, at: Clock.wallMilliseconds, with: keys[1].0,
            for: keys.map(\.1))
        return (to, .sealed(sealed))
    }

    /// Thrown away after the scenario.
    func makeFolder() throws(BenchmarkFault) -> String {
        let made = try folder.makeFolder("node-\(foldersMade.count + 1)")
        foldersMade.append(made)
        return made
    }

    private func start(_ name: String, in folder: String) throws -> NodeProcess {
        let node = try NodeProcess(program: program, name: name, folder: folder)
        nodes.append(node)
        return node
    }

    /// After each scenario, however it ended: ends its nodes and throws away what they stored.
    func tidy() {
        for node in nodes { node.end() }
        nodes = []
        for folder in foldersMade { TemporaryFolder.remove(folder) }
        foldersMade = []
    }

    /// After the last scenario.
    func close() {
        tidy()
        folder.remove()
    }
}
