package import Wire

/// Where a conversation's messages go from this node.
package enum Route: Hashable, Sendable {
    /// Somebody of this node.
    case local
    /// These servers' outboxes, and for `public` this node too. Empty if `public` has nobody else to go to.
    case peers([ServerName])
    /// Nowhere, and why: `unknownServer`.
    case refused(Refusal)
}

package struct Routing: Sendable {
    private let own: ServerName
    private let known: Set<ServerName>
    private let others: [ServerName]

    package init(own: ServerName, peers: [PeerSetup]) {
        self.own = own
        known = Set(peers.map(\.name))
        others = known.subtracting([own]).sorted()
    }

    package func route(_ conversation: Conversation) -> Route {
        switch conversation {
        case .everyone: .peers(others)
        case .direct(let address) where address.server == own: .local
        case .direct(let address): route(to: address.server)
        }
    }

    private func route(to server: ServerName) -> Route {
        guard known.contains(server) else {
            return .refused(Refusal(.unknownServer, "this node knows no server named \(server)"))
        }
        return .peers([server])
    }
}
