package import Crypto
package import Store
package import Wire

/// The key by which this server is who it says (design decision D5), kept in `server.key` of the data folder, and how it
/// came to that key.
package struct ServerIdentity: Sendable {
    package let key: Ed25519PrivateKey
    package let publicKey: IdentityKey
    /// For digests that only this server can make: it keeps a copied database from being a dictionary of passwords. It
    /// outlives the key, or every password would be derived anew with each.
    package let digestKey: Secret
    /// The newest statements that lead to this key, oldest first.
    package let rotations: [KeyRotation]

    private enum File {
        static let key = "server.key"
        /// Made with the first rotation; before, it is derived from the key.
        static let digest = "digest.key"
        static let rotations = "rotations.json"
    }

    private static let digestKeyBytes = 32

    /// Reads the key, or makes it at the first start.
    package init(in folder: PrivateFolder) throws {
        if let pem = try folder.read(File.key) {
            do throws(KeyFault) {
                key = try Ed25519PrivateKey(pem: Secret(pem))
            } catch {
                throw StoreError(
                    .cannotOpen,
                    "\(folder.path)/\(File.key) is not an Ed25519 private key; "
                        + "restore it from your backup, since peers know this server by it")
            }
        } else {
            key = try Ed25519PrivateKey.generate()
            try folder.create(File.key, try key.pem().exposed)
        }
        publicKey = try ServerIdentity.identityKey(of: key)
        rotations = try ServerIdentity.rotations(in: folder, leadingTo: publicKey)
        if let bytes = try folder.read(File.digest) {
            guard bytes.count == ServerIdentity.digestKeyBytes else {
                throw StoreError(
                    .cannotOpen,
                    "\(folder.path)/\(File.digest) does not hold \(ServerIdentity.digestKeyBytes) bytes; restore it "
                        + "from your backup, or remove it: then all passwords of the setup file are derived anew")
            }
            digestKey = Secret(bytes)
        } else {
            digestKey = Secret(try HMAC.sha256(key: try key.seed(), Array("postroad-digest-key-1".utf8)))
        }
    }

    /// Makes a new key that the present one signs for. Returns what the next start finds.
    /// - Parameter at: milliseconds since 1970.
    package static func rotate(in folder: PrivateFolder, name: ServerName, at: Int64) throws -> ServerIdentity {
        try folder.locked {
            let current = try ServerIdentity(in: folder)
            let fresh = try Ed25519PrivateKey.generate()
            let freshKey = try identityKey(of: fresh)
            let transcript = KeyRotation.transcript(server: name, old: current.publicKey, new: freshKey, at: at)
            let statement = KeyRotation(
                old: current.publicKey, new: freshKey, at: at, signatureByOld: try current.key.sign(transcript),
                signatureByNew: try fresh.sign(transcript))
            let rotations = Array((current.rotations + [statement]).suffix(KeyRotation.countMax))
            // In this order a crash leaves a key together with all that leads to it: statements may be ahead of the
            // key, and are cut then.
            if try folder.read(File.digest) == nil { try folder.create(File.digest, current.digestKey.exposed) }
            try folder.create(File.rotations, rotations.stored())
            try folder.create(File.key, try fresh.pem().exposed)
            return try ServerIdentity(in: folder)
        }
    }

    private static func identityKey(of key: Ed25519PrivateKey) throws -> IdentityKey {
        guard let publicKey = IdentityKey(bytes: key.publicKey.bytes) else { throw CryptoError.libraryFailed }
        return publicKey
    }

    private static func rotations(
        in folder: PrivateFolder, leadingTo key: IdentityKey
    ) throws(StoreError) -> [KeyRotation] {
        guard let bytes = try folder.read(File.rotations) else { return [] }
        do throws(Refusal) {
            let all = try [KeyRotation](stored: try JSONObject(message: bytes))
            guard all.isChain else { throw Refusal(.badRotation, "the statements are no chain") }
            // A crash, or a key from an older backup: what lies behind it is about keys that are not ours now.
            guard let last = all.lastIndex(where: { $0.new == key }) else { return [] }
            return Array(all[...last])
        } catch {
            throw StoreError(
                .cannotOpen,
                "\(folder.path)/\(File.rotations) cannot be read: \(error.text); restore it from your backup, or "
                    + "remove it: then servers and clients that know an older key have to be told of the new one")
        }
    }
}
