import Bytes

/// SHA-256 of a public key in SubjectPublicKeyInfo form (DER); how people and messages name an RSA key.
package struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        func word(_ index: Int) -> UInt64 { bytes[(8 * index)..<(8 * index + 8)].reduce(0) { $0 << 8 | UInt64($1) } }
        words = (word(0), word(1), word(2), word(3))
    }

    /// nil unless `text` is 64 lower-case hexadecimal digits.
    package init?(_ text: String) {
        guard text.utf8.count == 64, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for word in [words.0, words.1, words.2, words.3] { bytes.appendBigEndian(word) }
        return bytes
    }

    package var text: String { Hex.encode(bytes) }
    package var description: String { text }

    package static func == (left: Fingerprint, right: Fingerprint) -> Bool { left.words == right.words }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.3)
    }
}

/// The public half of an Ed25519 key (RFC 8032): of a server, or of an account. Written `ed25519:` and base64.
package struct IdentityKey: Hashable, Sendable, CustomStringConvertible {
    /// Exactly 32 bytes.
    package let bytes: [UInt8]

    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package init?(_ text: String) {
        let prefix = "ed25519:".utf8
        guard text.utf8.starts(with: prefix), let bytes = Base64.decode(Array(text.utf8.dropFirst(prefix.count))) else {
            return nil
        }
        self.init(bytes: bytes)
    }

    package var text: String { "ed25519:" + Base64.encode(bytes) }
    package var description: String { text }
}

/// One device's RSA key, signed by the account that it belongs to. Whoever uses it first checks that `fingerprint` is
/// the digest of `key` and that `signature` is the account's over `transcript(for:)`.
package struct DeviceKey: Hashable, Sendable {
    package let fingerprint: Fingerprint
    /// The RSA public key, SubjectPublicKeyInfo in DER, at most `keyBytesMax` bytes.
    package let key: [UInt8]
    package let account: IdentityKey
    /// Ed25519, 64 bytes.
    package let signature: [UInt8]

    package init(fingerprint: Fingerprint, key: [UInt8], account: IdentityKey, signature: [UInt8]) {
        self.fingerprint = fingerprint
        self.key = key
        self.account = account
        self.signature = signature
    }

    /// RSA-8192 takes 1,062 bytes; more is no key that anybody accepts.
    package static let keyBytesMax = 1100
    /// More devices than this cannot be sealed to within one line.
    package static let devicesPerAccountMax = 16

    /// What the account key signs to make a device its own.
    package static func transcript(of key: [UInt8], for address: Address) -> [UInt8] {
        var transcript: [UInt8] = []
        transcript.appendField("postroad-device-key-1")
        transcript.appendField(address.text)
        transcript.appendField(key)
        return transcript
    }
}
