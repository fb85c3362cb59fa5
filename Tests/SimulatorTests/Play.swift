import Bytes
import Federation
import Node
import Wire

/// One run: people write while things go wrong, then everything is healed and the books are compared.
final class Play {
    struct Outcome {
        let complaints: [Complaint]
        let counts: Counts
        let trace: String
    }

    let world: World
    private var random: SplitMix64

    /// Longest time from the healing to silence: a backoff of a minute, twice, and room.
    private static let quietDurationMax: Duration = .seconds(400)
    /// What a full disk did not take is offered again within a minute.
    private static let calmDuration: Duration = .seconds(70)

    init(seed: UInt64) throws {
        var random = SplitMix64(seed: seed ^ 0x706C_6179)
        let isHostile = seed % 5 == 3
        var shape = World.Shape()
        shape.servers = random.pick(isHostile ? [3, 3, 3, 4] : [2, 2, 2, 3, 3, 3, 4, 4, 5]) ?? 2
        shape.topology = random.chance(0.5) ? .full : random.pick(Topology.allCases) ?? .full
        shape.hasLiar = isHostile && random.chance(0.6)
        shape.hasImpostor = isHostile && !shape.hasLiar
        shape.hasKeys = isHostile || random.chance(0.3)
        world = try World(seed: seed, shape)
        self.random = random
    }

    /// A world to be played by hand.
    init(_ world: World) {
        self.world = world
        random = world.random.fork()
    }

    static func run(seed: UInt64) throws -> Outcome {
        let play = try Play(seed: seed)
        try play.run()
        defer { play.world.dissolve() }
        return play.outcome()
    }

    func run() throws {
        try world.start()
        let range: ClosedRange<Int64> = random.chance(0.03) ? 600...3600 : 20...100
        let seconds = Int64.random(in: range, using: &random)
        let end = world.now.advanced(by: .seconds(seconds))
        let faults = Faults(world, until: end)
        faults.plan(Int.random(in: 0...12, using: &random))
        planWords(Int.random(in: 40...60, using: &random), within: seconds * 1000)
        planFiles(Int.random(in: 1...5, using: &random), within: seconds * 1000)
        if world.shape.hasImpostor { try planImpostor(within: seconds * 1000) }
        world.advance(by: .seconds(seconds))
        try faults.heal()
        settle()
    }

    /// Runs until nothing is under way, then a while longer.
    func settle() {
        let deadline = world.now.advanced(by: Play.quietDurationMax)
        while world.now < deadline, !isQuiet { world.advance(by: .seconds(5)) }
        world.advance(by: Play.calmDuration)
        for node in world.honestNodes {
            for state in linkStates(of: node) where state.queued != 0 {
                world.ledger.complain(.unsettled, "\(node.name) still has \(state.queued) for \(state.name)")
            }
        }
        world.presence.checkConverged()
    }

    func outcome() -> Outcome {
        world.end()
        return Outcome(
            complaints: world.ledger.check(world.histories()) + world.files.check(FileHoldings(world)),
            counts: world.counts, trace: world.traceTail)
    }

    private var isQuiet: Bool {
        let clients = world.clients.filter { !world.ledger.liars.contains($0.address.server) }
        return clients.allSatisfy { world.ledger.liars.isEmpty ? $0.isIdle : $0.isOnline }
            && world.honestNodes.allSatisfy { node in
                node.isUp && linkStates(of: node).allSatisfy { $0.state == .up && $0.queued == 0 }
            }
    }

    /// Of links to those whose word counts.
    private func linkStates(of node: SimulatedNode) -> [LinkState] {
        (node.hub?.linkStates ?? []).filter { !world.ledger.liars.contains($0.name) }
    }

    // MARK: Words

    private func planWords(_ count: Int, within milliseconds: Int64) {
        var number = 0
        while number < count {
            guard let client = random.pick(world.clients) else { return }
            let at = world.now.advanced(by: random.milliseconds(0...milliseconds))
            // People write several lines at once: only then can they overtake each other.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                number += 1
                let text = "message \(number) of seed \(world.seed)"
                let other = random.pick(world.reachable(from: client.address.server))?.address ?? client.address
                let to: Conversation = random.chance(0.4) ? .everyone : .direct(other)
                world.at(at.advanced(by: random.milliseconds(0...300))) { client.say(text, to: to) }
            }
        }
    }

    // MARK: Files

    private func planFiles(_ count: Int, within milliseconds: Int64) {
        for number in 1...count {
            guard let client = random.pick(world.clients),
                let other = random.pick(world.reachable(from: client.address.server).filter { $0 !== client })
            else { return }
            let at = world.now.advanced(by: random.milliseconds(0...milliseconds))
            let to: Conversation = random.chance(0.3) ? .everyone : .direct(other.address)
            let content = Play.content(of: Play.size(&random), &random)
            let name = "file \(number) of seed \(world.seed)"
            let takenBack = random.chance(0.2) ? random.milliseconds(0...10_000) : nil
            let changed = random.chance(0.1) ? random.milliseconds(0...200) : nil
            world.at(at) { [world] in
                guard let id = client.offer(content, as: name, to: to) else { return }
                if let takenBack { world.after(takenBack) { client.takeBack(id) } }
                if let changed { world.after(changed) { client.change(id, name) } }
            }
        }
    }

    /// Nothing, a byte, a chunk, a little more than that, a few chunks; rarely more than what is synced at once.
    private static func size(_ random: inout SplitMix64) -> Int64 {
        let chunk = Int64(FileChunk.bytesMax)
        let few = chunk * Int64.random(in: 2...6, using: &random)
        let size: Int64 = random.pick([0, 1, chunk, chunk + 1, few]) ?? 0
        return random.chance(0.1) ? chunk * Int64.random(in: 7...80, using: &random) - 1 : size
    }

    static func content(of bytes: Int64, _ random: inout SplitMix64) -> SimulatedDisk.Content {
        // A word that is zero stands for damage.
        let words = (0..<FileChunk.count(of: bytes)).map { _ in random.next() | 1 }
        return SimulatedDisk.Content(bytes: bytes, words: words)
    }

    /// Somebody with another key claims the last server's name, dials, and sometimes answers where it is dialled.
    private func planImpostor(within milliseconds: Int64) throws {
        guard let impostor = world.impostor else { return }
        try impostor.start()
        for number in 0..<6 {
            let at = world.now.advanced(by: random.milliseconds(0...milliseconds))
            world.at(at) { [world] in
                world.isHijacked.toggle()
                let id = MessageID(milliseconds: impostor.wall, random: (UInt64(number), world.seed))
                let draft = Draft(id: id, to: .everyone, at: impostor.wall, body: .text("the impostor speaks"))
                for session in impostor.sessions.keys.sorted().prefix(1) {
                    impostor.handle(.said(session, .message(draft)))
                }
            }
        }
    }
}
