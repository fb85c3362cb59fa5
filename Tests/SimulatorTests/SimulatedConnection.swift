import Bytes
import Node
import Wire

enum LineItem {
    /// One line, encoded.
    case line([UInt8])
    /// The other side is gone, in order or not.
    case end
}

/// One client connection: lines both ways.
final class SimulatedConnection {
    let client: SimulatedClient
    let node: SimulatedNode
    /// Of the node.
    let life: Int
    private(set) var session: SessionID?
    private unowned let world: World
    private(set) lazy var toNode = Pipe<LineItem>(world) { [unowned self] in tellNode($0) }
    private(set) lazy var toClient = Pipe<LineItem>(world) { [unowned self] in client.arrived($0, on: self) }

    init(_ world: World, _ client: SimulatedClient, _ node: SimulatedNode) {
        self.world = world
        self.client = client
        self.node = node
        life = node.life
    }

    func open() { session = node.accept(self) }

    private func tellNode(_ item: LineItem) {
        if node.life == life, let session { node.arrived(item, on: session) }
    }

    var isSound: Bool { toNode.isSound && toClient.isSound }

    func cut() {
        world.at(toNode.lose()) { [self] in tellNode(.end) }
        world.at(toClient.lose()) { [self] in client.arrived(.end, on: self) }
    }

    /// Nothing gets through any more, one way or both, and nobody is told.
    func swallow(toNode: Bool, toClient: Bool) {
        if toNode { self.toNode.lose() }
        if toClient { self.toClient.lose() }
    }

    func nodeVanished(_ isNoticed: Bool) {
        toNode.lose()
        let lastArrival = toClient.lose()
        if isNoticed { world.at(lastArrival) { [self] in client.arrived(.end, on: self) } }
    }

    func clientVanished(_ isNoticed: Bool) {
        toClient.lose()
        let lastArrival = toNode.lose()
        if isNoticed { world.at(lastArrival) { [self] in tellNode(.end) } }
    }
}
