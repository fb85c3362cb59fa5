import Bytes
import Federation
import Wire

/// What a WebSocket between two nodes carries.
enum LinkItem {
    /// An encoded `LinkMessage`.
    case message([UInt8])
    case ping, pong
    /// A close frame with our refusal.
    case close(Refusal)
    /// The connection broke.
    case lost
}

/// Whoever can stand at the end of a link.
protocol LinkParty: AnyObject {
    var name: ServerName { get }
    /// nil where nobody listens or too many wait.
    func acceptLink(_ link: SimulatedLink) -> LinkID?
    func dialled(_ id: LinkID, _ link: SimulatedLink?)
    func opened(_ id: LinkID)
    func arrived(_ item: LinkItem, on id: LinkID, of link: SimulatedLink)
    func holds(_ link: SimulatedLink, as id: LinkID) -> Bool
}

/// One connection of two nodes. Each end drops what arrives once it has forgotten the link.
final class SimulatedLink {
    let dialler: any LinkParty
    let acceptor: any LinkParty
    private let dialledAs: LinkID
    private(set) var acceptedAs: LinkID?
    /// Under TLS, of which both ends know the exporter.
    let channel: LinkChannel
    private unowned let world: World
    private lazy var toAcceptor = makePipe { [unowned self] item in
        if let id = acceptedAs { acceptor.arrived(item, on: id, of: self) }
    }
    private lazy var toDialler = makePipe { [unowned self] in dialler.arrived($0, on: dialledAs, of: self) }

    init(_ world: World, from dialler: any LinkParty, as id: LinkID, to acceptor: any LinkParty) {
        self.world = world
        self.dialler = dialler
        self.acceptor = acceptor
        dialledAs = id
        channel = .tls(exporter: world.random.bytes(32))
    }

    /// False if the other side refuses.
    func open() -> Bool {
        acceptedAs = acceptor.acceptLink(self)
        return acceptedAs != nil
    }

    private func makePipe(_ deliver: @escaping (LinkItem) -> Void) -> Pipe<LinkItem> {
        let pipe = Pipe<LinkItem>(world, deliver)
        pipe.mayMeddle = { if case .message = $0 { true } else { false } }
        pipe.meddling = world.network.meddling(dialler.name, acceptor.name)
        return pipe
    }

    func joins(_ one: ServerName, _ other: ServerName) -> Bool {
        (dialler.name, acceptor.name) == (one, other) || (dialler.name, acceptor.name) == (other, one)
    }

    func isOf(_ party: (any LinkParty)?) -> Bool { party.map { dialler === $0 || acceptor === $0 } ?? false }

    /// Neither end has forgotten it.
    var isHeld: Bool {
        dialler.holds(self, as: dialledAs) && acceptedAs.map { acceptor.holds(self, as: $0) } ?? false
    }

    var isSound: Bool { toAcceptor.isSound && toDialler.isSound }

    func send(_ item: LinkItem, from party: any LinkParty) {
        (party === dialler ? toAcceptor : toDialler).send(item)
    }

    /// Both ends notice once what survived has arrived.
    func cut() {
        world.at(toAcceptor.lose()) { [self] in
            if let id = acceptedAs { acceptor.arrived(.lost, on: id, of: self) }
        }
        world.at(toDialler.lose()) { [self] in dialler.arrived(.lost, on: dialledAs, of: self) }
    }

    /// What this party says vanishes from now on, and nobody is told.
    func swallow(from party: any LinkParty) { (party === dialler ? toAcceptor : toDialler).lose() }

    func stall(until instant: Instant) {
        toAcceptor.stall(until: instant)
        toDialler.stall(until: instant)
    }

    func meddle(_ appetite: Double) {
        toAcceptor.meddling = appetite
        toDialler.meddling = appetite
    }
}
