import Bytes
import Federation
import Testing
import Wire

private let north = server("north")
private let west = server("west")

/// What administrators order.
@Suite struct MeshOrdersTests {
    private func state(_ bench: MeshBench, _ name: ServerName = north) -> LinkReport.State? {
        bench.mesh.report(of: name, at: bench.now)?.state
    }

    private func dialling() -> MeshBench {
        MeshBench(peers: [PeerSetup(name: north, address: "north:1", key: MeshBench.key("north"))])
    }

    // MARK: Retry, pause, resume

    @Test func aRetryDialsAtOnceHoweverLongTheWait() throws {
        let bench = dialling()
        var id = try #require(bench.feed(.started).dialled.first)
        for _ in 0..<7 {
            bench.feed(.closed(id, Refusal(.connectionRefused, "nobody there")))
            bench.now = bench.now.advanced(by: .seconds(61))
            id = try #require(bench.feed(.tick).dialled.first)
        }
        bench.feed(.closed(id, Refusal(.connectionRefused, "nobody there")))
        let report = try #require(bench.mesh.report(of: north, at: bench.now))
        #expect(report.state == .waiting && report.failures == 8)
        #expect(try #require(report.dialIn) >= .seconds(30))
        #expect(bench.feed(.ordered(.retry(north))).dialled.count == 1)
        // While it is being dialled another order changes nothing.
        #expect(bench.feed(.ordered(.retry(north))).dialled == [])
        #expect(bench.feed(.ordered(.retry(west))) == [])
    }

    @Test func aRetryOverrulesWhatAPeerThatWentDownSaid() {
        let bench = MeshBench(peers: [PeerSetup(name: north, address: "north:1", key: MeshBench.key("north"))])
        let id = bench.feed(.started).dialled[0]
        _ = bench.answerDial(id, as: "north")
        bench.feed(.received(id, .closing(retrySeconds: 3600)))
        bench.now = seconds(100)
        #expect(bench.feed(.tick).dialled == [])
        #expect(bench.feed(.ordered(.retry(north))).dialled.count == 1)
    }

    @Test func aPausedServerHasNoLinkWhoeverDials() throws {
        let bench = dialling()
        let id = try #require(bench.feed(.started).dialled.first)
        _ = bench.answerDial(id, as: "north")
        let actions = bench.feed(.ordered(.pause(north)))
        #expect(actions.closes(id) == .paused && actions.dialled == [])
        #expect(state(bench) == .paused)
        let (inbound, refused) = bench.acceptProven(from: "north")
        #expect(refused.closes(inbound) == .paused)
        bench.now = seconds(7200)
        #expect(bench.feed(.tick).dialled == [] && bench.mesh.report(of: north, at: bench.now)?.dialIn == nil)
        #expect(bench.feed(.ordered(.retry(north))).dialled == [])
        #expect(bench.feed(.queued(north, through: 1)).dialled == [])
        let resumed = bench.feed(.ordered(.resume(north)))
        #expect(resumed.dialled.count == 1 && state(bench) == .dialling)
    }

    @Test func aDialUnderWayEndsWithThePause() throws {
        let bench = dialling()
        let id = try #require(bench.feed(.started).dialled.first)
        #expect(bench.feed(.ordered(.pause(north))).closes(id) == .paused)
        // What the network still says of it concerns nobody.
        #expect(bench.feed(.opened(id, .plaintext)) == [])
    }

    @Test func aPauseSurvivesARestart() {
        let setup = PeerSetup(name: north, address: "north:1", key: MeshBench.key("north"))
        let bench = MeshBench(peers: [setup], records: [north: PeerRecord(isPaused: true)])
        #expect(bench.feed(.started).dialled == [] && state(bench) == .paused)
        #expect(bench.feed(.ordered(.resume(north))).dialled.count == 1)
    }

    // MARK: Trust

    @Test func aTrustedKeyLinksAtOnceAndTheOldOneNoMore() throws {
        let bench = MeshBench(records: [north: PeerRecord(pin: KeyPin(MeshBench.key("north")))])
        let id = try #require(bench.feed(.started).dialled.first)
        let refused = bench.answerDial(id, as: "north", secret: "new")
        #expect(refused.closes(id) == .keyChanged && state(bench) == .refused)
        let offered = FakeKey.publicKey(of: "new")
        let offer = try #require(bench.mesh.report(of: north, at: bench.now)?.offer)
        #expect(offer.key == offered && offer.isDialled && offer.count == 1)
        let pin = bench.mesh.trustPin(of: north, offered)
        #expect(pin == KeyPin(offered, .trusted, previous: MeshBench.key("north")))
        let actions = bench.feed(.ordered(.trust(north, pin)))
        #expect(actions.notes.contains(.keyTrusted(north, offered, from: MeshBench.key("north"))))
        let again = try #require(actions.dialled.first)
        _ = bench.answerDial(again, as: "north", secret: "new")
        #expect(state(bench) == .up && bench.mesh.report(of: north, at: bench.now)?.offer == nil)
        let (old, more) = bench.acceptProven(from: "north")
        #expect(more.closes(old) == .keyChanged && state(bench) == .up)
    }

    @Test func trustStandsInForTheKeyOfTheSetupFile() {
        let bench = dialling()
        let pin = bench.mesh.trustPin(of: north, FakeKey.publicKey(of: "new"))
        #expect(pin.insteadOf == MeshBench.key("north"))
        #expect(bench.mesh.trustPin(of: north, MeshBench.key("north")).insteadOf == nil)
        bench.feed(.ordered(.trust(north, pin)))
        #expect(bench.mesh.report(of: north, at: bench.now)?.key == FakeKey.publicKey(of: "new"))
    }

    /// Two servers with one name: the one whose key is known keeps its link, the other is an alarm.
    @Test func ofTwoServersWithOneNameTheKnownOneStays() throws {
        let bench = MeshBench.pinned()
        let id = bench.link()
        var alarms = 0
        for minute in 0..<200 {
            bench.now = seconds(Double(minute) * 60)
            bench.feed(.heard(id))
            let (other, actions) = bench.acceptProven(from: "north", secret: minute % 2 == 0 ? "x" : "y")
            #expect(actions.closes(other) == .keyChanged && actions.closes(id) == nil)
            alarms += actions.notes.count { if case .keyChanged = $0 { true } else { false } }
        }
        #expect(alarms == 4, "one at once and one an hour, however often and with how many keys")
        let report = try #require(bench.mesh.report(of: north, at: bench.now))
        #expect(report.state == .up && report.offer?.isDialled == false)
        #expect(report.refusals.last?.refusal.code == .keyChanged && report.refusals.last?.count == 200)
    }

    /// What is offered at the address that we dial is not pushed aside by whoever dials us.
    @Test func theOfferWhereWeDialCountsFirst() throws {
        let bench = MeshBench(records: [north: PeerRecord(pin: KeyPin(MeshBench.key("north")))])
        let id = try #require(bench.feed(.started).dialled.first)
        let (_, claimed) = bench.acceptProven(from: "north", secret: "claimed")
        #expect(bench.mesh.offeredKey(of: north) == FakeKey.publicKey(of: "claimed"))
        #expect(claimed.notes.contains(.keyChanged(north, offered: FakeKey.publicKey(of: "claimed"))))
        let dialled = bench.answerDial(id, as: "north", secret: "dialled")
        #expect(dialled.notes.contains(.keyChanged(north, offered: FakeKey.publicKey(of: "dialled"))))
        #expect(bench.mesh.offeredKey(of: north) == FakeKey.publicKey(of: "dialled"))
        _ = bench.acceptProven(from: "north", secret: "claimed again")
        #expect(bench.mesh.offeredKey(of: north) == FakeKey.publicKey(of: "dialled"))
        // Once the known key answers there again, only the claims are left.
        let again = try #require(bench.feed(.ordered(.retry(north))).dialled.first)
        _ = bench.answerDial(again, as: "north")
        #expect(bench.mesh.offeredKey(of: north) == FakeKey.publicKey(of: "claimed again"))
        #expect(bench.mesh.linkStates[0].isAlarming)
    }

    // MARK: Add and remove

    private func added(_ name: ServerName = west, address: String = "west:1", key: IdentityKey? = nil) -> PeerSetup {
        PeerSetup(name: name, address: address, key: key, isAdded: true)
    }

    @Test func anAddedServerIsDialledAndRoutedTo() throws {
        let bench = dialling()
        bench.feed(.started)
        #expect(bench.mesh.routing.route(.everyone) == .peers([north]))
        let actions = bench.feed(.ordered(.add(added(), PeerRecord())))
        let id = try #require(actions.dialled.first)
        #expect(bench.mesh.routing.route(.everyone) == .peers([north, west]))
        #expect(bench.mesh.linkStates.map(\.name) == [north, west])
        #expect(bench.answerDial(id, as: "west").contains(.pin(west, MeshBench.key("west"))))
        bench.feed(.pinned(west, MeshBench.key("west")))
        #expect(state(bench, west) == .up)
        #expect(bench.mesh.report(of: west, at: bench.now)?.isAdded == true)
    }

    @Test func whatWasQueuedBeforeGoesOnAfterwards() throws {
        let bench = dialling()
        bench.feed(.started)
        let record = PeerRecord(pin: KeyPin(MeshBench.key("west")), peerEpoch: Epoch(1), acknowledged: 4, last: 6)
        let id = try #require(bench.feed(.ordered(.add(added(), record))).dialled.first)
        #expect(bench.mesh.report(of: west, at: bench.now)?.queued == 2)
        _ = bench.answerDial(id, as: "west")
        let received = StreamPosition.Received(epoch: Epoch(2), through: 4)
        let position = StreamPosition(epoch: Epoch(1), first: 1, received: received)
        let actions = bench.feed(.received(id, .resume(position)))
        #expect(actions.contains { if case .readOutbox(west, after: 4, _, _) = $0 { true } else { false } })
    }

    @Test func otherWordsAboutAnAddedServerCountAtOnce() throws {
        let bench = dialling()
        bench.feed(.started)
        let first = try #require(bench.feed(.ordered(.add(added(), PeerRecord()))).dialled.first)
        let actions = bench.feed(
            .ordered(.add(added(address: "elsewhere:2", key: MeshBench.key("west")), PeerRecord())))
        #expect(actions.closes(first) == .replaced)
        let addresses = actions.compactMap { action -> String? in
            if case .dial(_, west, let address, _) = action { address } else { nil }
        }
        #expect(addresses == ["elsewhere:2"])
    }

    @Test func whatStandsInTheSetupFileIsNeitherChangedNorRemoved() {
        let bench = dialling()
        bench.feed(.started)
        bench.feed(.ordered(.add(added(north, address: "elsewhere:2"), PeerRecord())))
        bench.feed(.ordered(.add(added(server("south")), PeerRecord())))
        bench.feed(.ordered(.remove(north)))
        bench.feed(.ordered(.remove(west)))
        #expect(bench.mesh.linkStates.map(\.name) == [north])
        #expect(bench.mesh.report(of: north, at: bench.now)?.address == "north:1")
    }

    @Test func aRemovedServerIsGone() throws {
        let bench = dialling()
        bench.feed(.started)
        let id = try #require(bench.feed(.ordered(.add(added(key: MeshBench.key("west")), PeerRecord()))).dialled.first)
        _ = bench.answerDial(id, as: "west")
        let resume = StreamPosition(epoch: Epoch(1), first: 1, received: nil)
        for case .rewind(let name, let epoch) in bench.feed(.received(id, .resume(resume))) {
            bench.feed(.rewound(name, epoch, first: 1))
        }
        let page = PresencePage(
            version: 1, kind: .snapshot(isFirst: true, isLast: true), people: [person("dora@west")], keys: [])
        bench.feed(.received(id, .presence(page)))
        let actions = bench.feed(.ordered(.remove(west)))
        #expect(actions.closes(id) == .unknownServer)
        let people = actions.compactMap { if case .people(let people) = $0 { people } else { nil } }.flatMap { $0 }
        #expect(people.last == person("dora@west", .offline))
        #expect(bench.mesh.remotePeople == [] && bench.mesh.linkStates.map(\.name) == [north])
        #expect(bench.mesh.routing.route(.everyone) == .peers([north]))
        let (inbound, refused) = bench.acceptProven(from: "west")
        #expect(refused.closes(inbound) == .unknownServer)
        // What the store still says of it harms nobody.
        #expect(bench.feed(.queued(west, through: 9)) == [])
        #expect(bench.feed(.committed(west, Epoch(1), through: 1, refused: [])) == [])
    }
}
