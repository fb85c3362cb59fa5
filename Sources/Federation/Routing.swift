package import Wire

/// Where a conversation's messages go from this node.
package enum Route: Hashable, Sendable {
    /// Somebody of this node.
    case local
    /// These servers' outboxes, and for `public` this node too. Empty if `public` has nobody else to go to.
    case peers([ServerName])
    /// Nowhere, and why: `unknownServer` or `needsTLS`.
    case refused(Refusal)
}

package struct Routing: Sendable {
    private let own: ServerName
    private let setups: [ServerName: PeerSetup]
    private let open: [ServerName]

    package init(own: ServerName, peers: [PeerSetup]) {
        self.own = own
        setups = Dictionary(peers.map { ($0.name, $0) }) { first, _ in first }
        open = setups.values.filter(\.isDialable).map(\.name).sorted()
    }

    package func route(_ conversation: Conversation) -> Route {
        switch conversation {
        case .everyone: .peers(open)
        case .direct(let address) where address.server == own: .local
        case .direct(let address): route(to: address.server)
        }
    }

    private func route(to server: ServerName) -> Route {
        guard let setup = setups[server] else {
            return .refused(Refusal(.unknownServer, "this node knows no server named \(server)"))
        }
        guard setup.isDialable else {
            return .refused(Refusal(.needsTLS, "the link to \(server) needs TLS, which this node does not speak yet"))
        }
        return .peers([server])
    }
}
