package import Federation
import Net
package import Wire

/// What is wrong with a setup file: which file, which line, what, and what to do.
package struct SetupError: Error, Equatable, Sendable, CustomStringConvertible {
    package let file: String
    package let line: Int?
    /// May be shown, whatever the file holds.
    package let text: String

    init(file: String, line: Int?, text: String) {
        self.file = file
        self.line = line
        self.text = SafeText(text).text
    }

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
    package let tls: TLS
    /// What the file sets; the rest has its default.
    package let keysSet: Set<SetupKey>
    package let files: Files

    package struct AdminEntry: Sendable {
        package let user: UserName
        package let password: String
        /// True if it stands in for the password, false for a password as typed.
        package var isVerifier: Bool { password.hasPrefix("SCRAM-SHA-256$") }
    }

    package struct PeerEntry: Sendable {
        package let name: ServerName
        /// Where to dial, `host:port`; nil for a server that only dials us.
        package let address: String?
        package let key: IdentityKey?
        /// How it is dialled: under TLS unless the entry says `ws://`.
        package let transport: LinkTransport
        package let presence: PresencePolicy
        /// True where the entry says `wss://`: then plaintext is refused, whoever dialled.
        package let requiresTLS: Bool
    }

    package static let defaultClientAddress = "127.0.0.1:5001"
    package static let defaultLinkAddress = "127.0.0.1:5555"
    package static let defaultData = "data"
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
        try reader.refuseUnknownKeys(SetupKey.self)
        keysSet = Set(SetupKey.allCases.filter { reader.has($0.rawValue) })
        serverName = try Setup.serverName(reader)
        admin = try Setup.accounts(reader, of: serverName)
        let serverName = serverName
        peers = try reader.table(SetupKey.peers.rawValue) { (name, table) throws(SetupError) in
            try PeerEntry(name: name, in: table, local: serverName)
        }
        clientAddress = try reader.address(
            SetupKey.clientAddress.rawValue, default: Setup.defaultClientAddress)
        linkAddress = try reader.address(SetupKey.linkAddress.rawValue, default: Setup.defaultLinkAddress)
        let data = try reader.path(SetupKey.data.rawValue) ?? Setup.defaultData
        dataFolder = Setup.path(data, beside: file)
        tls = try TLS(reader, file: file)
        let iterations = try reader.read(SetupKey.passwordIterations.rawValue) { object throws(Refusal) in
            try object.optionalInteger(SetupKey.passwordIterations.rawValue, in: Setup.iterations)
        }
        passwordIterations = iterations.map { Int($0) } ?? Setup.defaultIterations
        allowsPlaintextLinks = try reader.read(SetupKey.allowsPlaintextLinks.rawValue) { object throws(Refusal) in
            try object.flag(SetupKey.allowsPlaintextLinks.rawValue)
        }
        files = try Files(reader)
    }

    private static func serverName(_ reader: SetupReader) throws(SetupError) -> ServerName {
        let key = SetupKey.serverName
        return try reader.read(key.rawValue) { object throws(Refusal) in
            guard object.has(key.rawValue) else {
                throw Refusal(.missingMember, "\"\(key.rawValue)\" is missing; it is \(key.row.meaning)")
            }
            return try object.serverName(key.rawValue)
        }
    }

    private static func accounts(
        _ reader: SetupReader, of server: ServerName
    ) throws(SetupError) -> [AdminEntry] {
        var seen: Set<UserName> = []
        return try reader.table(SetupKey.admin.rawValue) { (name, table) throws(SetupError) in
            let entry = try table.read(name) { object throws(Refusal) in
                let user = try Setup.user(name, of: server)
                guard object.has(name) else { throw Refusal(.wrongType, "\"\(name)\" must be a string") }
                return AdminEntry(user: user, password: try object.string(name, bytesMax: 1024))
            }
            guard seen.insert(entry.user).inserted else {
                throw table.error(at: name, "\"\(name)\": \"admin\" names \(entry.user)@\(server) twice")
            }
            return entry
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

    /// A relative path in a setup file is meant beside it.
    static func path(_ path: String, beside file: String) -> String {
        path.hasPrefix("/") ? path : folder(of: file) + "/" + path
    }

    private static func folder(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "" : String(file[..<slash])
    }
}
