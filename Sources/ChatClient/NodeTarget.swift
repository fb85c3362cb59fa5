package import Net

/// When a client speaks TLS.
package enum TLSUse: Hashable, Sendable {
    /// With every server that does. One that has done so once has to, from then on.
    case whereOffered
    case always
    case never
}

/// Where a node is, as its user writes it: `HOST:PORT`, or with `tls://` or `tcp://` before it for TLS in any case or
/// none at all.
package struct NodeTarget: Hashable, Sendable {
    package let host: HostPort
    package let tlsUse: TLSUse

    package init(parsing text: String) throws(NetError) {
        switch text {
        case _ where text.hasPrefix("tls://"): (tlsUse, host) = (.always, try NodeTarget.host(text))
        case _ where text.hasPrefix("tcp://"): (tlsUse, host) = (.never, try NodeTarget.host(text))
        default: (tlsUse, host) = (.whereOffered, try HostPort(parsing: text, defaultPort: NodeTarget.defaultPort))
        }
    }

    private static func host(_ text: String) throws(NetError) -> HostPort {
        try HostPort(parsing: String(text.dropFirst("tls://".count)), defaultPort: defaultPort)
    }

    /// Of nodes, for clients.
    private static let defaultPort: UInt16 = 5001
}
