import COpenSSL

/// One device's own RSA key pair. Decrypting and signing cost about 1.4 ms at 3072 bits: call them on a worker.
package final class RSAPrivateKey: Sendable {
    package let publicKey: RSAPublicKey
    private let handle: KeyHandle

    private init(_ handle: KeyHandle) throws(KeyFault) {
        defer { forgetErrors() }
        guard handle.isA("RSA") else { throw .otherAlgorithm }
        guard let der = handle.subjectPublicKeyInfo else { throw .damaged }
        publicKey = try RSAPublicKey(der: der)
        self.handle = handle
    }

    /// A new key pair with exponent 65537. Takes about 0.3 s for 3072 bits, with a large spread: call it on a worker.
    /// Throws `misuse` for a length outside `RSAPublicKey.bitsAccepted`.
    package static func generate(bits: Int = 3072) throws(CryptoError) -> RSAPrivateKey {
        defer { forgetErrors() }
        guard RSAPublicKey.bitsAccepted.contains(bits) else { throw .misuse }
        let handle = try KeyOperation(generating: "RSA").generate(rsaBits: Int32(clamping: bits))
        guard let key = try? RSAPrivateKey(handle) else { throw .libraryFailed }
        return key
    }

    /// Reads an unencrypted PKCS#8 PEM of at most 8 KiB. All its numbers are checked against each other, since a
    /// damaged one can give away the key with the first signature. Takes about 0.2 s at 3072 bits.
    package convenience init(pem: Secret) throws(KeyFault) {
        try self.init(try KeyHandle.reading(privatePEM: pem))
        let operation = try? KeyOperation(handle)
        guard let operation, EVP_PKEY_check(operation.pointer) == 1 else { throw .damaged }
    }

    /// The private key as PKCS#8 PEM, unencrypted: whoever stores it protects it.
    package func pem() throws(CryptoError) -> Secret { try handle.privatePEM() }

    /// Opens what `publicKey.encrypt` made. Whatever is wrong with `ciphertext`, the error is `notAuthentic`.
    package func decrypt(_ ciphertext: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        let operation = try KeyOperation(handle)
        guard EVP_PKEY_decrypt_init(operation.pointer) == 1, RSAPadding.setOAEP(operation.pointer) else {
            throw .libraryFailed
        }
        guard ciphertext.count == (publicKey.bits + 7) / 8 else { throw .notAuthentic }
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        var length = plaintext.count
        let result = EVP_PKEY_decrypt(operation.pointer, &plaintext, &length, ciphertext, ciphertext.count)
        defer { wipe(&plaintext) }
        guard result == 1, length <= plaintext.count else { throw .notAuthentic }
        return Array(plaintext.prefix(length))
    }

    /// RSA-PSS with SHA-256 and a random salt of 32 bytes. The signature is as long as the modulus.
    package func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        let operation = try SignatureOperation()
        var context: OpaquePointer?
        guard EVP_DigestSignInit_ex(operation.pointer, &context, "SHA256", nil, nil, handle.pointer, nil) == 1,
            RSAPadding.setPSS(context)
        else { throw .libraryFailed }
        return try operation.sign(message, signatureBytes: (publicKey.bits + 7) / 8)
    }
}
