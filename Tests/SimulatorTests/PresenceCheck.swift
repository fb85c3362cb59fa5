import Bytes
import Node
import Wire

/// Asks every node again and again who is there, and holds the answers against who is (promise P7).
final class PresenceCheck {
    private unowned let world: World
    private var watchers: [ServerName: SessionID] = [:]
    private var truth: [Int: (isOnline: Bool, since: Instant)] = [:]
    /// The last complete answer of each node.
    private var views: [ServerName: [Address: Person.Status]] = [:]
    private var lastRef: Int64 = 0

    /// Presence is wrong for at most 30 s after any fault; the rest is how often we look.
    private static let wrongMax: Duration = .seconds(32)
    /// Longer once nothing more goes wrong.
    var interval: Duration = .seconds(1)

    init(_ world: World) { self.world = world }

    func watch(_ node: SimulatedNode, _ session: SessionID) {
        if node !== world.impostor { watchers[node.name] = session }
    }

    func begin() {
        for client in world.clients { note(client) }
        for node in world.honestNodes where node.isUp {
            guard let session = watchers[node.name] else { continue }
            lastRef += 1
            node.handle(.said(session, .who(ref: lastRef)))
        }
        world.after(interval) { [unowned self] in begin() }
    }

    private func note(_ client: SimulatedClient) {
        let isOnline = client.isOnline && world.node(client.address.server)?.isUp == true
        if truth[client.number]?.isOnline != isOnline { truth[client.number] = (isOnline, world.now) }
    }

    func watched(_ line: NodeLine, at node: SimulatedNode) {
        guard case .people(_, let people) = line, node !== world.impostor else { return }
        let view = Dictionary(people.map { ($0.address, $0.status) }) { first, _ in first }
        views[node.name] = view
        for client in world.clients where world.areNeighbours(node.name, client.address.server) {
            check(client, shown: view[client.address] ?? .offline, at: node)
        }
    }

    private func check(_ client: SimulatedClient, shown: Person.Status, at observer: SimulatedNode) {
        let (address, now) = (client.address, world.now)
        guard let home = world.node(address.server), !world.ledger.liars.contains(home.name),
            let (isOnline, since) = truth[client.number]
        else { return }
        let calm = min(
            world.network.calm(observer.name, home.name, at: now), now.since(max(since, client.disturbedAt)),
            now.since(observer.startedAt))
        guard calm > PresenceCheck.wrongMax else { return }
        let isReachable = home.isUp && !world.network.isBlocked(observer.name, home.name, at: now)
        if shown == .online, !isReachable || !isOnline {
            let truth = isReachable ? "away" : "cut off"
            world.ledger.complain(.presence, "\(observer.name) shows \(address) online, who is \(truth)")
        }
        guard isReachable, isOnline, shown != .online, let here = observer.provenAt[home.name],
            let there = home.provenAt[observer.name], now.since(max(here, there)) > PresenceCheck.wrongMax,
            world.network.meddling(observer.name, home.name) == 0
        else { return }
        world.ledger.complain(.presence, "\(observer.name) shows \(address) \(shown), who is online")
    }

    /// After a long calm everybody sees everybody, over exactly one link for each pair.
    func checkConverged() {
        let honest = world.honestNodes
        for observer in honest {
            for client in world.reachable(from: observer.name) where !world.ledger.liars.contains(client.address.server)
            {
                let shown = views[observer.name]?[client.address] ?? .offline
                guard shown != .online else { continue }
                world.ledger.complain(.presence, "in the end \(observer.name) shows \(client.address) \(shown)")
            }
            for peer in honest where peer.name > observer.name && world.areNeighbours(peer.name, observer.name) {
                // The impostor, who has the name of one of them, keeps trying.
                let links = world.links(observer.name, peer.name).filter { !$0.isOf(world.impostor) }
                if links.count != 1 {
                    world.ledger.complain(.invariant, "\(links.count) links join \(observer.name) and \(peer.name)")
                }
                guard let here = observer.proven[peer.name], let there = peer.proven[observer.name],
                    observer.connections[here] === peer.connections[there]
                else {
                    world.ledger.complain(.invariant, "\(observer.name) and \(peer.name) do not use the same link")
                    continue
                }
            }
        }
    }
}
