import Bytes
import COpenSSL

/// The key a server or an account is known by (RFC 8032). Its text is `ed25519:` and base64 of the 32 bytes.
package struct Ed25519PublicKey: Hashable, Sendable {
    /// The 32 bytes of RFC 8032 §5.1.5.
    package let bytes: [UInt8]

    /// Throws `damaged` unless there are 32 bytes. Whether they are a point shows at the first `verify`.
    package init(bytes: [UInt8]) throws(KeyFault) {
        guard bytes.count == 32 else { throw .damaged }
        self.bytes = bytes
    }

    package init(text: String) throws(KeyFault) {
        guard text.utf8.count <= Ed25519PublicKey.textBytesMax else { throw .tooLong }
        guard text.utf8.starts(with: Ed25519PublicKey.prefix.utf8) else { throw .otherAlgorithm }
        guard let bytes = Base64.decode(Array(text.utf8.dropFirst(Ed25519PublicKey.prefix.utf8.count))) else {
            throw .damaged
        }
        try self.init(bytes: bytes)
    }

    package var text: String { Ed25519PublicKey.prefix + Base64.encode(bytes) }

    /// SHA-256 of the 32 bytes.
    package var fingerprint: [UInt8] { Digest.sha256(bytes) }

    /// Whether `signature` (64 bytes) is this key's signature of `message`. About 0.1 ms.
    package func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        defer { forgetErrors() }
        let key = KeyHandle(owning: EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count))
        guard signature.count == 64, let key, let operation = try? SignatureOperation(),
            EVP_DigestVerifyInit_ex(operation.pointer, nil, nil, nil, nil, key.pointer, nil) == 1
        else { return false }
        return operation.verify(signature, of: message)
    }

    private static let prefix = "ed25519:"
    /// `ed25519:` and 44 characters of base64.
    private static let textBytesMax = 52
}

/// The private half: what makes a server or an account itself.
package final class Ed25519PrivateKey: Sendable {
    package let publicKey: Ed25519PublicKey
    private let handle: KeyHandle

    private init(_ handle: KeyHandle) throws(KeyFault) {
        defer { forgetErrors() }
        guard handle.isA("ED25519") else { throw .otherAlgorithm }
        var bytes = [UInt8](repeating: 0, count: 32)
        var length = bytes.count
        guard EVP_PKEY_get_raw_public_key(handle.pointer, &bytes, &length) == 1, length == 32 else { throw .damaged }
        publicKey = try Ed25519PublicKey(bytes: bytes)
        self.handle = handle
    }

    package static func generate() throws(CryptoError) -> Ed25519PrivateKey {
        defer { forgetErrors() }
        let handle = try KeyOperation(generating: "ED25519").generate()
        guard let key = try? Ed25519PrivateKey(handle) else { throw .libraryFailed }
        return key
    }

    /// The key that grows from a seed of 32 bytes (RFC 8032 §5.1.5); `damaged` for any other length.
    package convenience init(seed: Secret) throws(KeyFault) {
        defer { forgetErrors() }
        guard seed.count == 32 else { throw .damaged }
        let key = seed.withUnsafeBytes { buffer in
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
        }
        guard let handle = KeyHandle(owning: key) else { throw .damaged }
        try self.init(handle)
    }

    /// Reads an unencrypted PKCS#8 PEM (RFC 8410 §7).
    package convenience init(pem: Secret) throws(KeyFault) { try self.init(try KeyHandle.reading(privatePEM: pem)) }

    /// The private key as PKCS#8 PEM, unencrypted: whoever stores it protects it.
    package func pem() throws(CryptoError) -> Secret { try handle.privatePEM() }

    /// The 32 bytes everything else follows from.
    package func seed() throws(CryptoError) -> Secret {
        defer { forgetErrors() }
        var bytes = [UInt8](repeating: 0, count: 32)
        var length = bytes.count
        defer { wipe(&bytes) }
        guard EVP_PKEY_get_raw_private_key(handle.pointer, &bytes, &length) == 1, length == 32 else {
            throw .libraryFailed
        }
        return Secret(bytes)
    }

    /// The signature, 64 bytes; the same for the same message.
    package func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        let operation = try SignatureOperation()
        guard EVP_DigestSignInit_ex(operation.pointer, nil, nil, nil, nil, handle.pointer, nil) == 1 else {
            throw .libraryFailed
        }
        return try operation.sign(message, signatureBytes: 64)
    }
}
