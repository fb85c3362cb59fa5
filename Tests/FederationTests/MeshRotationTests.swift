import Bytes
import Federation
import Testing
import Wire

private let north = server("north")

/// A server that goes from key `a` to `b` and on, met by one that knows an older key.
@Suite struct MeshRotationTests {
    private func key(_ secret: String) -> IdentityKey { FakeKey.publicKey(of: secret) }

    /// South knows `known`; with `named`, the setup file says so. Nothing is dialled.
    private func bench(_ known: String, isNamed: Bool = false, dials: Bool = false) -> MeshBench {
        let setup = PeerSetup(
            name: north, address: dials ? "north:1" : nil, key: isNamed ? key(known) : nil)
        return MeshBench(peers: [setup], records: [north: PeerRecord(pin: isNamed ? nil : KeyPin(key(known)))])
    }

    private func repin(in actions: [MeshAction]) -> KeyPin? {
        for case .repin(north, let pin) in actions { return pin }
        return nil
    }

    @Test func anInboundLinkWithARotatedKeyIsTakenOnceThePinIsDurable() throws {
        let bench = bench("a")
        let (id, actions) = bench.acceptProven(
            from: "north", secret: "b", rotations: rotations(of: "north", "a", "b"))
        #expect(actions.closes(id) == nil)
        #expect(repin(in: actions) == KeyPin(key("b"), .rotated, previous: key("a")))
        #expect(bench.mesh.linkStates[0].state == .down, "not before the pin is on disk")
        // The dialler says resume right behind its proof.
        #expect(bench.feed(.received(id, .resume(StreamPosition(epoch: Epoch(1), first: 1, received: nil)))) == [])
        let after = bench.feed(.pinned(north, key("b")))
        #expect(after.notes.contains(.keyRotated(north, key("b"), from: key("a"))))
        #expect(
            after.sent(id).first?.tag == "resume" && after.contains { if case .rewind = $0 { true } else { false } })
        #expect(bench.mesh.linkStates[0].state == .up)
        // From now on the old key is another's.
        let (old, more) = bench.acceptProven(from: "north", secret: "a")
        #expect(more.closes(old) == .keyChanged)
    }

    @Test func aDialledLinkWithARotatedKeyIsTakenLikewise() throws {
        let bench = bench("a", dials: true)
        let id = try #require(bench.feed(.started).dialled.first)
        let actions = bench.answerDial(
            id, as: "north", secret: "c", rotations: rotations(of: "north", "z", "a", "b", "c"))
        #expect(repin(in: actions) == KeyPin(key("c"), .rotated, previous: key("a")))
        #expect(!actions.sent(id).contains { if case .proof = $0 { true } else { false } })
        #expect(bench.feed(.pinned(north, key("c"))).sent(id).map(\.tag) == ["proof", "resume"])
    }

    @Test(arguments: [
        (
            "forged by whoever holds the new key", [rotation(of: "north", "a", "b", forgedOld: true)],
            Refusal.Code.badRotation
        ),
        ("for another name", [rotation(of: "west", "a", "b")], .badRotation),
        ("of other keys", [rotation(of: "north", "x", "b")], .keyChanged),
        ("that ends with another key", [rotation(of: "north", "a", "c")], .keyChanged),
        ("out of order", Array(rotations(of: "north", "a", "c", "b").reversed()), .keyChanged),
        ("with a key that comes back", rotations(of: "north", "b", "a", "b"), .keyChanged),
        ("missing", [], .keyChanged),
    ])
    func aStatementIsRefused(_ what: String, _ chain: [KeyRotation], _ code: Refusal.Code) {
        let bench = bench("a")
        let (id, actions) = bench.acceptProven(from: "north", secret: "b", rotations: chain)
        #expect(actions.closes(id) == code, "\(what)")
        #expect(repin(in: actions) == nil && bench.mesh.report(of: north, at: bench.now)?.key == key("a"))
        let dialling = self.bench("a", dials: true)
        let dialled = dialling.feed(.started).dialled[0]
        let answers = dialling.answerDial(dialled, as: "north", secret: "b", rotations: chain)
        #expect(answers.closes(dialled) == code && repin(in: answers) == nil)
    }

    /// Whoever has a key of the past cannot go back to it, whatever statements they show again.
    @Test func nothingLeadsBack() {
        let bench = bench("b")
        for chain in [[], rotations(of: "north", "a", "b"), rotations(of: "north", "z", "a")] {
            let (id, actions) = bench.acceptProven(from: "north", secret: "a", rotations: chain)
            #expect(actions.closes(id) == .keyChanged)
        }
        // Not even with a statement that the present key never signed.
        let back = rotation(of: "north", "b", "a", forgedOld: true)
        let (id, actions) = bench.acceptProven(from: "north", secret: "a", rotations: [back])
        #expect(actions.closes(id) == .badRotation)
    }

    @Test func theKeyOfTheSetupFileIsReplacedWithAWarning() {
        let bench = bench("a", isNamed: true)
        let (_, actions) = bench.acceptProven(from: "north", secret: "b", rotations: rotations(of: "north", "a", "b"))
        let pin = KeyPin(key("b"), .rotated, previous: key("a"), insteadOf: key("a"))
        #expect(repin(in: actions) == pin)
        #expect(bench.feed(.pinned(north, key("b"))).notes.contains(.setupKeyIsOld(north, key("b"))))
        // After a restart the pin counts as long as the file says what it said.
        func restarted(_ named: String) -> MeshBench {
            let setup = PeerSetup(name: north, address: nil, key: key(named))
            return MeshBench(peers: [setup], records: [north: PeerRecord(pin: pin)])
        }
        let same = restarted("a")
        #expect(same.feed(.started).notes == [.setupKeyIsOld(north, key("b"))])
        #expect(
            same.acceptProven(from: "north", secret: "b").actions.notes.contains {
                if case .linkUp = $0 { true } else { false }
            })
        #expect(restarted("b").feed(.started).notes == [])
        let other = restarted("c")
        #expect(other.feed(.started).notes == [.setupKeyBeatsPin(north)])
        let (id, refused) = other.acceptProven(from: "north", secret: "b")
        #expect(refused.closes(id) == .keyChanged)
    }

    @Test func aServerShowsHowItCameToItsKey() throws {
        let bench = MeshBench(peers: [PeerSetup(name: north, address: "north:1", key: MeshBench.key("north"))])
        let first = try #require(bench.feed(.started).dialled.first)
        let fresh = LinkIdentity(
            name: server("south"), key: key("new"), rotations: [rotation(of: "south", "secret of south", "new")])
        let actions = bench.feed(.rekeyed(fresh))
        #expect(actions.closes(first) == .replaced, "it may have said hello with the old key")
        bench.now = seconds(2)
        let id = try #require(bench.feed(.tick).dialled.first)
        guard case .hello(let hello)? = bench.feed(.opened(id, .plaintext)).sent(id).first else {
            return #expect(Bool(false))
        }
        #expect(hello.key == key("new") && hello.rotations == fresh.rotations)
    }

    @Test func aProvenLinkOutlivesANewKey() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let actions = bench.feed(.rekeyed(LinkIdentity(name: server("south"), key: key("new"))))
        #expect(actions.closes(id) == nil && bench.mesh.linkStates[0].state == .up)
    }
}
