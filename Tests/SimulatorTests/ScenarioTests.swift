import Bytes
import ChatClient
import Files
import Node
import Store
import Testing
import Wire

/// Single scenes of the fault matrix, written like a play.
struct ScenarioTests {
    /// Two servers, everybody online.
    private static func world(_ shape: World.Shape = World.Shape()) throws -> World {
        let world = try World(seed: 5, shape)
        try world.start()
        world.advance(by: .seconds(10))
        return world
    }

    private static func complaints(of world: World) -> [String] {
        Play(world).settle()
        defer { world.end() }
        return world.ledger.check(world.histories()).map(\.description)
    }

    @Test func anEnvelopeOutlivesAnHourWithoutALink() throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        let (s1, s2) = (world.nodes[0], world.nodes[1])
        alice.say("before", to: .direct(carol.address))
        world.advance(by: .seconds(2))
        world.network.block(s1.name, s2.name, until: world.now.advanced(by: .seconds(3600)), at: world.now)
        for link in world.links(s1.name, s2.name) { link.swallow(from: s1) }
        alice.say("while away", to: .direct(carol.address))
        world.advance(by: .seconds(1800))
        #expect(world.ledger.accepted.count == 2)
        #expect(world.ledger.delivered.count == 1)
        world.advance(by: .seconds(1900))
        world.network.heal(at: world.now)
        #expect(ScenarioTests.complaints(of: world) == [])
        #expect(world.ledger.delivered.count == 2)
    }

    @Test(arguments: CrashPoint.allCases)
    func aCrashAroundTheCommitLosesNothingAccepted(_ point: CrashPoint) throws {
        let world = try ScenarioTests.world()
        let node = world.nodes[0]
        node.store.crashPoint = (point, { node.crash(isNoticed: true) })
        world.clients[0].say("hello", to: .everyone)
        world.advance(by: .seconds(1))
        #expect(!node.isUp)
        #expect(world.ledger.accepted.isEmpty)
        try node.start()
        #expect(ScenarioTests.complaints(of: world) == [])
        #expect(world.ledger.delivered.count == 1)
    }

    @Test func whatAFullDiskDidNotTakeOfAnAcknowledgementIsOfferedAgain() throws {
        let world = try ScenarioTests.world()
        let node = world.nodes[0]
        node.store.commitMilliseconds = 0...0
        world.clients[0].say("hello", to: .everyone)
        while world.ledger.accepted.isEmpty { world.advance(by: .milliseconds(1)) }
        node.store.isFull = true
        world.advance(by: .seconds(5))
        node.store.isFull = false
        world.advance(by: .seconds(70))
        #expect(world.ledger.delivered.count == 1)
        #expect(ScenarioTests.complaints(of: world) == [])
    }

    /// Rows 13 and 24: the clock on the wall moves by more than a week while the recipient's node is away.
    @Test func aDeadlineIsToldAndOutlivesARestart() throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        let (s1, s2) = (world.nodes[0], world.nodes[1])
        alice.say("keys are asked for", to: .direct(carol.address))
        world.advance(by: .seconds(2))
        s2.crash(isNoticed: true)
        alice.say("nobody is there", to: .direct(carol.address))
        world.advance(by: .seconds(2))
        s1.crash(isNoticed: true)
        world.wallJump += 8 * 24 * 3600 * 1000
        try s1.start()
        world.advance(by: .seconds(90))
        let states = world.histories()[s1.name]?.states.values.map(\.state) ?? []
        #expect(states.contains(.unconfirmed))
        try s2.start()
        #expect(ScenarioTests.complaints(of: world) == [])
        let last = world.histories()[s1.name]?.states.values.map(\.state) ?? []
        #expect(last == [.delivered, .delivered])
    }

    @Test func aMessageToNobodyFailsAndIsNowhere() throws {
        let world = try ScenarioTests.world()
        let nobody = try Address(parsing: "nobody@s2")
        world.clients[0].say("hello", to: .direct(nobody))
        world.advance(by: .seconds(5))
        #expect(world.ledger.failed.values.map(\.code) == [.unknownUser])
        #expect(ScenarioTests.complaints(of: world) == [])
    }

    @Test func anImpostorIsRefusedWhereverTheyCome() throws {
        var shape = World.Shape()
        shape.hasKeys = true
        shape.hasImpostor = true
        let world = try ScenarioTests.world(shape)
        world.isHijacked = true
        try world.impostor?.start()
        for link in world.links(world.nodes[0].name, world.nodes[1].name) { link.cut() }
        world.advance(by: .seconds(30))
        #expect(world.counts.alarms > 0)
        world.isHijacked = false
        #expect(ScenarioTests.complaints(of: world) == [])
    }

    // MARK: Files

    private static func offer(
        _ chunks: Int64, from author: SimulatedClient, to: Conversation
    ) throws -> MessageID {
        var random = SplitMix64(seed: 3)
        let content = Play.content(of: chunks * Int64(FileChunk.bytesMax), &random)
        return try #require(author.offer(content, as: "file", to: to))
    }

    private static func fileComplaints(of world: World) -> [String] {
        Play(world).settle()
        defer { world.end() }
        return (world.ledger.check(world.histories()) + world.files.check(FileHoldings(world))).map(\.description)
    }

    /// What a crash of the author's node takes from the spool, the client sends again.
    @Test(arguments: CrashPoint.allCases)
    func aFileSurvivesACrashOfItsSpool(_ point: CrashPoint) throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        carol.habit = .accept
        let node = world.nodes[0]
        let id = try ScenarioTests.offer(20, from: alice, to: .direct(carol.address))
        world.advance(by: .milliseconds(300))
        node.spool.crashPoint = (point, { node.crash(isNoticed: true) })
        world.advance(by: .seconds(2))
        #expect(!node.isUp)
        try node.start()
        #expect(ScenarioTests.fileComplaints(of: world) == [])
        #expect(alice.disk.files.map(\.state) == [.complete])
        #expect(carol.files.received.map(\.id) == [id])
    }

    /// Power fails again and again while it comes in; each time it goes on where the disk is sure.
    @Test func aFileSurvivesItsRecipientsPowerCuts() throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        carol.habit = .accept
        _ = try ScenarioTests.offer(80, from: alice, to: .direct(carol.address))
        for _ in 0..<5 {
            world.advance(by: .seconds(2))
            carol.crash(isNoticed: true, losesPower: true)
            world.advance(by: .seconds(20))
        }
        #expect(ScenarioTests.fileComplaints(of: world) == [])
        #expect(carol.disk.files.map(\.state) == [.complete])
    }

    /// Taken back while nobody knows whether the node has the offer.
    @Test func anOfferThatMayHaveBeenSaidStaysSaid() throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        carol.habit = .ignore
        alice.say("keys are asked for", to: .direct(carol.address))
        world.advance(by: .seconds(2))
        let id = try ScenarioTests.offer(1, from: alice, to: .direct(carol.address))
        while alice.disk.pending.isEmpty { world.advance(by: .milliseconds(1)) }
        while world.ledger.places.count < 2
            || world.histories()[alice.address.server]?.places.values.joined().count != 2
        {
            world.advance(by: .milliseconds(1))
        }
        alice.connection?.cut()
        while alice.connection != nil { world.advance(by: .milliseconds(1)) }
        try #require(world.ledger.accepted[MessageKey(alice.address, id)] == nil)
        alice.takeBack(id)
        #expect(ScenarioTests.fileComplaints(of: world) == [])
        #expect(alice.disk.files.map(\.state) == [.cancelled])
        #expect(world.ledger.accepted[MessageKey(alice.address, id)] != nil)
    }

    @Test func theSpoolLosesWhatWasNotCommitted() throws {
        let world = try ScenarioTests.world()
        let (alice, carol) = (world.clients[0], world.clients[2])
        let node = world.nodes[0]
        node.spool.crashPoint = (.beforeCommit, { node.crash(isNoticed: true) })
        let id = try ScenarioTests.offer(1, from: alice, to: .direct(carol.address))
        world.advance(by: .seconds(1))
        #expect(!node.isUp)
        #expect(node.spool.disk.perform([.usage]) == [.usage(files: 0, bytes: 0)])
        try node.start()
        Play(world).settle()
        defer { world.end() }
        #expect(FileHoldings(world).spools[0].statuses[id]?.held == 1)
    }
}
