import Crypto
import Net
import Store
import Wire

/// The TLS contexts of a node, made of its files: once at the start, and again when it is asked to read them again.
struct NodeTLS {
    /// For those who connect to the client port.
    let clients: TLSContext
    /// For those who connect to the link port. Links prove themselves by their servers' keys and need no certificate.
    let links: TLSContext

    /// Reads what the setup names. Throws `SetupError` with the file that cannot be used.
    init(_ setup: Setup, own: PrivateFolder) throws {
        let identity = try NodeTLS.identity(setup, own: own)
        let issuers = try setup.tls.clientIssuersPath.map { TLSIssuers(pem: try NodeTLS.read($0)) }
        clients = try NodeTLS.using(setup.tls.clientIssuersPath ?? setup.tls.certificatePath) { () throws(TLSFault) in
            try .server(identity: identity, clientIssuers: issuers)
        }
        links = try .server(identity: identity)
    }

    /// Whether the files that the setup names can be used; throws as `init` does, and makes nothing.
    static func check(_ setup: Setup) throws {
        if let path = setup.tls.certificatePath { _ = try checked(path) }
        guard let path = setup.tls.clientIssuersPath else { return }
        let issuers = TLSIssuers(pem: try read(path))
        try using(path) { () throws(TLSFault) in try TLSContext.check(issuers) }
    }

    private static func identity(_ setup: Setup, own: PrivateFolder) throws -> TLSIdentity {
        if let path = setup.tls.certificatePath { return try checked(path) }
        let file = Setup.TLS.ownFile
        if let pem = try own.read(file) {
            let identity = TLSIdentity(pem: pem)
            do throws(TLSFault) { _ = try TLSContext.server(identity: identity) } catch {
                throw StoreError(
                    .cannotOpen, "\(own.path)/\(file): \(error.text); without that file the node makes a new one")
            }
            return identity
        }
        let made = try Certificate.selfSigned(names: [setup.serverName.text])
        try own.create(file, made.exposed)
        return TLSIdentity(pem: made.exposed)
    }

    private static func checked(_ path: String) throws -> TLSIdentity {
        let identity = TLSIdentity(pem: try read(path))
        _ = try using(path) { () throws(TLSFault) in try TLSContext.server(identity: identity) }
        return identity
    }

    private static func using<Value>(
        _ path: String?, _ body: () throws(TLSFault) -> Value
    ) throws(SetupError) -> Value {
        do throws(TLSFault) { return try body() } catch {
            throw SetupError(file: path ?? Setup.TLS.ownFile, line: nil, text: error.text)
        }
    }

    private static func read(_ path: String) throws(SetupError) -> [UInt8] {
        try NamedFile.read(path, bytesMax: fileBytesMax)
    }

    /// Of certificates and keys: a chain with RSA keys takes a few KiB.
    private static let fileBytesMax = 256 << 10
}
