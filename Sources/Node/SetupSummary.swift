import Crypto
import Federation
import Wire

/// What `check` says of a setup file that is right: a row for each key, in words or as JSON. Never a password.
package struct SetupSummary: Sendable {
    private let setup: Setup
    private let file: String
    private let folder: SetupFolder
    private let accounts: Accounts

    package init(_ setup: Setup, file: String, folder: SetupFolder) {
        self.setup = setup
        self.file = file
        self.folder = folder
        accounts = Accounts(setup.admin)
    }

    package var words: String {
        let width = SetupKey.allCases.map(\.rawValue.utf8.count).max() ?? 0
        var lines = ["\(file) is right. It says:", ""]
        for key in SetupKey.allCases {
            let note = setup.keysSet.contains(key) || key.row.standard == nil ? "" : " (the default)"
            lines.append("\(key.rawValue.padded(to: width))  \(words(of: key))\(note)")
            guard key == .peers else { continue }
            lines += setup.peers.map { "  \($0.name.text.padded(to: width - 2))  \(SetupSummary.words(of: $0))" }
        }
        return lines.map { SafeText($0).text }.joined(separator: "\n")
    }

    private func words(of key: SetupKey) -> String {
        switch key {
        case .serverName: setup.serverName.text
        case .admin: accounts.words
        case .peers: SetupSummary.count(setup.peers.count, "server", "servers")
        case .clientAddress: setup.clientAddress
        case .linkAddress: setup.linkAddress
        case .data: "\(setup.dataFolder), which \(folder.words)"
        case .passwordIterations: String(setup.passwordIterations)
        case .allowsPlaintextLinks:
            setup.allowsPlaintextLinks
                ? "true: other machines may link in plaintext" : "false: only this machine may link in plaintext"
        case .requiresClientTLS:
            setup.tls.requiresClientTLS ? "true: clients in plaintext are refused" : "false: clients may do without TLS"
        case .certificate: setup.tls.certificatePath ?? "\(Setup.TLS.ownFile) in the data folder"
        case .clientIssuers:
            setup.tls.clientIssuersPath.map { "\($0): clients must show a certificate of these" }
                ?? "no certificates are asked of clients"
        case .fileBytesMax: setup.files.bytesMax == 0 ? "0: no files are taken" : String(setup.files.bytesMax)
        case .spoolBytesMax: String(setup.files.spoolBytesMax)
        case .spoolAccountBytesMax: String(setup.files.accountBytesMax)
        case .fileKeepDays: String(setup.files.keepDays)
        }
    }

    private static func words(of peer: Setup.PeerEntry) -> String {
        let key = peer.key.map { "it must prove \($0.text)" }
        guard let address = peer.address else { return "not dialled: no address; it dials us, and \(key ?? "")" }
        let how = peer.transport == .tls ? "under TLS" : "in plaintext"
        let seen = peer.presence == .all ? "" : "; it is not told who is online here"
        return "dialled at \(address) \(how); \(key ?? "the first key that it proves is pinned")\(seen)"
    }

    fileprivate static func count(_ count: Int, _ one: String, _ many: String) -> String {
        switch count {
        case 0: "no \(many)"
        case 1: "1 \(one)"
        default: "\(count) \(many)"
        }
    }

    /// The same as one JSON object.
    package var json: String {
        let bytes = JSONWriter.object { writer in
            writer.member("setup", SafeText(file).text)
            for key in SetupKey.allCases { write(key, to: &writer) }
            writer.array("defaults") { array in
                for key in SetupKey.allCases where !setup.keysSet.contains(key) { array.element(key.rawValue) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(_ key: SetupKey, to writer: inout JSONWriter) {
        switch key {
        case .serverName: writer.member(key.rawValue, setup.serverName.text)
        case .admin: writer.object(key.rawValue) { accounts.write(to: &$0) }
        case .peers:
            writer.array(key.rawValue) { array in
                for peer in setup.peers { array.object { SetupSummary.write(peer, to: &$0) } }
            }
        case .clientAddress: writer.member(key.rawValue, setup.clientAddress)
        case .linkAddress: writer.member(key.rawValue, setup.linkAddress)
        case .data: writer.object(key.rawValue) { folder.write(setup.dataFolder, to: &$0) }
        case .passwordIterations: writer.member(key.rawValue, Int64(setup.passwordIterations))
        case .allowsPlaintextLinks: writer.member(key.rawValue, setup.allowsPlaintextLinks)
        case .requiresClientTLS: writer.member(key.rawValue, setup.tls.requiresClientTLS)
        case .certificate: if let path = setup.tls.certificatePath { writer.member(key.rawValue, SafeText(path).text) }
        case .clientIssuers:
            if let path = setup.tls.clientIssuersPath { writer.member(key.rawValue, SafeText(path).text) }
        case .fileBytesMax: writer.member(key.rawValue, setup.files.bytesMax)
        case .spoolBytesMax: writer.member(key.rawValue, setup.files.spoolBytesMax)
        case .spoolAccountBytesMax: writer.member(key.rawValue, setup.files.accountBytesMax)
        case .fileKeepDays: writer.member(key.rawValue, setup.files.keepDays)
        }
    }

    private static func write(_ peer: Setup.PeerEntry, to writer: inout JSONWriter) {
        writer.member("server", peer.name.text)
        if let address = peer.address { writer.member("address", address) }
        if let key = peer.key { writer.member("key", key.text) }
        writer.member("dialled", peer.address != nil)
        if peer.address == nil { writer.member("reason", "no-address") }
        writer.member("transport", peer.transport.rawValue)
        writer.member("presence", peer.presence.rawValue)
    }
}

/// The accounts in numbers.
private struct Accounts {
    let total: Int
    let typed: Int
    /// Verifiers that cannot be read: nobody can log in with them.
    let unreadable: Int

    init(_ entries: [Setup.AdminEntry]) {
        total = entries.count
        typed = entries.count { !$0.isVerifier }
        unreadable = entries.count { $0.isVerifier && (try? ScramVerifier(text: $0.password)) == nil }
    }

    var words: String {
        guard total > 0 else { return "nobody may log in" }
        var parts = [SetupSummary.count(total, "account", "accounts")]
        if typed > 0 {
            let passwords = SetupSummary.count(typed, "password", "passwords")
            parts.append("\(passwords) as typed, so close the file to others")
        }
        if unreadable > 0 {
            parts.append("\(SetupSummary.count(unreadable, "verifier", "verifiers")) that nobody can log in with")
        }
        return parts.joined(separator: "; ")
    }

    func write(to writer: inout JSONWriter) {
        writer.member("accounts", Int64(total))
        writer.member("typed", Int64(typed))
        writer.member("unreadable", Int64(unreadable))
    }
}

extension SetupFolder {
    fileprivate var words: String {
        switch self {
        case .exists: "exists"
        case .wouldBeMade: "would be made"
        case .unusable(let reason): "cannot be used: \(reason)"
        }
    }

    fileprivate func write(_ path: String, to writer: inout JSONWriter) {
        writer.member("folder", SafeText(path).text)
        switch self {
        case .exists: writer.member("state", "exists")
        case .wouldBeMade: writer.member("state", "would-be-made")
        case .unusable(let reason):
            writer.member("state", "unusable")
            writer.member("reason", SafeText(reason).text)
        }
    }
}
