import Bytes
import Federation
import Testing
import Wire

private let (north, south) = (server("north"), server("south"))

/// North tries the way to south, which is a mesh; the network takes a millisecond each way.
private struct ProbePlay {
    let bench: MeshBench
    private var probe: LinkProbe
    private(set) var steps: [ProbeStep] = []
    private(set) var isOver = false
    /// What the mesh did beside answering.
    private(set) var actions: [MeshAction] = []
    private let id: LinkID
    private let secret: String
    /// How far south's clock is ahead.
    var clockAhead: Int64 = 0
    /// South is of an earlier version and knows no tests.
    var knowsNoTests = false

    init(
        _ bench: MeshBench, trust: PeerTrust = .key(MeshBench.key("south")), name: ServerName = south,
        secret: String = "secret of north", rotations: [KeyRotation] = []
    ) {
        self.bench = bench
        self.secret = secret
        id = bench.accept()
        let identity = LinkIdentity(name: north, key: FakeKey.publicKey(of: secret), rotations: rotations)
        let target = ProbeTarget(
            name: name, address: "south:1", transport: .plaintext, trust: trust, identity: identity)
        probe = LinkProbe(target, channel: .plaintext, nonce: [UInt8](repeating: 8, count: 32), at: bench.now)
        bench.feed(.opened(id, .plaintext))
    }

    mutating func run() -> [ProbeStep] {
        perform(probe.begin())
        return steps
    }

    private mutating func perform(_ wanted: [LinkProbe.Step]) {
        for step in wanted {
            switch step {
            case .send(let message): send(message)
            case .sign(let bytes):
                perform(probe.signed(FakeKey.sign(bytes, secret: secret), at: bench.now, wall: wall))
            case .verify(let key, let bytes, let signature):
                perform(probe.verified(FakeKey.verify(signature, bytes, by: key), at: bench.now))
            case .tell(let step): steps.append(step)
            case .end: isOver = true
            }
        }
    }

    private var wall: Int64 { 1_000_000 + bench.now.since(seconds(0)).milliseconds }

    private mutating func send(_ message: LinkMessage) {
        bench.now = bench.now.advanced(by: .milliseconds(1))
        var message = message
        if knowsNoTests, case .hello(let hello) = message {
            message = .hello(
                LinkHello(version: 1, from: hello.from, to: hello.to, nonce: hello.nonce, key: hello.key))
        }
        for action in bench.feed(.received(id, message)) {
            switch action {
            case .send(id, let answer): receive(answer)
            case .echo(id, let ref):
                receive(.echoed(ref: ref, at: wall + clockAhead))
            case .close(id, let refusal):
                perform(probe.closed(refusal, at: bench.now))
            default: actions.append(action)
            }
        }
    }

    private mutating func receive(_ message: LinkMessage) {
        bench.now = bench.now.advanced(by: .milliseconds(1))
        perform(probe.receive(message, at: bench.now, wall: wall))
    }

    mutating func receive(instead message: LinkMessage) -> [ProbeStep] {
        receive(message)
        return steps
    }
}

@Suite struct LinkProbeTests {
    @Test func aTestGoesAllTheWayAndDisturbsNoLink() throws {
        let bench = MeshBench.pinned()
        let link = bench.link()
        var play = ProbePlay(bench)
        let steps = play.run()
        #expect(steps.map(\.stage) == [.theirProof, .ourProof, .echo, .clock])
        #expect(steps.allSatisfy { $0.refusal == nil } && play.isOver)
        #expect(steps[2].took == .milliseconds(2) && steps[3].clockAhead == .zero)
        #expect(play.actions.notes.filter { if case .tested(north, _) = $0 { false } else { true } } == [])
        let report = try #require(bench.mesh.report(of: north, at: bench.now))
        #expect(report.state == .up && bench.feed(.heard(link)).closes(link) == nil)
        // The test's own connection carries nothing, whatever it says.
        #expect(bench.mesh.linkStates[0].queued == 0)
    }

    /// What it says as it ends is no news of the server, nor is what somebody says who proved nothing.
    @Test func onlyAProvenServerIsHeardOnALinkThatItDialled() throws {
        let bench = MeshBench.pinned()
        func refusals() throws -> [Refusal.Code] {
            try #require(bench.mesh.report(of: north, at: bench.now)).refusals.filter { !$0.isOurs }.map(\.refusal.code)
        }
        let words = Refusal(.keyChanged, "you have another key")
        let (tested, _) = bench.acceptTest(from: "north")
        bench.feed(.closed(tested, words))
        let claimed = bench.accept()
        bench.feed(.opened(claimed, .plaintext))
        let nonce = [UInt8](repeating: 7, count: LinkHello.nonceBytes)
        bench.feed(
            .received(
                claimed,
                .hello(LinkHello(version: 1, from: north, to: south, nonce: nonce, key: MeshBench.key("north")))))
        bench.feed(.closed(claimed, words))
        #expect(try refusals() == [])
        bench.feed(.closed(bench.link(), words))
        #expect(try refusals() == [.keyChanged])
    }

    @Test func aTestLinkCarriesNothingElse() throws {
        for message: LinkMessage in [
            .resume(StreamPosition(epoch: Epoch(1), first: 1, received: nil)), .envelope(seq: 1, envelope(1)),
            .closing(retrySeconds: 3600), .presence(PresencePage(version: 1, kind: .delta, people: [], keys: [])),
        ] {
            let bench = MeshBench.pinned()
            let (id, actions) = bench.acceptTest(from: "north")
            #expect(actions.closes(id) == nil && actions.notes == [.tested(north, id)])
            #expect(bench.feed(.received(id, message)).closes(id) == .outOfOrder)
            #expect(bench.mesh.report(of: north, at: bench.now)?.state == .waiting)
        }
    }

    @Test func echoesAreFewAndTheTimeIsShort() {
        let bench = MeshBench.pinned()
        let (id, _) = bench.acceptTest(from: "north")
        for ref in 1...Int64(LinkMachine.echoesMax) {
            #expect(bench.feed(.received(id, .echo(ref: ref))).contains(.echo(id, ref: ref)))
        }
        #expect(bench.feed(.received(id, .echo(ref: 99))).closes(id) == .outOfOrder)
        let (idle, _) = bench.acceptTest(from: "north")
        bench.now = bench.now.advanced(by: LinkMachine.openingDurationMax)
        #expect(bench.feed(.tick).closes(idle) == .timedOut)
        // A link carries no echoes.
        let link = bench.link()
        #expect(bench.feed(.received(link, .echo(ref: 1))).closes(link) == .outOfOrder)
    }

    /// Whoever only tries must not be dialled for it.
    @Test func anUnknownKeyIsNamedAndMakesNobodyDial() {
        let bench = MeshBench()
        let first = bench.feed(.started).dialled
        for id in first { bench.feed(.closed(id, nil)) }
        var play = ProbePlay(bench)
        let steps = play.run()
        #expect(steps.map(\.stage) == [.theirProof, .ourProof] && steps.last?.refusal?.code == .unpinned)
        #expect(play.actions.dialled == [])
    }

    @Test func eachCauseIsNamed() throws {
        func last(_ bench: MeshBench, _ change: (inout ProbePlay) -> Void = { _ in }) throws -> ProbeStep {
            var play = ProbePlay(bench)
            change(&play)
            let step = try #require(play.run().last)
            #expect(play.isOver)
            return step
        }
        var play = ProbePlay(MeshBench.pinned(), trust: .key(MeshBench.key("old south")))
        let changed = try #require(play.run().last)
        #expect(changed.refusal?.code == .keyChanged && changed.stage == .theirProof)
        #expect(changed.known == MeshBench.key("old south") && changed.shown == MeshBench.key("south"))

        var misnamed = ProbePlay(MeshBench.pinned(), name: server("west"))
        #expect(misnamed.run().last?.refusal?.code == .notForUs)
        #expect(try last(MeshBench(peers: [])).refusal?.code == .unknownServer)
        let other = MeshBench(peers: [PeerSetup(name: north, address: nil, key: MeshBench.key("west"))])
        #expect(try last(other).refusal?.code == .keyChanged)
        let tls = MeshBench(peers: [
            PeerSetup(name: north, address: nil, key: MeshBench.key("north"), requiresTLS: true)
        ])
        #expect(try last(tls).refusal?.code == .needsTLS)
        let paused = MeshBench.pinned()
        paused.feed(.ordered(.pause(north)))
        #expect(try last(paused).refusal?.code == .paused)
        #expect(try last(MeshBench.pinned()) { $0.knowsNoTests = true }.refusal?.code == .noTest)
        let clock = try last(MeshBench.pinned()) { $0.clockAhead = -7_384_000 }
        #expect(clock.refusal?.code == .clockOff && clock.clockAhead == .milliseconds(-7_384_000))
        #expect(clock.refusal?.text.contains("2 h 3 min behind ours") == true)
    }

    @Test func whoAnswersUnderAnotherNameIsNamed() throws {
        var play = ProbePlay(MeshBench.pinned())
        let hello = LinkHello(
            version: 1, from: server("west"), to: north, nonce: [UInt8](repeating: 1, count: 32),
            key: MeshBench.key("south"))
        let step = try #require(play.receive(instead: .hello(hello)).last)
        #expect(step.refusal?.code == .notYourName && step.wanted == south && step.got == server("west"))
    }

    /// An earlier version would take a test's proof for a link, so it gets none.
    @Test func aPeerThatKnowsNoTestsGetsNoProof() {
        let bench = MeshBench.pinned()
        let link = bench.link()
        var play = ProbePlay(bench)
        play.knowsNoTests = true
        #expect(play.run().map(\.stage) == [.theirProof, .ourProof])
        #expect(bench.feed(.heard(link)).closes(link) == nil)
        #expect(bench.mesh.report(of: north, at: bench.now)?.state == .up)
    }

    @Test func aTestPinsNothing() {
        let bench = MeshBench(peers: [PeerSetup(name: north, address: nil, key: FakeKey.publicKey(of: "a"))])
        var play = ProbePlay(bench, trust: .firstUse, secret: "b", rotations: rotations(of: "north", "a", "b"))
        let steps = play.run()
        #expect(steps.allSatisfy { $0.refusal == nil } && steps.count == 4)
        #expect(steps[0].text.contains("none is pinned yet"))
        #expect(!play.actions.contains { if case .repin = $0 { true } else { false } })
        #expect(bench.mesh.report(of: north, at: bench.now)?.key == FakeKey.publicKey(of: "a"))
    }

    @Test func aTestFollowsTheOthersRotation() {
        let identity = LinkIdentity(
            name: south, key: FakeKey.publicKey(of: "secret of south"),
            rotations: rotations(of: "south", "old", "secret of south"))
        let bench = MeshBench.pinned()
        bench.feed(.rekeyed(identity))
        var play = ProbePlay(bench, trust: .key(FakeKey.publicKey(of: "old")))
        let steps = play.run()
        #expect(steps.map(\.stage) == [.theirProof, .ourProof, .echo, .clock])
        #expect(steps[0].text.contains("signed for"))
    }
}

@Suite struct LinkAdviceTests {
    /// The protocol document and the administrator's commands say the same.
    @Test func theDocumentHoldsTheTable() throws {
        let lines = try document("Docs/protocol/federation.md")
        let start = try #require(lines.firstIndex { $0.hasPrefix("| code | why the link ends | what helps |") })
        let rows = lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            line.split(separator: "|").map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
        }
        let known = LinkAdvice.sent.map { row in
            [row.codes.map { "`\($0.rawValue)`" }.joined(separator: ", "), row.why, row.helps]
        }
        #expect(rows == known)
    }

    @Test func everyCodeOfALinkHasOneRow() {
        let codes = (LinkAdvice.sent + LinkAdvice.local).flatMap(\.codes)
        #expect(Set(codes).count == codes.count)
        for code in codes { #expect(LinkAdvice.row(of: code) != nil) }
        for code: Refusal.Code in [.keyChanged, .paused, .connectionRefused, .replaced] {
            #expect(LinkAdvice.row(of: code)?.isLasting == [.keyChanged, .paused].contains(code))
        }
    }
}
