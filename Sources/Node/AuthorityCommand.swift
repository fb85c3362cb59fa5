package import Crypto
import Store
import Wire

/// `ca init` and `ca issue`: an authority of one's own, for networks that want certificates.
package enum AuthorityCommand: Equatable, Sendable {
    case make(file: String, days: Int)
    case issue(CertificateUse, name: String, authority: String, days: Int)

    /// Keys stay with whoever runs the authority.
    private static let file = "ca.pem"
    /// Of an authority: what nodes are given.
    private static let certificateFile = "ca-certificate.pem"

    init(_ line: ArgumentList) throws(UsageError) {
        let days = try AuthorityCommand.days(line.value("--days"))
        let file = line.value("--ca") ?? AuthorityCommand.file
        switch line.words.dropFirst().first {
        case "init":
            try line.allow(["--ca", "--days"], words: 1)
            self = .make(file: file, days: days)
        case "issue":
            try line.allow(["--ca", "--days"], words: 3)
            let uses: [String: CertificateUse] = ["server": .server, "client": .client]
            guard line.words.count == 4, let use = uses[line.words[2]] else {
                throw UsageError("say: ca issue server HOST, or: ca issue client USER")
            }
            self = .issue(use, name: line.words[3], authority: file, days: days)
        case let other: throw UsageError.unknown("ca \(other ?? "")", among: ["ca init", "ca issue"])
        }
    }

    private static func days(_ text: String?) throws(UsageError) -> Int {
        guard let text else { return Certificate.standardDays }
        guard let days = Int(text), (1...Certificate.daysMax).contains(days) else {
            throw UsageError("--days is a number from 1 to \(Certificate.daysMax)")
        }
        return days
    }

    /// Returns what to tell. Nothing that is there is overwritten.
    func perform() throws(CommandFault) -> String {
        switch self {
        case .make(let file, let days):
            let text = try AuthorityCommand.making { () throws(CertificateFault) in
                try Certificate.authority(name: "postroad-authority", days: days)
            }
            let part = try AuthorityCommand.making { () throws(CertificateFault) in try Certificate.publicPart(of: text)
            }
            try AuthorityCommand.create(text.exposed, at: file)
            let certificate = AuthorityCommand.certificateFile
            try AuthorityCommand.create(part, at: certificate)
            return """
                \(file) is the authority: keep it to yourself, and off the nodes
                \(certificate) is for nodes: "client_certificate_issuers": "\(certificate)" in their setup
                """
        case .issue(let use, let name, let authority, let days):
            let issuer = try AuthorityCommand.read(authority)
            let text = try AuthorityCommand.making { () throws(CertificateFault) in
                try Certificate.issued(for: use, name: name, by: issuer, days: days)
            }
            let file = "\(name).pem"
            try AuthorityCommand.create(text.exposed, at: file)
            switch use {
            case .server: return "\(file) is for the node: \"certificate\": \"\(file)\" in its setup"
            case .client: return "\(file) is for the user: postroad \(name)@… --certificate \(file)"
            }
        }
    }

    private static func making<Value>(_ body: () throws(CertificateFault) -> Value) throws(CommandFault) -> Value {
        do throws(CertificateFault) { return try body() } catch {
            switch error {
            case .badName:
                throw CommandFault(
                    "a name has 1 to \(Certificate.nameBytesMax) letters, digits and - . _ : @ *, and nothing else")
            case .badDays: throw CommandFault("a certificate is good for 1 to \(Certificate.daysMax) days")
            case .noAuthority: throw CommandFault("that file holds no authority with its key; ca init makes one")
            case .libraryFailed: throw CommandFault("the certificate could not be made")
            }
        }
    }

    private static func read(_ path: String) throws(CommandFault) -> Secret {
        do throws(FileFault) {
            if var bytes = try WholeFile.read(path, bytesMax: fileBytesMax) { return Secret(wiping: &bytes) }
        } catch { throw CommandFault("\(path) \(error.text)") }
        throw CommandFault("\(path) is not there; ca init makes one")
    }

    private static func create(_ bytes: [UInt8], at path: String) throws(CommandFault) {
        do throws(FileFault) {
            if try WholeFile.read(path, bytesMax: .max) == nil { return try WholeFile.write(bytes, to: path) }
        } catch { throw CommandFault("\(path) \(error.text)") }
        throw CommandFault("\(path) is there already, and would be lost")
    }

    private static let fileBytesMax = 256 << 10
}

/// A command could not be done; the text says why, and what to do.
package struct CommandFault: Error, Equatable, Sendable {
    package let text: String

    init(_ text: String) { self.text = text }
}
