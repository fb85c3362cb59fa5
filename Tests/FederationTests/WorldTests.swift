import Bytes
import Federation
import Testing
import Wire

@Suite struct WorldTests {
    /// Everything said is there once and in order, the sender knows it, and what was refused it knows by name.
    private func check(_ world: World) {
        for from in world.names {
            for to in world.names where from != to {
                let expected = world.expected[from]?[to] ?? []
                let delivered = world.nodes[to]?.store.streams[from]?.delivered ?? []
                #expect(delivered == expected, "\(from) to \(to)")
                let sender = world.nodes[from]?.store.streams[to]
                #expect(sender?.acknowledged ?? 0 == Int64(sender?.rows.count ?? 0))
                #expect(sender?.refusedByPeer ?? [] == world.refused[from]?[to] ?? [])
            }
            let states = world.nodes[from]?.mesh.linkStates ?? []
            #expect(states.allSatisfy { $0.state == .up && $0.queued == 0 && $0.unacknowledged == 0 })
        }
    }

    /// Everybody sees everybody else's people as they are.
    private func checkPresence(_ world: World) {
        for name in world.names {
            let others = world.names.filter { $0 != name }.sorted()
            let people = others.flatMap { other in
                (world.nodes[other]?.people ?? [:]).values.sorted { $0.user < $1.user }.map {
                    Person(
                        address: Address(user: $0.user, server: other), status: .online,
                        devices: $0.devices.map(\.fingerprint))
                }
            }
            #expect(world.nodes[name]?.mesh.remotePeople == people)
            #expect(world.nodes[name]?.mirror.values.sorted { $0.address < $1.address } == people)
            for person in people {
                let local = world.nodes[person.address.server]?.people[person.address.user]
                #expect(world.nodes[name]?.mesh.keys(of: person.address) == local?.devices)
            }
        }
    }

    private func say(_ world: inout World, most: Int) {
        for _ in 0..<Int.random(in: 0...most, using: &world.random) {
            guard let from = world.names.randomElement(using: &world.random),
                let to = world.names.filter({ $0 != from }).randomElement(using: &world.random)
            else { return }
            let kind = Int.random(in: 0..<20, using: &world.random)
            world.say(from: from, to: to, isDamaged: kind == 0, isRefused: kind == 1)
        }
    }

    private func changePresence(_ world: inout World) {
        guard let name = world.names.randomElement(using: &world.random) else { return }
        let number = Int.random(in: 0..<8, using: &world.random)
        let keys = (0..<3).filter { _ in Bool.random(using: &world.random) }.map { deviceKey(number * 3 + $0) }
        let isOnline = Bool.random(using: &world.random)
        world.setPresence(name, LocalPerson(user: user("user\(number)"), isOnline: isOnline, devices: keys))
    }

    /// Links are paused and resumed and keys changed in the midst of it, also while links are down.
    @Test(arguments: 0..<150)
    func ordersAndNewKeysLoseNothing(seed: Int) throws {
        var world = World(seed % 3 == 0 ? ["north", "south", "west"] : ["north", "south"], seed: seed)
        let names = world.names
        for _ in 0..<40 {
            say(&world, most: 6)
            changePresence(&world)
            let name = try #require(names.randomElement(using: &world.random))
            let other = try #require(names.filter { $0 != name }.randomElement(using: &world.random))
            switch Int.random(in: 0..<12, using: &world.random) {
            case 0: world.cutSomething()
            case 1: world.crash(name, forMilliseconds: Int.random(in: 1...3000, using: &world.random))
            case 2: world.partitions.insert([name, other])
            case 3, 4: world.partitions = []
            case 5: world.order(name, .pause(other))
            case 6, 7: world.order(name, .resume(other))
            case 8: world.order(name, .retry(other))
            case 9, 10: world.rotate(name)
            default: break
            }
            world.run(forMilliseconds: Int.random(in: 0...2000, using: &world.random))
        }
        world.partitions = []
        world.run(forMilliseconds: 4000)
        for name in names { for other in names where other != name { world.order(name, .resume(other)) } }
        world.run(forMilliseconds: 180_000)
        check(world)
        checkPresence(world)
        // A link that stands may be of an older key; the next one is not.
        for name in names {
            world.crash(name, forMilliseconds: 10)
            world.run(forMilliseconds: 60_000)
        }
        for name in names {
            let key = world.nodes[name].map { FakeKey.publicKey(of: $0.secret) }
            for other in names where other != name {
                #expect(world.nodes[other]?.mesh.report(of: name, at: world.now)?.key == key, "\(other) knows \(name)")
            }
        }
    }

    @Test(arguments: 0..<300)
    func nothingIsLostDoubledOrReordered(seed: Int) {
        var world = World(seed % 3 == 0 ? ["north", "south", "west"] : ["north", "south"], seed: seed)
        for _ in 0..<40 {
            say(&world, most: seed % 20 == 3 ? 60 : 6)
            changePresence(&world)
            switch Int.random(in: 0..<10, using: &world.random) {
            case 0, 1, 2: world.cutSomething()
            case 3:
                if let name = world.names.randomElement(using: &world.random) {
                    world.crash(name, forMilliseconds: Int.random(in: 1...3000, using: &world.random))
                }
            case 4: world.partitions.insert(Set(world.names.shuffled(using: &world.random).prefix(2)))
            case 5, 6: world.partitions = []
            default: break
            }
            world.run(forMilliseconds: Int.random(in: 0...2000, using: &world.random))
        }
        world.partitions = []
        world.run(forMilliseconds: 180_000)
        check(world)
        checkPresence(world)
    }

    @Test(arguments: 0..<20)
    func aQuietPairKeepsOneLink(seed: Int) {
        var world = World(["north", "south"], seed: seed)
        world.run(forMilliseconds: 60_000)
        let count = world.linkCount
        #expect(count <= 8)
        world.run(forMilliseconds: 3_600_000)
        #expect(world.linkCount == count)
        check(world)
    }

    @Test(arguments: 0..<15)
    func aBacklogLargerThanTheWindowArrives(seed: Int) {
        var world = World(["north", "south"], seed: seed)
        world.partitions = [[server("north"), server("south")]]
        for _ in 0..<600 { world.say(from: server("north"), to: server("south")) }
        world.run(forMilliseconds: 60_000)
        world.partitions = []
        for _ in 0..<5 {
            world.run(forMilliseconds: 1000)
            world.cutSomething()
        }
        world.run(forMilliseconds: 180_000)
        check(world)
    }

    @Test(arguments: 0..<40)
    func aRestoredServerIsSentWhatItLost(seed: Int) throws {
        var world = World(["north", "south"], seed: seed)
        let (north, south) = (server("north"), server("south"))
        for _ in 0..<20 { say(&world, most: 4) }
        world.run(forMilliseconds: 20_000)
        let backup = try #require(world.nodes[south]).store
        for _ in 0..<Int.random(in: 0...300, using: &world.random) { world.say(from: north, to: south) }
        world.run(forMilliseconds: Int.random(in: 0...20_000, using: &world.random))
        world.expectRepeats()
        var restored = backup
        restored.expectsRepeats = true
        world.restore(south, to: restored, epoch: Epoch(999))
        for _ in 0..<20 {
            world.say(from: north, to: south)
            world.run(forMilliseconds: Int.random(in: 0...500, using: &world.random))
            if Int.random(in: 0..<5, using: &world.random) == 0 { world.cutSomething() }
        }
        world.run(forMilliseconds: 180_000)
        let delivered = world.nodes[south]?.store.streams[north]?.delivered
        #expect(delivered == world.expected[north]?[south])
    }

    @Test func whoIsCutOffIsUnknownWithinThirtySeconds() {
        for seed in 0..<50 {
            var world = World(["north", "south"], seed: seed)
            let (north, south) = (server("north"), server("south"))
            world.setPresence(north, LocalPerson(user: user("ann"), isOnline: true, devices: []))
            world.run(forMilliseconds: 30_000 + seed * 77)
            #expect(world.nodes[south]?.mesh.remotePeople.map(\.status) == [.online])
            world.partitions = [[north, south]]
            world.cutSomething()
            world.run(forMilliseconds: 30_000)
            #expect(world.nodes[south]?.mesh.remotePeople.map(\.status) == [.unknown])
        }
    }
}
