import Bytes
import Federation
import Wire

/// One mesh, `south` unless said otherwise, with peers played by hand. Signatures are made and checked at once; the
/// store answers only what a test says.
final class MeshBench {
    var mesh: Mesh
    var now = seconds(0)
    private var random = SplitMix64(seed: 5)
    private let name: ServerName
    /// The hellos that the mesh sent.
    private var hellos: [LinkID: LinkHello] = [:]

    init(
        _ own: String = "south", peers: [PeerSetup] = [PeerSetup(name: server("north"), address: "north:1")],
        records: [ServerName: PeerRecord] = [:], isRestored: Bool = false
    ) {
        name = server(own)
        let identity = LinkIdentity(name: name, key: MeshBench.key(own))
        mesh = Mesh(
            identity: identity, epoch: Epoch(2), run: MeshBench.run, isRestored: isRestored, peers: peers,
            records: records)
    }

    static let run = Run(4)

    static func key(_ name: String) -> IdentityKey { FakeKey.publicKey(of: "secret of \(name)") }

    /// A pinned north that never is dialled, so that a test meets only the links it makes.
    static func pinned(_ record: PeerRecord? = nil, isRestored: Bool = false) -> MeshBench {
        let setup = PeerSetup(name: server("north"), address: nil, key: key("north"))
        let records = record.map { [server("north"): $0] } ?? [:]
        let bench = MeshBench(peers: [setup], records: records, isRestored: isRestored)
        _ = bench.feed(.started)
        return bench
    }

    @discardableResult func feed(_ event: MeshEvent) -> [MeshAction] {
        var results: [MeshAction] = []
        for action in mesh.handle(event, at: now, using: &random) {
            switch action {
            case .sign(let id, let bytes):
                results += feed(.signed(id, signature: FakeKey.sign(bytes, secret: "secret of \(name)")))
            case .verify(let id, let key, let bytes, let signature):
                results += feed(.verified(id, FakeKey.verify(signature, bytes, by: key)))
            case .send(let id, .hello(let hello)):
                hellos[id] = hello
                results.append(action)
            default: results.append(action)
            }
        }
        return results
    }

    func accept() -> LinkID {
        feed(.started)
        return mesh.accept(at: now)?.link ?? unreachable("accept")
    }

    /// Plays the dialler up to its proof.
    func acceptProven(
        from peer: String, secret: String? = nil, rotations: [KeyRotation] = []
    ) -> (id: LinkID, actions: [MeshAction]) {
        let id = accept()
        feed(.opened(id, .plaintext))
        let secret = secret ?? "secret of \(peer)"
        let hello = self.hello(from: peer, secret: secret, rotations)
        var actions = feed(.received(id, .hello(hello)))
        guard let answer = hellos[id] else { return (id, actions) }
        let transcript = LinkProof.transcript(
            signer: .dialler, dialler: hello, acceptor: answer, transport: "ws", binding: LinkChannel.plaintext.binding)
        actions += feed(.received(id, .proof(signature: FakeKey.sign(transcript, secret: secret))))
        return (id, actions)
    }

    /// Plays the dialler of a test up to its proof.
    func acceptTest(from peer: String) -> (id: LinkID, actions: [MeshAction]) {
        let id = accept()
        feed(.opened(id, .plaintext))
        let secret = "secret of \(peer)"
        let plain = self.hello(from: peer, secret: secret)
        let hello = LinkHello(
            version: 1, from: plain.from, to: plain.to, nonce: plain.nonce, key: plain.key, isTest: true)
        var actions = feed(.received(id, .hello(hello)))
        guard let answer = hellos[id] else { return (id, actions) }
        let transcript = LinkProof.transcript(
            signer: .dialler, dialler: hello, acceptor: answer, transport: "ws", binding: LinkChannel.plaintext.binding)
        actions += feed(.received(id, .proof(signature: FakeKey.sign(transcript, secret: secret))))
        return (id, actions)
    }

    /// Plays the acceptor on a link that the mesh has dialled.
    func answerDial(
        _ id: LinkID, as peer: String, secret: String? = nil, rotations: [KeyRotation] = []
    ) -> [MeshAction] {
        feed(.opened(id, .plaintext))
        guard let asked = hellos[id] else { return [] }
        let secret = secret ?? "secret of \(peer)"
        let hello = self.hello(from: peer, secret: secret, rotations)
        let transcript = LinkProof.transcript(
            signer: .acceptor, dialler: asked, acceptor: hello, transport: "ws", binding: LinkChannel.plaintext.binding)
        let actions = feed(.received(id, .hello(hello)))
        return actions + feed(.received(id, .proof(signature: FakeKey.sign(transcript, secret: secret))))
    }

    /// An accepted link whose streams run: the peer's epoch is 1.
    func link(first: Int64 = 1, received: StreamPosition.Received? = nil) -> LinkID {
        let (id, _) = acceptProven(from: "north")
        let position = StreamPosition(epoch: Epoch(1), first: first, received: received)
        for case .rewind(let name, let epoch) in feed(.received(id, .resume(position))) {
            feed(.rewound(name, epoch, first: 1))
        }
        return id
    }

    private func hello(from peer: String, secret: String, _ rotations: [KeyRotation] = []) -> LinkHello {
        let nonce = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        return LinkHello(
            version: 1, from: server(peer), to: name, nonce: nonce, key: FakeKey.publicKey(of: secret),
            rotations: rotations)
    }
}

extension [MeshAction] {
    var dialled: [LinkID] { compactMap { if case .dial(let id, _, _, _) = $0 { id } else { nil } } }
    var wakes: [Instant] { compactMap { if case .wake(let instant) = $0 { instant } else { nil } } }
    var notes: [MeshNote] { compactMap { if case .note(let note) = $0 { note } else { nil } } }

    func closes(_ id: LinkID) -> Refusal.Code? {
        for case .close(id, let refusal) in self { return refusal.code }
        return nil
    }

    func sent(_ id: LinkID) -> [LinkMessage] {
        compactMap { if case .send(id, let message) = $0 { message } else { nil } }
    }
}
