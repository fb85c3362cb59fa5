import Bytes
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

    @Test(arguments: SimulatedStore.CrashPoint.allCases)
    func aCrashAroundTheCommitLosesNothingAccepted(_ point: SimulatedStore.CrashPoint) throws {
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
}
