import Bytes

/// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): send `first`, answer server-first, check server-final.
/// Only the check shows that the server knows the password's verifier too; before it, believe nothing.
package struct ScramClient: Sendable {
    /// What a server may ask for without `iterationsMax` being said: two seconds of a slow processor. A hostile node
    /// must not keep a client busy for minutes.
    package static let iterationsMaxDefault = 4_000_000
    /// RFC 7677 §4: the least for a password. Fewer would let a false server try passwords cheaply.
    package static let iterationsMinForPasswords = 4096

    /// client-first, to be sent.
    package let first: String
    private let password: Secret
    private let nonce: ScramNonce
    private let bare: [UInt8]
    private let binding: ScramBinding
    private let iterationsAccepted: ClosedRange<Int>
    private var state = State.awaitingChallenge

    private enum State {
        case awaitingChallenge
        case awaitingSignature([UInt8])
        case over
    }

    /// `iterationsMin` is `iterationsMinForPasswords`, or 1 where the password is a random token of 256 bits, given
    /// as text. Throws `malformed` for a user name that is empty, has control characters or is too long to send.
    package init(
        user: String, password: Secret, nonce: ScramNonce, binding: ScramBinding = .none, iterationsMin: Int,
        iterationsMax: Int = ScramClient.iterationsMaxDefault
    ) throws(ScramFault) {
        guard iterationsMin >= 1, iterationsMin <= iterationsMax else { throw .iterationsRefused(iterationsMin) }
        iterationsAccepted = iterationsMin...iterationsMax
        self.password = password
        self.nonce = nonce
        self.binding = binding
        bare = "n=".utf8 + ScramMessage.escape(user) + ",r=".utf8 + nonce.bytes
        first = String(decoding: binding.header + bare, as: UTF8.self)
        // What our own parser takes, every server takes.
        _ = try ScramClientFirst(parsing: first)
    }

    /// Answers server-first with client-final, to be sent. Slow as the server's iterations say (0.4 µs each): call it
    /// on a worker. May be called once; any fault ends the exchange.
    package mutating func answer(_ serverFirst: String) throws(ScramFault) -> String {
        guard case .awaitingChallenge = state else { throw .outOfOrder }
        state = .over
        let bytes = try ScramMessage.bytes(of: serverFirst)
        let values = try ScramMessage.attributes("rsi", extensionsAt: 3, in: bytes)
        // RFC 5802 §5.1: the server's nonce must begin with ours, or its message answers somebody else.
        guard values[0].starts(with: nonce.bytes) else { throw .nonceRefused }
        _ = try ScramNonce(Array(values[0].dropFirst(nonce.bytes.count)))
        guard let salt = Base64.decode(values[1]), let iterations = ScramMessage.number(values[2]) else {
            throw .malformed
        }
        guard ScramVerifier.saltBytesAccepted.contains(salt.count) else { throw .saltRefused }
        guard iterationsAccepted.contains(iterations) else { throw .iterationsRefused(iterations) }

        let keys = try ScramKeys(password: password, salt: salt, iterations: iterations)
        let unproven = "c=\(Base64.encode(binding.input)),r=".utf8 + values[0]
        let message = bare + ",".utf8 + bytes + ",".utf8 + unproven
        var clientKey = keys.clientKey.exposed
        defer { wipe(&clientKey) }
        guard let clientSignature = try? HMAC.sha256(key: Digest.sha256(clientKey), message),
            let serverSignature = try? HMAC.sha256(key: keys.serverKey, message)
        else { throw .cryptoFailed }
        state = .awaitingSignature(serverSignature)
        let proof = Base64.encode(ScramMessage.xor(clientKey, clientSignature))
        return String(decoding: unproven, as: UTF8.self) + ",p=\(proof)"
    }

    /// Checks server-final. Returning at all means that the server is the one that holds the verifier. May be called
    /// once.
    package mutating func check(_ serverFinal: String) throws(ScramFault) {
        guard case .awaitingSignature(let expected) = state else { throw .outOfOrder }
        state = .over
        let bytes = try ScramMessage.bytes(of: serverFinal)
        guard !bytes.starts(with: "e=".utf8) else { throw .refusedByServer }
        let values = try ScramMessage.attributes("v", extensionsAt: 1, in: bytes)
        guard let signature = Base64.decode(values[0]) else { throw .malformed }
        guard equalInConstantTime(signature, expected) else { throw .notAuthentic }
    }
}
