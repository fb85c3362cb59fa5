import COpenSSL

/// Algorithms looked up once: a lookup per call costs more than hashing a short message. They are never freed and
/// OpenSSL lets any number of threads read them. Nil only if the library is broken; the calls given nil then fail.
enum Algorithm {
    nonisolated(unsafe) static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)
    nonisolated(unsafe) static let aes256GCM = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}

/// Every function that calls OpenSSL ends with this. The error queue belongs to the thread, and `SSL_get_error` reads
/// it: what we leave behind there would look like the fault of whichever TLS connection is stepped next.
func forgetErrors() { ERR_clear_error() }

/// For what cannot fail while the machine works and has no sensible answer if it does, as a digest or a random number.
func stop(_ reason: StaticString) -> Never { preconditionFailure(String(describing: reason)) }

/// Overwrites secret bytes that are not needed any more; the array is empty afterwards.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    bytes.removeAll()
}

/// Owns one `EVP_PKEY`. Nothing changes a key after it was made, and OpenSSL's reading calls lock what they share, so
/// it may be used from several threads at once.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the pointer; nil for the nil of a call that failed.
    init?(owning pointer: OpaquePointer?) {
        guard let pointer else { return nil }
        self.pointer = pointer
    }

    deinit { EVP_PKEY_free(pointer) }

    /// The key's SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    var subjectPublicKeyInfo: [UInt8]? { KeyHandle.der { i2d_PUBKEY(pointer, $0) } }

    /// A key from its SubjectPublicKeyInfo, nil unless `der` is that and not a byte more.
    static func reading(subjectPublicKeyInfo der: [UInt8]) -> KeyHandle? {
        der.withUnsafeBufferPointer { buffer in
            var end = buffer.baseAddress
            let handle = KeyHandle(owning: d2i_PUBKEY(nil, &end, buffer.count))
            return end == buffer.baseAddress.map { $0 + buffer.count } ? handle : nil
        }
    }

    /// The private key as PKCS#8 (RFC 5958) in PEM, unencrypted.
    func privatePEM() throws(CryptoError) -> Secret {
        defer { forgetErrors() }
        let info = EVP_PKEY2PKCS8(pointer)
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        guard var der = KeyHandle.der({ i2d_PKCS8_PRIV_KEY_INFO(info, $0) }) else { throw .libraryFailed }
        defer { wipe(&der) }
        var text = PEM.encode(der, label: PEM.privateKeyLabel)
        return Secret(wiping: &text)
    }

    /// A key from a private PEM as `privatePEM` writes it.
    static func reading(privatePEM pem: Secret) throws(KeyFault) -> KeyHandle {
        defer { forgetErrors() }
        guard pem.count <= PEM.privateTextBytesMax else { throw .tooLong }
        var text = pem.exposed
        defer { wipe(&text) }
        guard var der = PEM.decode(text, label: PEM.privateKeyLabel) else { throw .notPEM }
        defer { wipe(&der) }
        let handle: KeyHandle? = der.withUnsafeBufferPointer { buffer in
            var end = buffer.baseAddress
            let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &end, buffer.count)
            defer { PKCS8_PRIV_KEY_INFO_free(info) }
            guard info != nil, end == buffer.baseAddress.map({ $0 + buffer.count }) else { return nil }
            return KeyHandle(owning: EVP_PKCS82PKEY(info))
        }
        guard let handle else { throw .damaged }
        return handle
    }

    /// What one of OpenSSL's `i2d` calls writes: the first call tells the length, the second fills the buffer.
    private static func der(
        _ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) -> [UInt8]? {
        let length = write(nil)
        guard length > 0 else { return nil }
        var der = [UInt8](repeating: 0, count: Int(length))
        let written = der.withUnsafeMutableBufferPointer { buffer in
            var end = buffer.baseAddress
            return write(&end)
        }
        return written == length ? der : nil
    }

    /// True for the algorithm of that OpenSSL name (`RSA` does not include `RSA-PSS`).
    func isA(_ algorithm: String) -> Bool { EVP_PKEY_is_a(pointer, algorithm) == 1 }
}

/// Owns one `EVP_PKEY_CTX`: one operation with one key.
struct KeyOperation: ~Copyable {
    let pointer: OpaquePointer

    init(_ key: KeyHandle) throws(CryptoError) {
        guard let pointer = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else { throw .libraryFailed }
        self.pointer = pointer
    }

    init(generating algorithm: String) throws(CryptoError) {
        guard let pointer = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil) else { throw .libraryFailed }
        self.pointer = pointer
    }

    deinit { EVP_PKEY_CTX_free(pointer) }

    /// A new key of the algorithm; `rsaBits` for RSA alone.
    consuming func generate(rsaBits: Int32? = nil) throws(CryptoError) -> KeyHandle {
        guard EVP_PKEY_keygen_init(pointer) == 1 else { throw .libraryFailed }
        if let rsaBits, EVP_PKEY_CTX_set_rsa_keygen_bits(pointer, rsaBits) != 1 { throw .libraryFailed }
        var key: OpaquePointer?
        guard EVP_PKEY_generate(pointer, &key) == 1, let handle = KeyHandle(owning: key) else { throw .libraryFailed }
        return handle
    }
}

/// Owns one `EVP_MD_CTX`: one signature made or checked.
struct SignatureOperation: ~Copyable {
    let pointer: OpaquePointer

    init() throws(CryptoError) {
        guard let pointer = EVP_MD_CTX_new() else { throw .libraryFailed }
        self.pointer = pointer
    }

    deinit { EVP_MD_CTX_free(pointer) }

    consuming func sign(_ message: [UInt8], signatureBytes: Int) throws(CryptoError) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: signatureBytes)
        var length = signatureBytes
        guard EVP_DigestSign(pointer, &signature, &length, message, message.count) == 1, length == signatureBytes
        else { throw .libraryFailed }
        return signature
    }

    consuming func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        EVP_DigestVerify(pointer, signature, signature.count, message, message.count) == 1
    }
}
