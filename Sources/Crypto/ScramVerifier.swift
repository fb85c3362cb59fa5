import Bytes

/// What a node keeps in place of a password (RFC 5803): enough to check a login, not enough to make one, and no
/// reason to be shown. Its text is `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, the last three in base64.
///
/// Passwords are taken as the UTF-8 bytes they come in. SASLprep (RFC 4013) is not applied, so two spellings of one
/// character are two passwords; clients that care normalise before. Control characters are refused.
package struct ScramVerifier: Equatable, Sendable, CustomStringConvertible {
    /// The salt length for new verifiers, and the one `fake` uses: another would tell real users from invented ones.
    package static let saltBytes = 16
    /// What a verifier may hold. Ten million are several seconds of a fast processor.
    package static let iterationsAccepted = 1...10_000_000
    /// RFC 5802 names no bound for a salt.
    static let saltBytesAccepted = 16...64
    /// Eight digits, a salt of 64 bytes, two keys and the name take 205 bytes.
    static let textBytesMax = 256
    /// Nobody types more; a token takes 64.
    static let passwordBytesMax = 1024

    package let iterations: Int
    package let salt: [UInt8]
    let storedKey: [UInt8]
    let serverKey: [UInt8]

    private init(iterations: Int, salt: [UInt8], storedKey: [UInt8], serverKey: [UInt8]) throws(ScramFault) {
        try ScramVerifier.check(iterations: iterations, salt: salt)
        guard storedKey.count == 32, serverKey.count == 32 else { throw .malformed }
        self.iterations = iterations
        self.salt = salt
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// Derives a verifier. Slow on purpose (0.4 µs per iteration): call it on a worker.
    package init(password: Secret, salt: [UInt8], iterations: Int) throws(ScramFault) {
        try ScramVerifier.check(iterations: iterations, salt: salt)  // before the slow part
        let keys = try ScramKeys(password: password, salt: salt, iterations: iterations)
        try self.init(
            iterations: iterations, salt: salt, storedKey: Digest.sha256(keys.clientKey.exposed),
            serverKey: keys.serverKey)
    }

    /// Reads a stored verifier, or one that a client made. The caller says how few iterations it takes from whom.
    package init(text: String) throws(ScramFault) {
        guard text.utf8.count <= ScramVerifier.textBytesMax else { throw .tooLong }
        let parts = text.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].elementsEqual("SCRAM-SHA-256".utf8) else { throw .malformed }
        let cost = parts[1].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let keys = parts[2].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard cost.count == 2, keys.count == 2, let iterations = ScramMessage.number(cost[0]),
            let salt = Base64.decode(Array(cost[1])), let storedKey = Base64.decode(Array(keys[0])),
            let serverKey = Base64.decode(Array(keys[1]))
        else { throw .malformed }
        try self.init(iterations: iterations, salt: salt, storedKey: storedKey, serverKey: serverKey)
    }

    package var text: String {
        "SCRAM-SHA-256$\(iterations):\(Base64.encode(salt))$\(Base64.encode(storedKey)):\(Base64.encode(serverKey))"
    }

    /// A verifier for a name that does not exist: the same for the same name, as long as `secret` stays, and such that
    /// no password fits. Give it the iterations of new accounts. Costs a microsecond, as finding a real one does.
    package static func fake(user: String, secret: Secret, iterations: Int) throws(ScramFault) -> ScramVerifier {
        func derived(_ purpose: String) throws(ScramFault) -> [UInt8] {
            var message: [UInt8] = []
            message.appendField("postroad fake verifier")
            message.appendField(purpose)
            message.appendField(user)
            guard let bytes = try? HMAC.sha256(key: secret, message) else { throw .cryptoFailed }
            return bytes
        }
        return try ScramVerifier(
            iterations: iterations, salt: Array(derived("salt").prefix(saltBytes)), storedKey: derived("stored key"),
            serverKey: derived("server key"))
    }

    private static func check(iterations: Int, salt: [UInt8]) throws(ScramFault) {
        guard iterationsAccepted.contains(iterations) else { throw .iterationsRefused(iterations) }
        guard saltBytesAccepted.contains(salt.count) else { throw .saltRefused }
    }

    package static func == (left: ScramVerifier, right: ScramVerifier) -> Bool {
        left.iterations == right.iterations && left.salt == right.salt
            && equalInConstantTime(left.storedKey + left.serverKey, right.storedKey + right.serverKey)
    }

    package var description: String { "ScramVerifier(hidden)" }
}

/// RFC 5802 §3: what follows from a password.
struct ScramKeys {
    let clientKey: Secret
    let serverKey: [UInt8]

    init(password: Secret, salt: [UInt8], iterations: Int) throws(ScramFault) {
        guard ScramKeys.isAcceptable(password) else { throw .passwordRefused }
        var bytes = password.exposed
        defer { wipe(&bytes) }
        do throws(CryptoError) {
            var salted = try PBKDF2.sha256(password: bytes, salt: salt, iterations: iterations, length: 32)
            defer { wipe(&salted) }
            var client = try HMAC.sha256(key: salted, Array("Client Key".utf8))
            clientKey = Secret(wiping: &client)
            serverKey = try HMAC.sha256(key: salted, Array("Server Key".utf8))
        } catch {
            throw error == .misuse ? .iterationsRefused(iterations) : .cryptoFailed
        }
    }

    /// Neither empty nor endless, and without the control characters U+0000 to U+001F and U+007F to U+009F.
    private static func isAcceptable(_ password: Secret) -> Bool {
        guard (1...ScramVerifier.passwordBytesMax).contains(password.count) else { return false }
        return password.withUnsafeBytes { bytes in
            var previous: UInt8 = 0
            return bytes.allSatisfy { byte in
                defer { previous = byte }
                let isC1 = previous == 0xC2 && (0x80...0x9F).contains(byte)
                return byte >= 0x20 && byte != 0x7F && !isC1
            }
        }
    }
}
