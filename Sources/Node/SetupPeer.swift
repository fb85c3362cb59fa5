import Federation
import Net
import Wire

extension Setup.PeerEntry {
    /// `"s8": "host:port"`, `{"address": …, "key": …}`, or `{"key": …}` for a server that only dials us.
    init(name: String, in table: SetupReader, local: ServerName) throws(SetupError) {
        self.name = try table.read(name) { _ throws(Refusal) in try Self.serverName(name, local: local) }
        let target: PeerTarget?
        if let entry = table.entry(name) {
            try entry.refuseUnknownKeys(PeerKey.self)
            target = try entry.read(PeerKey.address.rawValue) { object throws(Refusal) in
                try object.optionalString(PeerKey.address.rawValue, bytesMax: PeerTarget.bytesMax)
                    .map { text throws(Refusal) in try PeerTarget(text, named: PeerKey.address.rawValue) }
            }
            key = try entry.read(PeerKey.key.rawValue) { object throws(Refusal) in
                object.has(PeerKey.key.rawValue) ? try object.identityKey(PeerKey.key.rawValue) : nil
            }
            presence = try entry.read(PeerKey.presence.rawValue) { object throws(Refusal) in
                guard let text = try object.optionalString(PeerKey.presence.rawValue, bytesMax: 16) else { return .all }
                guard let policy = PresencePolicy(rawValue: text) else {
                    throw Refusal(.badValue, "\"presence\" is \"all\" or \"none\"")
                }
                return policy
            }
            guard target != nil || key != nil else {
                throw table.error(at: name, "\"\(name)\" needs an address or a key")
            }
        } else {
            target = try table.read(name) { object throws(Refusal) in
                try PeerTarget(try Self.text(name, in: object), named: name)
            }
            key = nil
            presence = .all
        }
        address = target?.host.description
        transport = target?.transport ?? .tls
        requiresTLS = target?.requiresTLS ?? false
    }

    /// Dialled on this machine only.
    package var isLoopback: Bool {
        guard let address, let target = try? HostPort(parsing: address) else { return false }
        return target.host == "localhost" || SocketAddress(host: target.host, port: target.port)?.isLoopback == true
    }

    private static func serverName(_ name: String, local: ServerName) throws(Refusal) -> ServerName {
        let server: ServerName
        do throws(AddressError) { server = try ServerName(name) } catch {
            throw Refusal(.badAddress, "\"\(name)\": \(error.text)")
        }
        guard server != local else { throw Refusal(.badValue, "\"\(name)\" is this server itself") }
        return server
    }

    private static func text(_ name: String, in object: JSONObject) throws(Refusal) -> String {
        do throws(Refusal) {
            return try object.string(name, bytesMax: PeerTarget.bytesMax)
        } catch {
            guard error.code != .tooLong else { throw error }
            let known = PeerKey.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.wrongType, "\"\(name)\" must be \"HOST:PORT\", or an object with these keys: \(known)")
        }
    }
}
