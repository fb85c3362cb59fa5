import COpenSSL

package enum Digest {
    /// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        defer { forgetErrors() }
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_Digest(bytes, bytes.count, &digest, nil, Algorithm.sha256, nil) == 1 else {
            stop("SHA-256 failed: no memory, or no working OpenSSL")
        }
        return digest
    }

    package static func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] { sha256(Array(bytes)) }
}

package enum HMAC {
    /// HMAC-SHA-256 (RFC 2104) of `message`: 32 bytes. Any key length is allowed.
    package static func sha256(key: [UInt8], _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        guard let keyLength = Int32(exactly: key.count) else { throw .misuse }
        var tag = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard COpenSSL.HMAC(Algorithm.sha256, key, keyLength, message, message.count, &tag, &length) != nil,
            length == 32
        else { throw .libraryFailed }
        return tag
    }

    /// The same under a key that must not be seen.
    package static func sha256(key: Secret, _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        var bytes = key.exposed
        defer { wipe(&bytes) }
        return try sha256(key: bytes, message)
    }
}

package enum PBKDF2 {
    /// PBKDF2 with HMAC-SHA-256 (RFC 8018 §5.2). Slow on purpose, about 0.4 µs per iteration and 32 bytes of length:
    /// call it on a worker, and put a limit on any `iterations` that come from outside.
    package static func sha256(
        password: [UInt8], salt: [UInt8], iterations: Int, length: Int
    ) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        guard length >= 1, iterations >= 1, let rounds = Int32(exactly: iterations),
            let keyLength = Int32(exactly: length), let saltLength = Int32(exactly: salt.count),
            let passwordLength = Int32(exactly: password.count)
        else { throw .misuse }
        var key = [UInt8](repeating: 0, count: length)
        let result = password.withUnsafeBytes { buffer in
            PKCS5_PBKDF2_HMAC(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self), passwordLength, salt, saltLength, rounds,
                Algorithm.sha256, keyLength, &key)
        }
        guard result == 1 else { throw .libraryFailed }
        return key
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone. For tags, proofs and tokens.
package func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}
