import Bytes
import Node
import Wire

/// What goes wrong, by chance and in time to be healed.
final class Faults {
    enum Kind: CaseIterable {
        case cutLink, halfOpenLink, partition, crashNode, crashAll, crashAtCommit, drain
        case cutClient, halfOpenClient, crashClient
        case meddle, slowStore, fullStore, repeatSomething
        case backUp, restore, jumpClocks
    }

    private unowned let world: World
    private let end: Instant
    private var random: SplitMix64

    init(_ world: World, until end: Instant) {
        self.world = world
        self.end = end
        random = world.random.fork()
    }

    func plan(_ count: Int) {
        let start = world.now
        for node in world.nodes {
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                world.at(start.advanced(by: random.milliseconds(0...end.since(start).milliseconds))) { node.backUp() }
            }
        }
        for _ in 0..<count {
            let kind = random.pick(Kind.allCases) ?? .cutLink
            world.at(start.advanced(by: random.milliseconds(0...end.since(start).milliseconds))) { [self] in
                strike(kind)
            }
        }
    }

    func strike(_ kind: Kind) {
        guard let node = random.pick(world.nodes), let client = random.pick(world.clients),
            let peer = random.pick(world.nodes.filter { world.areNeighbours($0.name, node.name) })
        else { return }
        world.trace("fault \(kind): \(node.name), \(peer.name), \(client.address)")
        switch kind {
        case .cutLink: cut(node, peer)
        case .halfOpenLink:
            world.counts.cuts += 1
            for link in world.links(node.name, peer.name) { link.swallow(from: node) }
            world.network.changed(node.name, peer.name, at: world.now)
        case .partition: part(node, peer)
        case .crashNode: crash(node)
        case .crashAll: for node in world.nodes { crash(node) }
        case .crashAtCommit:
            let point = random.pick(CrashPoint.allCases) ?? .afterCommit
            if random.chance(0.5) {
                node.store.crashPoint = (point, { [self] in crash(node) })
            } else {
                node.spool.crashPoint = (point, { [self] in crash(node) })
            }
        case .drain: drain(node)
        case .cutClient:
            world.counts.cuts += 1
            client.disturbedAt = world.now
            client.connection?.cut()
        case .halfOpenClient:
            world.counts.cuts += 1
            let sides = random.pick([(true, false), (false, true), (true, true)]) ?? (true, true)
            client.disturbedAt = world.now
            client.connection?.swallow(toNode: sides.0, toClient: sides.1)
        case .crashClient: client.crash(isNoticed: random.chance(0.5), losesPower: random.chance(0.5))
        case .meddle: meddle(node, peer)
        case .slowStore:
            node.store.commitMilliseconds = 20...Int64.random(in: 50...2000, using: &random)
            node.spool.commitMilliseconds = 20...Int64.random(in: 50...2000, using: &random)
            later { node.storesAreFast() }
        case .fullStore:
            (node.store.isFull, node.spool.isFull) = (true, true)
            later { (node.store.isFull, node.spool.isFull) = (false, false) }
        case .backUp: node.backUp()
        case .restore: restore(node)
        case .jumpClocks: jumpClocks(node, client)
        case .repeatSomething: if let other = random.pick(world.clients) { client.repeatSomething(as: other.address) }
        }
    }

    /// Until then everything is as it should be again.
    private func healing(within milliseconds: ClosedRange<Int64>) -> Instant {
        min(end, world.now.advanced(by: random.milliseconds(milliseconds)))
    }

    private func later(_ body: @escaping () -> Void) { world.at(healing(within: 500...30_000), body) }

    private func cut(_ node: SimulatedNode, _ peer: SimulatedNode) {
        world.counts.cuts += 1
        for link in world.links(node.name, peer.name) { link.cut() }
        world.network.changed(node.name, peer.name, at: world.now)
    }

    /// Connections live through it if it is over before anybody has lost patience, or die of it.
    private func part(_ node: SimulatedNode, _ peer: SimulatedNode) {
        world.counts.cuts += 1
        let healed = random.chance(0.2) ? end : healing(within: 200...90_000)
        world.network.block(node.name, peer.name, until: healed, at: world.now)
        for link in world.links(node.name, peer.name) {
            if random.chance(0.5) {
                link.stall(until: healed)
            } else {
                link.swallow(from: node)
                link.swallow(from: peer)
            }
        }
        world.at(healed) { [world] in world.network.changed(node.name, peer.name, at: world.now) }
    }

    private func crash(_ node: SimulatedNode) {
        guard node.isUp else { return }
        node.crash(isNoticed: random.chance(0.7))
        restart(node, at: healing(within: 50...40_000))
    }

    /// A node comes back with an older store, or an empty one; sometimes another one does so, too, and sometimes it crashes
    /// again as soon as it commits something.
    private func restore(_ node: SimulatedNode) {
        let other = random.chance(0.25) ? random.pick(world.nodes.filter { $0 !== node }) : nil
        for node in [node, other].compactMap({ $0 }) {
            guard let backup = random.chance(0.05) ? .some(nil) : random.pick(node.backups) else { continue }
            let mark = random.pick(RestoredPart.allCases) ?? .stays
            let spool: RestoredPart = random.chance(0.7) ? .stays : random.pick([.goesBack, .isLost]) ?? .stays
            let crashes = random.chance(0.2)
            if node.isUp { node.crash(isNoticed: random.chance(0.7)) }
            restart(node, at: healing(within: 100...40_000)) { [self] in
                try node.restore(backup, mark: mark, spool: spool)
                if crashes { node.store.crashPoint = (.afterCommit, { [self] in crash(node) }) }
            }
        }
    }

    private static let dayMilliseconds: Int64 = 24 * 3600 * 1000

    /// Of all, of one node or of one client, by seconds, hours or days, forwards or back. Monotonic time goes on.
    private func jumpClocks(_ node: SimulatedNode, _ client: SimulatedClient) {
        world.counts.jumps += 1
        let day = Faults.dayMilliseconds
        let range = random.pick([1000...90_000, 60_000...(day / 2), day...(8 * day)]) ?? 0...0
        let jump = Int64.random(in: range, using: &random) * (random.chance(0.5) ? 1 : -1)
        // Together less than the 30 days after which tokens and what was accepted are forgotten.
        func moved(_ jumpBefore: Int64, daysMax: Int64) -> Int64 {
            min(max(jumpBefore + jump, -daysMax * day), daysMax * day)
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: world.wallJump = moved(world.wallJump, daysMax: 5)
        case 1: client.wallJump = moved(client.wallJump, daysMax: 9)
        default: node.wallJump = moved(node.wallJump, daysMax: 9)
        }
        world.trace("the clocks jump by \(jump) ms")
        for node in world.nodes { world.ledger.clockMoved(of: node.name, to: node.wall) }
    }

    private func restart(_ node: SimulatedNode, at instant: Instant, _ before: @escaping () throws -> Void = {}) {
        world.at(instant) { [world] in
            world.disturbed(node.name)
            do {
                try before()
                try node.start()
            } catch { world.ledger.complain(.invariant, "\(node.name) does not start: \(error)") }
        }
    }

    /// A stop in order: everybody is told when to come back.
    private func drain(_ node: SimulatedNode) {
        guard node.isUp else { return }
        world.disturbed(node.name)
        node.handle(.drain(retrySeconds: 5))
        node.after(random.milliseconds(0...3000)) { [self] in
            node.crash(isNoticed: true)
            restart(node, at: healing(within: 50...10_000))
        }
    }

    private func meddle(_ node: SimulatedNode, _ peer: SimulatedNode) {
        let appetite = Double.random(in: 0.02...0.3, using: &random)
        world.network.meddle(appetite, node.name, peer.name, at: world.now)
        for link in world.links(node.name, peer.name) { link.meddle(appetite) }
        later { [world] in
            world.network.meddle(0, node.name, peer.name, at: world.now)
            for link in world.links(node.name, peer.name) { link.meddle(0) }
        }
    }

    /// Ends all that is still wrong.
    func heal() throws {
        world.trace("healed")
        world.network.heal(at: world.now)
        world.isHijacked = false
        world.presence.interval = .seconds(5)
        for link in world.links { link.meddle(0) }
        for node in world.nodes {
            node.store.crashPoint = nil
            node.spool.crashPoint = nil
            (node.store.isFull, node.spool.isFull) = (false, false)
            node.storesAreFast()
            node.mischief?.isActive = false
            try node.start()
        }
    }
}
