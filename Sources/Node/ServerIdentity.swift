package import Crypto
package import Store
package import Wire

/// The key by which this server is who it says (design decision D5), kept in `server.key` of the data folder.
package struct ServerIdentity: Sendable {
    package let key: Ed25519PrivateKey
    package let publicKey: IdentityKey
    /// For digests that only this server can make: it keeps a copied database from being a dictionary of passwords.
    package let digestKey: Secret

    private static let fileName = "server.key"

    /// Reads the key, or makes it at the first start.
    package init(in folder: PrivateFolder) throws {
        if let pem = try folder.read(ServerIdentity.fileName) {
            do throws(KeyFault) {
                key = try Ed25519PrivateKey(pem: Secret(pem))
            } catch {
                throw StoreError(
                    .cannotOpen,
                    "\(folder.path)/\(ServerIdentity.fileName) is not an Ed25519 private key; "
                        + "restore it from your backup, since peers know this server by it")
            }
        } else {
            key = try Ed25519PrivateKey.generate()
            try folder.create(ServerIdentity.fileName, try key.pem().exposed)
        }
        guard let publicKey = IdentityKey(bytes: key.publicKey.bytes) else { throw CryptoError.libraryFailed }
        self.publicKey = publicKey
        digestKey = Secret(try HMAC.sha256(key: try key.seed(), Array("postroad-digest-key-1".utf8)))
    }
}
