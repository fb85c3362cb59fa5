import COpenSSL

/// AES-256-GCM (NIST SP 800-38D). A key and a nonce must never meet twice: two messages under one pair give both
/// away. Use a fresh key per message, or count.
package enum AESGCM {
    package static let keyBytes = 32
    package static let nonceBytes = 12
    package static let tagBytes = 16

    /// The ciphertext, as long as `plaintext`, and the tag behind it. `authenticated` is covered by the tag but not
    /// contained. Throws `misuse` for a key or nonce of another size.
    package static func seal(
        key: [UInt8], nonce: [UInt8], plaintext: [UInt8], authenticating authenticated: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        let context = try CipherContext()
        try context.start(key: key, nonce: nonce, seals: true)
        try context.authenticate(authenticated)
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagBytes)
        try context.update(plaintext[...], into: &sealed)
        let tagged = sealed.withUnsafeMutableBytes { buffer in
            let end = buffer.baseAddress.map { $0 + plaintext.count }
            var length: Int32 = 0
            return EVP_EncryptFinal_ex(context.pointer, end?.assumingMemoryBound(to: UInt8.self), &length) == 1
                && EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), end) == 1
        }
        guard tagged else { throw .libraryFailed }
        return sealed
    }

    /// What `seal` was given. Throws `notAuthentic` if a bit of `sealed`, `authenticated`, key or nonce differs, and
    /// `misuse` for a key or nonce of another size.
    package static func open(
        key: [UInt8], nonce: [UInt8], sealed: [UInt8], authenticating authenticated: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        defer { forgetErrors() }
        let context = try CipherContext()
        try context.start(key: key, nonce: nonce, seals: false)
        guard sealed.count >= tagBytes else { throw .notAuthentic }
        try context.authenticate(authenticated)
        let ciphertext = sealed.dropLast(tagBytes)
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        try context.update(ciphertext, into: &plaintext)
        var tag = Array(sealed.suffix(tagBytes))
        guard EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1 else {
            throw .libraryFailed
        }
        // Nothing is left to write in GCM, but the call wants a place to write to.
        var rest = [UInt8](repeating: 0, count: tagBytes)
        var length: Int32 = 0
        guard EVP_DecryptFinal_ex(context.pointer, &rest, &length) == 1 else {
            wipe(&plaintext)
            throw .notAuthentic
        }
        return plaintext
    }
}

/// Owns one `EVP_CIPHER_CTX`: one message sealed or opened.
private struct CipherContext: ~Copyable {
    let pointer: OpaquePointer

    init() throws(CryptoError) {
        guard let pointer = EVP_CIPHER_CTX_new() else { throw .libraryFailed }
        self.pointer = pointer
    }

    deinit { EVP_CIPHER_CTX_free(pointer) }

    func start(key: [UInt8], nonce: [UInt8], seals: Bool) throws(CryptoError) {
        guard key.count == AESGCM.keyBytes, nonce.count == AESGCM.nonceBytes else { throw .misuse }
        guard EVP_CipherInit_ex2(pointer, Algorithm.aes256GCM, key, nonce, seals ? 1 : 0, nil) == 1 else {
            throw .libraryFailed
        }
    }

    func authenticate(_ bytes: [UInt8]) throws(CryptoError) {
        guard !bytes.isEmpty else { return }
        var length: Int32 = 0
        guard let count = Int32(exactly: bytes.count) else { throw .misuse }
        guard EVP_CipherUpdate(pointer, nil, &length, bytes, count) == 1 else { throw .libraryFailed }
    }

    /// `output` must have room for as many bytes as `input` has.
    func update(_ input: ArraySlice<UInt8>, into output: inout [UInt8]) throws(CryptoError) {
        guard !input.isEmpty else { return }
        var length: Int32 = 0
        guard let count = Int32(exactly: input.count), output.count >= input.count else { throw .misuse }
        let result = input.withUnsafeBufferPointer {
            EVP_CipherUpdate(pointer, &output, &length, $0.baseAddress, count)
        }
        guard result == 1, length == count else { throw .libraryFailed }
    }
}
