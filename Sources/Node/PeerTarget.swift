package import Federation
package import Net
package import Wire

/// Where a server is dialled, and how, as an administrator writes it.
package struct PeerTarget: Hashable, Sendable, CustomStringConvertible {
    package let host: HostPort
    package let transport: LinkTransport
    package let requiresTLS: Bool

    /// A host name has at most 253 bytes.
    static let bytesMax = 512
    private static let defaultPort: UInt16 = 5555

    package init(_ text: String, named name: String) throws(Refusal) {
        transport = text.hasPrefix("ws://") ? .plaintext : .tls
        requiresTLS = text.hasPrefix("wss://")
        var rest = text.dropFirst(transport == .plaintext ? 5 : requiresTLS ? 6 : 0)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        do throws(NetError) {
            host = try HostPort(parsing: String(rest), defaultPort: PeerTarget.defaultPort)
        } catch { throw Refusal(.badValue, "\"\(name)\": \(error)") }
    }

    /// Reads back as the same.
    package var description: String {
        switch transport {
        case .plaintext: "ws://\(host)"
        case .tls: requiresTLS ? "wss://\(host)" : host.description
        }
    }

    func setup(for name: ServerName, key: IdentityKey?, isAdded: Bool) -> PeerSetup {
        PeerSetup(
            name: name, address: host.description, key: key, transport: transport, requiresTLS: requiresTLS,
            isAdded: isAdded)
    }
}
