import COpenSSL

/// SHA-256 (FIPS 180-4) of what does not fit into memory at once. Not Sendable.
package final class RunningDigest {
    private let context: OpaquePointer

    /// Throws `libraryFailed` without memory.
    package init() throws(CryptoError) {
        defer { forgetErrors() }
        guard let context = EVP_MD_CTX_new() else { throw .libraryFailed }
        guard EVP_DigestInit_ex(context, Algorithm.sha256, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw .libraryFailed
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    package func add(_ bytes: [UInt8]) {
        guard EVP_DigestUpdate(context, bytes, bytes.count) == 1 else { stop("SHA-256 failed: no working OpenSSL") }
    }

    /// 32 bytes over all that was added. Called once, at the end.
    package func finish() -> [UInt8] {
        defer { forgetErrors() }
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { stop("SHA-256 failed: no working OpenSSL") }
        return digest
    }
}
