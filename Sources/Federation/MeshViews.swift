package import Wire

/// How one server's link stands, for logs and the administrator.
package struct LinkState: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        case down, dialling, up
    }

    package let name: ServerName
    package let state: State
    /// Envelopes that the peer has not acknowledged.
    package let queued: Int64
    /// Of these, how many are on their way.
    package let unacknowledged: Int
    /// Dials that failed in a row.
    package let failures: Int
    /// Why the last link ended or could not be made; nil since one was proven.
    package let lastError: Refusal?
    /// Somebody shows another key than the known one.
    package let isAlarming: Bool
}

extension Mesh {
    /// One for each server, in the order of their names.
    package var linkStates: [LinkState] {
        order.compactMap { peers[$0] }.map { peer in
            LinkState(
                name: peer.name, state: peer.link != nil ? .up : peer.dialling != nil ? .dialling : .down,
                queued: peer.outbox.waiting, unacknowledged: peer.outbox.unacknowledgedCount,
                failures: peer.backoff.failures, lastError: peer.lastError,
                isAlarming: peer.offers.best != nil)
        }
    }

    /// People of other servers who are online or whose servers cannot be reached.
    package var remotePeople: [Person] { order.flatMap { peers[$0]?.presence.people ?? [] } }

    /// The device keys known of somebody on another server; empty if none are.
    package func keys(of address: Address) -> [DeviceKey] {
        peers[address.server]?.presence.keys(of: address.user) ?? []
    }
}
