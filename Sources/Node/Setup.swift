import Net
package import Wire

/// What is wrong with a setup file: which file, which line, what, and what to do.
package struct SetupError: Error, Equatable, Sendable, CustomStringConvertible {
    package let file: String
    package let line: Int?
    package let text: String

    package var description: String { "\(file)\(line.map { ":\($0)" } ?? ""): \(text)" }
}

/// `setup.json`: who this node is, who may log in, whom it links to. Only `server_name` has no default.
package struct Setup: Sendable {
    package let serverName: ServerName
    /// Who may log in, and with what: a password as typed, or a verifier `SCRAM-SHA-256$…`.
    package let admin: [AdminEntry]
    package let peers: [PeerEntry]
    /// `HOST:PORT` with a numeric host; port 0 takes a free one.
    package let clientAddress: String
    package let linkAddress: String
    /// The folder of keys and messages; a relative one is beside the setup file.
    package let dataFolder: String
    package let passwordIterations: Int
    /// Plaintext links from other machines are accepted only where this is true.
    package let allowsPlaintextLinks: Bool

    package struct AdminEntry: Sendable {
        package let user: UserName
        package let password: String
    }

    package struct PeerEntry: Sendable {
        package let name: ServerName
        /// Where to dial, `host:port`; nil for a server that only dials us.
        package let address: String?
        package let key: IdentityKey?
        /// True where the entry asks for TLS, which this version does not speak: such a server is not dialled.
        package let needsTLS: Bool
    }

    /// Keys of the file with a word on each; what is not here stops the start.
    package static let keys = [
        "server_name", "admin", "mailing_address", "client_address", "link_address", "data", "password_iterations",
        "allow_plaintext_links",
    ]

    package static let defaultClientAddress = "127.0.0.1:5001"
    package static let defaultLinkAddress = "127.0.0.1:5555"
    /// OWASP's figure for PBKDF2 with SHA-256.
    package static let defaultIterations = 600_000
    /// RFC 7677 §4 asks for at least 4,096; beyond ten million a login would take seconds.
    package static let iterations: ClosedRange<Int64> = 4096...10_000_000
    /// A table of a hundred thousand accounts takes about 8 MiB.
    package static let fileBytesMax = 16 << 20

    /// - Parameters:
    ///   - file: the path, for messages and to place a relative `data` folder.
    package init(parsing bytes: [UInt8], file: String) throws(SetupError) {
        let reader = try SetupReader(bytes, file: file)
        try reader.refuseUnknownKeys(Setup.keys)
        serverName = try reader.read("server_name") { object throws(Refusal) in try object.serverName("server_name") }
        let serverName = serverName
        admin = try reader.table("admin") { (name, object) throws(Refusal) in
            AdminEntry(
                user: try Setup.user(name, of: serverName), password: try object.string(name, bytesMax: 1024))
        }
        if let twin = Setup.firstTwin(admin.map(\.user)) {
            throw SetupError(file: file, line: nil, text: "\"admin\" names \(twin)@\(serverName) twice")
        }
        peers = try reader.table("mailing_address") { (name, object) throws(Refusal) in
            try PeerEntry(name: name, in: object, local: serverName)
        }
        clientAddress = try reader.address("client_address", default: Setup.defaultClientAddress)
        linkAddress = try reader.address("link_address", default: Setup.defaultLinkAddress)
        let data = try reader.read("data") { object throws(Refusal) in
            try object.optionalString("data", bytesMax: 1024) ?? "data"
        }
        dataFolder = data.hasPrefix("/") ? data : Setup.folder(of: file) + "/" + data
        let iterations = try reader.read("password_iterations") { object throws(Refusal) in
            try object.optionalInteger("password_iterations", in: Setup.iterations)
        }
        passwordIterations = iterations.map { Int($0) } ?? Setup.defaultIterations
        allowsPlaintextLinks = try reader.read("allow_plaintext_links") { object throws(Refusal) in
            try object.flag("allow_plaintext_links")
        }
    }

    /// `alice@s1` or just `alice`: an account of another server's name could never log in here.
    private static func user(_ name: String, of server: ServerName) throws(Refusal) -> UserName {
        do throws(AddressError) {
            guard name.contains("@") else { return try UserName(name) }
            let address = try Address(parsing: name)
            guard address.server == server else {
                throw AddressError(text: "accounts here end in @\(server), this one in @\(address.server)")
            }
            return address.user
        } catch { throw Refusal(.badAddress, "\"\(name)\": \(error.text)") }
    }

    private static func firstTwin(_ users: [UserName]) -> UserName? {
        var seen: Set<UserName> = []
        return users.first { !seen.insert($0).inserted }
    }

    private static func folder(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "" : String(file[..<slash])
    }
}

extension Setup.PeerEntry {
    /// `"s8": "host:port"`, `{"address": …, "key": …}`, or `{"key": …}` for a server that only dials us.
    fileprivate init(name: String, in table: JSONObject, local: ServerName) throws(Refusal) {
        do throws(AddressError) {
            self.name = try ServerName(name)
        } catch { throw Refusal(.badAddress, "\"\(name)\": \(error.text)") }
        guard self.name != local else { throw Refusal(.badValue, "\"\(name)\" is this server itself") }
        let text: String?
        if let entry = try? table.object(name) {
            if let unknown = entry.names.first(where: { !["address", "key"].contains($0.name) }) {
                throw Refusal(
                    .badValue, "\"\(name)\" has an unknown key \"\(unknown.name)\"; address and key are known")
            }
            text = try entry.optionalString("address", bytesMax: 512)
            key = entry.has("key") ? try entry.identityKey("key") : nil
            guard text != nil || key != nil else {
                throw Refusal(.missingMember, "\"\(name)\" needs an address or a key")
            }
        } else {
            text = try table.string(name, bytesMax: 512)
            key = nil
        }
        guard let text else {
            (address, needsTLS) = (nil, false)
            return
        }
        let isPlain = text.hasPrefix("ws://")
        let isTLS = text.hasPrefix("wss://")
        let host = try Self.hostPort(String(text.dropFirst(isPlain ? 5 : isTLS ? 6 : 0)), of: name)
        address = host.description
        needsTLS = isTLS || !(isPlain || Self.isLoopback(host))
    }

    private static func hostPort(_ text: String, of name: String) throws(Refusal) -> HostPort {
        let host = text.hasSuffix("/") ? String(text.dropLast()) : text
        do throws(NetError) {
            return try HostPort(parsing: host, defaultPort: 5555)
        } catch { throw Refusal(.badValue, "\"\(name)\": \(error)") }
    }

    private static func isLoopback(_ host: HostPort) -> Bool {
        host.host == "localhost" || SocketAddress(host: host.host, port: host.port)?.isLoopback == true
    }
}
