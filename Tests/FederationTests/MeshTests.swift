import Bytes
import Federation
import Testing
import Wire

private let north = server("north")

@Suite struct MeshTests {
    // MARK: Who may link

    @Test func dialsWhatItCanAndPinsTheFirstKey() throws {
        let bench = MeshBench(peers: [
            PeerSetup(name: north, address: "north:1"), PeerSetup(name: server("west"), address: nil),
            PeerSetup(name: server("plain"), address: nil),
            PeerSetup(name: server("south"), address: "south:1"),
        ])
        let dialled = bench.feed(.started).dialled
        let id = try #require(dialled.first)
        #expect(dialled.count == 1)
        let actions = bench.answerDial(id, as: "north")
        #expect(actions.contains(.pin(north, MeshBench.key("north"))))
        #expect(!actions.sent(id).contains { if case .proof = $0 { true } else { false } })
        let messages = bench.feed(.pinned(north, MeshBench.key("north"))).sent(id)
        guard messages.count == 2, case .proof = messages[0], case .resume = messages[1] else {
            return #expect(Bool(false), "\(messages)")
        }
        #expect(bench.mesh.linkStates.map(\.state) == [.up, .down, .down])
    }

    @Test func aClaimCarriesNothingAndMakesUsDial() throws {
        let bench = MeshBench()
        let first = try #require(bench.feed(.started).dialled.first)
        bench.feed(.closed(first, nil))
        let (id, actions) = bench.acceptProven(from: "north")
        #expect(actions.closes(id) == .unpinned)
        #expect(actions.dialled.count == 1)
        #expect(!actions.contains { if case .pin = $0 { true } else { false } })
        #expect(bench.feed(.received(id, .resume(StreamPosition(epoch: Epoch(1), first: 1, received: nil)))) == [])
        // A second claim does not make us dial as often as anybody likes.
        for id in actions.dialled { bench.feed(.closed(id, nil)) }
        #expect(bench.acceptProven(from: "north").actions.dialled == [])
    }

    @Test func aPinnedKeyIsTheOnlyOne() throws {
        let bench = MeshBench(records: [north: PeerRecord(pin: KeyPin(MeshBench.key("north")))])
        bench.feed(.started)
        let (id, actions) = bench.acceptProven(from: "north", secret: "mallory")
        #expect(actions.closes(id) == .keyChanged)
        #expect(actions.notes.contains(.keyChanged(north, offered: FakeKey.publicKey(of: "mallory"))))
        let (good, more) = bench.acceptProven(from: "north")
        #expect(more.closes(good) == nil && bench.mesh.linkStates[0].state == .up)
    }

    @Test func aKeyInTheSetupBeatsThePin() throws {
        let setup = PeerSetup(name: north, address: nil, key: MeshBench.key("north"))
        let bench = MeshBench(peers: [setup], records: [north: PeerRecord(pin: KeyPin(FakeKey.publicKey(of: "old")))])
        #expect(bench.feed(.started).notes == [.setupKeyBeatsPin(north)])
        let (id, actions) = bench.acceptProven(from: "north")
        #expect(actions.closes(id) == nil)
        let (old, more) = bench.acceptProven(from: "north", secret: "old")
        #expect(more.closes(old) == .keyChanged)
    }

    @Test func strangersAndOurOwnNameAreRefused() {
        let bench = MeshBench.pinned()
        for (name, code) in [("west", Refusal.Code.unknownServer), ("south", .notYourName)] {
            let (id, actions) = bench.acceptProven(from: name)
            #expect(actions.closes(id) == code)
            #expect(actions.sent(id) == [])
        }
    }

    @Test func unprovenLinksAreBoundedAndEnd() {
        let bench = MeshBench.pinned()
        let links = (0..<Mesh.unprovenCountMax).map { _ in bench.accept() }
        #expect(bench.mesh.accept(at: bench.now) == nil)
        bench.now = seconds(10)
        let actions = bench.feed(.tick)
        #expect(links.allSatisfy { actions.closes($0) == .timedOut })
        #expect(bench.mesh.accept(at: bench.now) != nil)
    }

    // MARK: One link per pair

    /// Both links are proven at `south`; whose dial comes first and how far apart they are varies.
    @Test(arguments: [
        ("north", true, 5.0, false), ("north", false, 5, true), ("west", true, 5, true), ("west", false, 5, false),
        ("north", false, 11, true), ("west", false, 11, true),
    ])
    func ofTwoLinksOneStays(peer: String, isInboundFirst: Bool, gap: Double, secondStays: Bool) throws {
        let setup = PeerSetup(name: server(peer), address: "a:1", key: MeshBench.key(peer))
        let bench = MeshBench(peers: [setup])
        let dialled = try #require(bench.feed(.started).dialled.first)
        var inbound: (id: LinkID, actions: [MeshAction])?
        var actions: [MeshAction] = []
        if isInboundFirst {
            inbound = bench.acceptProven(from: peer)
            bench.now = seconds(gap)
            actions = bench.answerDial(dialled, as: peer)
        } else {
            _ = bench.answerDial(dialled, as: peer)
            bench.now = seconds(gap)
            inbound = bench.acceptProven(from: peer)
            actions = inbound?.actions ?? []
        }
        let accepted = try #require(inbound).id
        let (first, second) = isInboundFirst ? (accepted, dialled) : (dialled, accepted)
        #expect(actions.closes(secondStays ? first : second) == .replaced)
        #expect(actions.closes(secondStays ? second : first) == nil)
        #expect(bench.mesh.linkStates[0].state == .up && bench.mesh.linkStates[0].failures == 0)
        // While a proven link is up nobody dials.
        bench.now = seconds(60)
        #expect(bench.feed(.tick).dialled == [])
    }

    @Test func ofTwoLinksOfOneDiallerTheNewerStays() {
        let bench = MeshBench.pinned()
        let (first, _) = bench.acceptProven(from: "north")
        let (second, actions) = bench.acceptProven(from: "north")
        #expect(actions.closes(first) == .replaced && actions.closes(second) == nil)
    }

    @Test func losingToADuplicateIsNoFailure() throws {
        let bench = MeshBench()
        let id = try #require(bench.feed(.started).dialled.first)
        let actions = bench.feed(.closed(id, Refusal(.replaced, "")))
        #expect(actions.dialled == [] && actions.wakes.first == seconds(1))
        #expect(bench.mesh.linkStates[0].failures == 0)
        bench.now = seconds(1)
        #expect(bench.feed(.tick).dialled.count == 1)
    }

    // MARK: When to dial

    @Test func failuresBackOff() throws {
        let bench = MeshBench()
        var id = try #require(bench.feed(.started).dialled.first)
        for base in [1.0, 2, 4, 8, 16, 32] {
            #expect(bench.feed(.closed(id, nil)).dialled == [])
            let start = Double(bench.now.nanoseconds) / 1e9
            bench.now = seconds(start + base - 0.001)
            #expect(bench.feed(.tick).dialled == [])
            bench.now = seconds(start + base * 1.126)
            id = try #require(bench.feed(.tick).dialled.first)
        }
        #expect(bench.mesh.linkStates[0].failures == 6)
    }

    @Test func aDialThatHangsIsGivenUp() throws {
        let bench = MeshBench()
        let actions = bench.feed(.started)
        let id = try #require(actions.dialled.first)
        #expect(actions.wakes == [seconds(10)])
        bench.now = seconds(10)
        #expect(bench.feed(.tick).closes(id) == .timedOut)
        #expect(bench.mesh.linkStates[0].failures == 1)
    }

    @Test func aLinkThatEndsAtOnceIsAFailureAndOneThatStoodIsNot() throws {
        for (stood, failures) in [(1.0, 1), (15.0, 0)] {
            let bench = MeshBench(peers: [PeerSetup(name: north, address: "a:1", key: MeshBench.key("north"))])
            let id = try #require(bench.feed(.started).dialled.first)
            _ = bench.answerDial(id, as: "north")
            bench.now = seconds(stood)
            let dialled = bench.feed(.closed(id, nil)).dialled
            #expect(bench.mesh.linkStates[0].failures == failures)
            #expect(dialled.count == 1 - failures)
        }
    }

    @Test func closingIsObeyed() throws {
        let bench = MeshBench(peers: [PeerSetup(name: north, address: "a:1", key: MeshBench.key("north"))])
        let id = try #require(bench.feed(.started).dialled.first)
        _ = bench.answerDial(id, as: "north")
        bench.now = seconds(20)
        let actions = bench.feed(.received(id, .closing(retrySeconds: 30)))
        #expect(actions.closes(id) == .draining && actions.dialled == [])
        bench.now = seconds(49)
        #expect(bench.feed(.tick).dialled == [])
        bench.now = seconds(50)
        #expect(bench.feed(.tick).dialled.count == 1)
    }

    @Test func drainingEndsAllLinksAndDialsNoMore() throws {
        let bench = MeshBench()
        let dialled = try #require(bench.feed(.started).dialled.first)
        let actions = bench.feed(.draining(retrySeconds: 5))
        #expect(actions.closes(dialled) == .draining)
        bench.now = seconds(600)
        #expect(bench.feed(.tick).dialled == [])
        #expect(bench.mesh.accept(at: bench.now) == nil)
        let linked = MeshBench.pinned()
        let id = linked.link()
        #expect(linked.feed(.draining(retrySeconds: 5)).sent(id) == [.closing(retrySeconds: 5)])
    }

    @Test func silenceEndsALink() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        bench.now = seconds(10)
        #expect(bench.feed(.tick).contains(.ping(id)))
        bench.now = seconds(20)
        #expect(bench.feed(.tick).closes(id) == .timedOut)
    }

    @Test func unknownTagsAreCountedAndOtherFaultsEnd() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        #expect(bench.feed(.unreadable(id, Refusal(.unknownTag, ""))).notes == [.ignored(north, .unknownTag)])
        #expect(bench.feed(.unreadable(id, Refusal(.malformedJSON, ""))).closes(id) == .malformedJSON)
        let young = bench.accept()
        #expect(bench.feed(.unreadable(young, Refusal(.unknownTag, ""))).closes(young) == .unknownTag)
    }

    @Test func whatComesForDeadLinksIsDropped() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        bench.feed(.closed(id, nil))
        let message = LinkMessage.envelope(seq: 1, envelope(1))
        for event: MeshEvent in [
            .received(id, message), .heard(id), .closed(id, nil), .signed(id, signature: []), .verified(id, true),
            .opened(id, .plaintext), .unreadable(id, Refusal(.tooDeep, "")),
            .keysAnswer(id, ref: 1, user: user("ann"), devices: [], refusal: nil),
        ] {
            #expect(bench.feed(event) == [])
        }
    }

    // MARK: Streams

    @Test func whatALinkMayNotSayIsRefusedByName() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let items: [(Envelope, Refusal.Code?)] = [
            (envelope(1), nil), (envelope(2, to: "bob@south"), nil), (envelope(3, from: "eve@west"), .forgedFrom),
            (envelope(4, from: "bob@south"), .forgedFrom), (envelope(5, to: "cid@west"), .notForUs),
            (envelope(6, to: "ann@north"), .notForUs),
        ]
        for (index, item) in items.enumerated() {
            let seq = Int64(index + 1)
            let actions = bench.feed(.received(id, .envelope(seq: seq, item.0)))
            var codes: [Refusal.Code?] = []
            for case .commit(north, Epoch(1), seq, item.0, let refusal) in actions { codes.append(refusal?.code) }
            #expect(codes == [item.1])
            #expect(actions.notes == (item.1.map { [.itemRefused(north, seq: seq, $0)] } ?? []))
        }
        let refused = [StreamRefusal(seq: 3, refusal: Refusal(.forgedFrom, ""))]
        let actions = bench.feed(.committed(north, Epoch(1), through: 6, refused: refused))
        #expect(actions.sent(id) == [.acknowledgement(through: 6, refused: refused)])
        #expect(bench.feed(.received(id, .skip(seq: 7))).contains(.commitSkip(north, Epoch(1), seq: 7)))
        #expect(bench.feed(.received(id, .skip(seq: 9))).closes(id) == .sequenceGap)
    }

    @Test func anEnvelopeThatCannotBeReadBlocksNothing() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let refusal = Refusal(.badValue, "\"version\" is 2; it must be from 1 to 1")
        let actions = bench.feed(.received(id, .skip(seq: 1, unreadable: refusal)))
        #expect(actions.contains(.commitSkip(north, Epoch(1), seq: 1, refusal: refusal)))
        #expect(actions.notes == [.itemRefused(north, seq: 1, .badValue)])
        let next = bench.feed(.received(id, .envelope(seq: 2, envelope(2))))
        #expect(next.contains(.commit(north, Epoch(1), seq: 2, envelope(2), refusal: nil)))
        let refused = [StreamRefusal(seq: 1, refusal: refusal)]
        let committed = bench.feed(.committed(north, Epoch(1), through: 2, refused: refused))
        #expect(committed.sent(id) == [.acknowledgement(through: 2, refused: refused)])
    }

    @Test func aNewEpochRewindsBeforeAnythingIsSent() {
        let bench = MeshBench.pinned(PeerRecord(peerEpoch: Epoch(9), acknowledged: 40, last: 50))
        let (id, actions) = bench.acceptProven(from: "north")
        let before = StreamPosition(epoch: Epoch(2), first: 41, received: nil, run: MeshBench.run)
        #expect(actions.sent(id).last == .resume(before))
        let position = StreamPosition(epoch: Epoch(1), first: 1, received: nil)
        let rewinding = bench.feed(.received(id, .resume(position)))
        #expect(rewinding.contains(.rewind(north, Epoch(1))))
        #expect(rewinding.notes == [.peerRestored(north, Epoch(1))])
        #expect(bench.feed(.received(id, .acknowledgement(through: 45, refused: []))).closes(id) == nil)
        let rewound = bench.feed(.rewound(north, Epoch(1), first: 7))
        #expect(
            rewound.sent(id) == [.resume(StreamPosition(epoch: Epoch(2), first: 7, received: nil, run: MeshBench.run))])
        let read = MeshAction.readOutbox(
            north, after: 6, countMax: Outbox.windowCountMax, bytesMax: Outbox.windowBytesMax)
        #expect(rewound.contains(read))
        #expect(bench.feed(.rewound(north, Epoch(1), first: 1)) == [])
    }

    @Test func theSameEpochDoesNotRewind() {
        let bench = MeshBench.pinned(PeerRecord(peerEpoch: Epoch(1), acknowledged: 40, last: 50))
        let (id, _) = bench.acceptProven(from: "north")
        let received = StreamPosition.Received(epoch: Epoch(2), through: 44)
        let actions = bench.feed(
            .received(id, .resume(StreamPosition(epoch: Epoch(1), first: 1, received: received))))
        #expect(!actions.contains(.rewind(north, Epoch(1))))
        let rows = (45...50).map { OutboxRow(seq: $0, envelope: envelope(Int($0), from: "bob@south")) }
        let sent = bench.feed(.outboxRead(north, after: 44, rows, hasMore: false)).sent(id)
        #expect(sent == (45...50).map { .envelope(seq: $0, envelope(Int($0), from: "bob@south")) })
        let done = bench.feed(.received(id, .acknowledgement(through: 50, refused: [])))
        #expect(done.contains(.acknowledge(north, through: 50, refused: [])))
        #expect(bench.mesh.linkStates[0].queued == 0)
    }

    @Test(arguments: [51, Int64.max])
    func lyingPositionsAndAcknowledgementsEndTheLink(through: Int64) {
        let record = PeerRecord(peerEpoch: Epoch(1), acknowledged: 40, last: 50)
        var bench = MeshBench.pinned(record)
        var id = bench.link()
        let lie = bench.feed(.received(id, .acknowledgement(through: through, refused: [])))
        #expect(lie.closes(id) == .outOfOrder)
        #expect(!lie.contains { if case .acknowledge = $0 { true } else { false } })
        bench = MeshBench.pinned(record)
        id = bench.acceptProven(from: "north").id
        let received = StreamPosition.Received(epoch: Epoch(2), through: through)
        let position = StreamPosition(epoch: Epoch(1), first: 1, received: received)
        // It may be true once: if this store was put back from a backup.
        #expect(bench.feed(.received(id, .resume(position))).closes(id) == .restored)
        bench.feed(.renewed(Epoch(3)))
        id = bench.acceptProven(from: "north").id
        let again = StreamPosition.Received(epoch: Epoch(3), through: through)
        let claim = LinkMessage.resume(StreamPosition(epoch: Epoch(1), first: 1, received: again))
        let actions = bench.feed(.received(id, claim))
        #expect(actions.closes(id) == .outOfOrder)
        #expect(!actions.contains(.renewEpoch))
    }

    @Test func aStoreThatCannotCommitEndsTheLink() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        bench.feed(.received(id, .envelope(seq: 1, envelope(1))))
        #expect(bench.feed(.commitFailed(north, Epoch(1), seq: 1)).closes(id) == .storeFailed)
        let next = bench.link()
        let again = bench.feed(.received(next, .envelope(seq: 1, envelope(1))))
        #expect(again.contains(.commit(north, Epoch(1), seq: 1, envelope(1), refusal: nil)))
    }

    // MARK: Presence and keys

    /// The peer may write to our people, and ask for their keys, without being told who is there.
    @Test func aPeerIsToldOfNobodyWhereItIsSetUpSo() {
        let setup = PeerSetup(name: north, address: nil, key: MeshBench.key("north"), presence: .none)
        let bench = MeshBench(peers: [setup])
        bench.feed(.started)
        let user = user("bob")
        bench.feed(.presence([LocalPerson(user: user, isOnline: true, devices: [])]))
        let id = bench.link()
        var pages: [PresencePage] = []
        for _ in 0..<5 {
            bench.now = bench.now.advanced(by: .seconds(1))
            bench.feed(.presence([LocalPerson(user: user, isOnline: true, devices: [])]))
            for case .presence(let page) in bench.feed(.tick).sent(id) { pages.append(page) }
        }
        #expect(pages.map(\.people.count).max() ?? 0 == 0)
        let actions = bench.feed(.received(id, .keysWanted(ref: 1, user: user)))
        #expect(actions.contains(.findKeys(id, ref: 1, user)))
    }

    @Test func peopleOfADeadLinkAreUnknown() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let page = PresencePage(
            version: 1, kind: .snapshot(isFirst: true, isLast: true), people: [person("ann@north", devices: [1])],
            keys: [deviceKey(1)])
        let ann = person("ann@north", devices: [1])
        #expect(bench.feed(.received(id, .presence(page))).contains(.people([ann])))
        #expect(bench.mesh.remotePeople == [ann])
        // A link that takes over makes nobody unknown.
        let second = bench.acceptProven(from: "north")
        #expect(second.actions.closes(id) == .replaced)
        #expect(!second.actions.contains { if case .people = $0 { true } else { false } })
        let gone = bench.feed(.closed(second.id, nil))
        #expect(gone.contains(.people([person("ann@north", .unknown, devices: [1])])))
        #expect(bench.mesh.keys(of: address("ann@north")) == [deviceKey(1)])
        #expect(
            bench.feed(.askKeys(address("ann@north"), token: 3)) == [
                .keysFound(token: 3, address("ann@north"), [deviceKey(1)], nil)
            ])
    }

    @Test func forgedPresenceEndsTheLink() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let page = PresencePage(
            version: 1, kind: .snapshot(isFirst: true, isLast: true), people: [person("bob@south")], keys: [])
        #expect(bench.feed(.received(id, .presence(page))).closes(id) == .forgedFrom)
        #expect(bench.mesh.remotePeople == [])
    }

    @Test func ourPeopleAreTold() {
        let bench = MeshBench.pinned()
        bench.feed(.presence([LocalPerson(user: user("bob"), isOnline: true, devices: [deviceKey(1)])]))
        let (id, _) = bench.acceptProven(from: "north")
        let position = StreamPosition(epoch: Epoch(1), first: 1, received: nil)
        let messages = bench.feed(.received(id, .resume(position))).sent(id)
        let page = PresencePage(
            version: 1, kind: .snapshot(isFirst: true, isLast: true), people: [person("bob@south", devices: [1])],
            keys: [deviceKey(1)])
        #expect(messages.contains(.presence(page)))
        let actions = bench.feed(.presence([LocalPerson(user: user("bob"), isOnline: false, devices: [])]))
        #expect(actions.sent(id) == [] && actions.wakes == [seconds(1)])
        bench.now = seconds(1)
        let delta = PresencePage(version: 2, kind: .delta, people: [person("bob@south", .offline)], keys: [])
        #expect(bench.feed(.tick).sent(id) == [.presence(delta)])
    }

    @Test func keysAreAskedForAndAnsweredOnce() {
        let bench = MeshBench.pinned()
        let ann = address("ann@north")
        func answers(_ actions: [MeshAction]) -> [UInt64: Refusal.Code?] {
            var answers: [UInt64: Refusal.Code?] = [:]
            for case .keysFound(let token, _, _, let refusal) in actions { answers[token] = .some(refusal?.code) }
            return answers
        }
        #expect(answers(bench.feed(.askKeys(ann, token: 1))) == [1: .timedOut])
        #expect(answers(bench.feed(.askKeys(address("a@nowhere"), token: 2))) == [2: .unknownServer])
        let id = bench.link()
        #expect(bench.feed(.askKeys(ann, token: 3)).sent(id) == [.keysWanted(ref: 1, user: ann.user)])
        let answer = LinkMessage.keys(ref: 1, user: ann.user, devices: [deviceKey(1)], refusal: nil)
        #expect(bench.feed(.received(id, answer)).contains(.keysFound(token: 3, ann, [deviceKey(1)], nil)))
        #expect(answers(bench.feed(.received(id, answer))) == [:])
        bench.feed(.askKeys(ann, token: 4))
        bench.now = seconds(9)
        bench.feed(.heard(id))
        bench.now = seconds(10)
        #expect(answers(bench.feed(.tick)) == [4: .timedOut])
        bench.feed(.askKeys(ann, token: 5))
        #expect(answers(bench.feed(.closed(id, nil))) == [5: .timedOut])
    }

    @Test func theWrongPersonsKeysAreAFault() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        bench.feed(.askKeys(address("ann@north"), token: 1))
        let answer = LinkMessage.keys(ref: 1, user: user("eve"), devices: [], refusal: nil)
        let actions = bench.feed(.received(id, answer))
        #expect(actions.closes(id) == .badValue)
        let isAnswered = actions.contains { if case .keysFound(token: 1, _, _, _) = $0 { true } else { false } }
        #expect(isAnswered)
    }

    @Test func ourPeoplesKeysAreFound() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let bob = user("bob")
        #expect(bench.feed(.received(id, .keysWanted(ref: 4, user: bob))) == [.findKeys(id, ref: 4, bob)])
        let answer = MeshEvent.keysAnswer(id, ref: 4, user: bob, devices: [deviceKey(1)], refusal: nil)
        #expect(bench.feed(answer).sent(id) == [.keys(ref: 4, user: bob, devices: [deviceKey(1)], refusal: nil)])
        #expect(bench.feed(answer) == [])
        for ref in 0..<64 { bench.feed(.received(id, .keysWanted(ref: Int64(100 + ref), user: bob))) }
        guard
            case .keys(_, _, [], let refusal?)? = bench.feed(.received(id, .keysWanted(ref: 999, user: bob))).sent(id)
                .first
        else { return #expect(Bool(false)) }
        #expect(refusal.code == .busy)
    }
}
