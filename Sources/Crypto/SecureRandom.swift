import COpenSSL

/// Random bytes nobody can guess. The only source of keys, nonces and tokens.
package enum SecureRandom {
    /// `count` bytes from OpenSSL's generator, which the kernel seeds. Throws `misuse` for a negative count and
    /// `libraryFailed` without entropy.
    package static func bytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        guard count >= 0, let length = Int32(exactly: count) else { throw .misuse }
        var bytes = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&bytes, length) == 1 else { throw .libraryFailed }
        return bytes
    }
}

/// The same source for Swift's `random(in:using:)`, `shuffle(using:)` and the like.
package struct SecureGenerator: RandomNumberGenerator, Sendable {
    package init() {}

    package func next() -> UInt64 {
        guard let bytes = try? SecureRandom.bytes(8) else { stop("no entropy; a guessable number would be worse") }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
