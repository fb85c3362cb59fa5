import Bytes
import COpenSSL

/// Somebody's RSA key, checked: 2048 to 8192 bits, exponent odd and 65537 or more, one DER form only, so that equal
/// keys have equal fingerprints. `encrypt` and `verify` are the WebCrypto algorithms RSA-OAEP and RSA-PSS with SHA-256.
package struct RSAPublicKey: Hashable, Sendable {
    /// Below, a key can be broken in our lifetime; above, each use costs our reader's time rather than the attacker's.
    package static let bitsAccepted = 2048...8192

    /// SubjectPublicKeyInfo in DER.
    package let der: [UInt8]
    /// SHA-256 of `der`, 32 bytes; what keys are known by.
    package let fingerprint: [UInt8]
    /// Length of the modulus.
    package let bits: Int
    private let handle: KeyHandle

    /// Reads and checks a SubjectPublicKeyInfo.
    package init(der: [UInt8]) throws(KeyFault) {
        defer { forgetErrors() }
        guard der.count <= PEM.publicTextBytesMax else { throw .tooLong }
        guard let handle = KeyHandle.reading(subjectPublicKeyInfo: der) else { throw .damaged }
        guard handle.isA("RSA") else { throw .otherAlgorithm }
        bits = try RSAPublicKey.checkedBits(of: handle)
        // OpenSSL reads BER too; a key in two forms would have two fingerprints.
        guard handle.subjectPublicKeyInfo == der else { throw .damaged }
        self.der = der
        self.handle = handle
        fingerprint = Digest.sha256(der)
    }

    /// Reads and checks a PEM block `PUBLIC KEY` of at most 4 KiB with nothing around it.
    package init(pem: String) throws(KeyFault) {
        guard pem.utf8.count <= PEM.publicTextBytesMax else { throw .tooLong }
        guard let der = PEM.decode(Array(pem.utf8), label: PEM.publicKeyLabel) else { throw .notPEM }
        try self.init(der: der)
    }

    package var pem: String { String(decoding: PEM.encode(der, label: PEM.publicKeyLabel), as: UTF8.self) }

    /// The fingerprint as 64 lower-case hexadecimal digits.
    package var fingerprintText: String { Hex.encode(fingerprint) }

    /// The longest plaintext that `encrypt` takes: modulus - 2 × 32 - 2 bytes (RFC 8017 §7.1.1), 190 for 2048 bits.
    package var plaintextBytesMax: Int { modulusBytes - 66 }

    /// RSA-OAEP with SHA-256 for digest and mask and an empty label. The result is as long as the modulus.
    /// Throws `misuse` for a plaintext longer than `plaintextBytesMax`.
    package func encrypt(_ plaintext: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        guard plaintext.count <= plaintextBytesMax else { throw .misuse }
        let operation = try KeyOperation(handle)
        guard EVP_PKEY_encrypt_init(operation.pointer) == 1, RSAPadding.setOAEP(operation.pointer) else {
            throw .libraryFailed
        }
        var ciphertext = [UInt8](repeating: 0, count: modulusBytes)
        var length = ciphertext.count
        guard EVP_PKEY_encrypt(operation.pointer, &ciphertext, &length, plaintext, plaintext.count) == 1,
            length == modulusBytes
        else { throw .libraryFailed }
        return ciphertext
    }

    /// Whether `signature` is this key's RSA-PSS signature of `message`: SHA-256, salt of exactly 32 bytes.
    package func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        defer { forgetErrors() }
        guard signature.count == modulusBytes, let operation = try? SignatureOperation() else { return false }
        var context: OpaquePointer?
        guard EVP_DigestVerifyInit_ex(operation.pointer, &context, "SHA256", nil, nil, handle.pointer, nil) == 1,
            RSAPadding.setPSS(context)
        else { return false }
        return operation.verify(signature, of: message)
    }

    package static func == (left: RSAPublicKey, right: RSAPublicKey) -> Bool { left.der == right.der }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    private var modulusBytes: Int { (bits + 7) / 8 }

    /// The modulus length, if both numbers are fit. Primality is not tested: a bad key harms only whoever made it,
    /// and the test would cost us milliseconds for each key a stranger shows.
    static func checkedBits(of handle: KeyHandle) throws(KeyFault) -> Int {
        var modulus: OpaquePointer?
        var exponent: OpaquePointer?
        defer {
            BN_free(modulus)
            BN_free(exponent)
        }
        guard EVP_PKEY_get_bn_param(handle.pointer, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1,
            EVP_PKEY_get_bn_param(handle.pointer, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1
        else { throw .damaged }
        let bits = Int(BN_num_bits(modulus))
        guard bitsAccepted.contains(bits) else { throw .bitsRefused(bits) }
        guard BN_is_odd(modulus) == 1 else { throw .damaged }
        // A small exponent has a history of attacks, a long one makes each of our operations dear.
        guard BN_is_odd(exponent) == 1, BN_num_bits(exponent) <= 32, BN_get_word(exponent) >= 65537 else {
            throw .exponentRefused
        }
        return bits
    }
}

/// The one OAEP and the one PSS of this project (RFC 8017 §7.1 and §8.1), everything that could be left to a default
/// said. PKCS#1 v1.5 does not occur: this OpenSSL tells good from bad padding.
enum RSAPadding {
    static func setOAEP(_ context: OpaquePointer?) -> Bool {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_oaep_md(context, Algorithm.sha256) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(context, Algorithm.sha256) == 1
    }

    static func setPSS(_ context: OpaquePointer?) -> Bool {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(context, Algorithm.sha256) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1
    }
}
