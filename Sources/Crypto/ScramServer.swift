import Bytes

/// The client's first message, parsed before it is known whose verifier is needed.
package struct ScramClientFirst: Sendable {
    /// Who wants in, unescaped: UTF-8 without control characters, otherwise unchecked.
    package let user: String
    let nonce: ScramNonce
    /// The text behind the gs2 header, which the proof covers.
    let bare: [UInt8]
    /// The claim of the gs2 header; its exporter is filled in by the server, who knows its own.
    let flag: Flag

    enum Flag { case none, notOffered, exporter }

    /// The client would have bound the channel, had it been offered.
    package var sawNoBinding: Bool { flag == .notOffered }

    /// Parses `n,,n=user,r=nonce`, at most 2 KiB.
    package init(parsing text: String) throws(ScramFault) {
        let bytes = try ScramMessage.bytes(of: text)
        let parts = bytes.split(separator: UInt8(ascii: ","), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        switch String(decoding: parts[0], as: UTF8.self) {
        case "n": flag = .none
        case "y": flag = .notOffered
        case "p=tls-exporter": flag = .exporter
        case let other where other.utf8.starts(with: "p=".utf8): throw .bindingRefused
        default: throw .malformed
        }
        guard !parts[1].starts(with: "a=".utf8) else { throw .authorizationRefused }
        guard parts[1].isEmpty else { throw .malformed }
        bare = Array(parts[2])
        let values = try ScramMessage.attributes("nr", extensionsAt: 2, in: bare)
        guard let user = ScramMessage.unescape(values[0]) else { throw .malformed }
        self.user = user
        nonce = try ScramNonce(values[1])
    }
}

/// The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677). Make it from client-first and a verifier, send
/// `challenge`, give it client-final. It never sees a password, and needs microseconds.
///
/// A name that does not exist gets `ScramVerifier.fake`, never another answer: both then fail the same way.
package struct ScramServer: Sendable {
    /// server-first, to be sent.
    package let challenge: String
    private let verifier: ScramVerifier
    private let first: ScramClientFirst
    private let nonce: [UInt8]
    private let binding: ScramBinding
    private var isOver = false

    /// `exporter` is what this TLS connection exports (RFC 9266), nil on plain TCP. Where `offersBinding`, because the
    /// port offers TLS, a client's `y` is a sign of tampering and refused.
    package init(
        answering first: ScramClientFirst, verifier: ScramVerifier, nonce: ScramNonce, exporter: [UInt8]?,
        offersBinding: Bool
    ) throws(ScramFault) {
        switch (first.flag, exporter) {
        case (.none, _): binding = .none
        case (.notOffered, nil) where !offersBinding: binding = .notOffered
        case (.exporter, let data?): binding = .exporter(data)
        // RFC 5802 §6: a server that offered binding must fail a client that says it saw no offer.
        case (.notOffered, _), (.exporter, nil): throw .bindingRefused
        }
        self.first = first
        self.verifier = verifier
        self.nonce = first.nonce.bytes + nonce.bytes
        challenge =
            "r=\(String(decoding: self.nonce, as: UTF8.self)),s=\(Base64.encode(verifier.salt)),"
            + "i=\(verifier.iterations)"
    }

    /// Checks client-final and returns server-final, to be sent: the user is who it says. May be called once; any
    /// fault ends the exchange. Of the faults only `notAuthentic` says anything about the password.
    package mutating func receive(_ clientFinal: String) throws(ScramFault) -> String {
        guard !isOver else { throw .outOfOrder }
        isOver = true
        let bytes = try ScramMessage.bytes(of: clientFinal)
        let values = try ScramMessage.attributes("crp", extensionsAt: 2, in: bytes)
        guard let proof = Base64.decode(values[2]), proof.count == 32, let bound = Base64.decode(values[0]) else {
            throw .malformed
        }
        guard equalInConstantTime(bound, binding.input) else { throw .bindingRefused }
        guard equalInConstantTime(values[1], nonce) else { throw .nonceRefused }
        let unproven = bytes.dropLast(",p=".utf8.count + values[2].count)
        let message = first.bare + ",\(challenge),".utf8 + unproven
        guard let clientSignature = try? HMAC.sha256(key: verifier.storedKey, message),
            let serverSignature = try? HMAC.sha256(key: verifier.serverKey, message)
        else { throw .cryptoFailed }
        let clientKey = ScramMessage.xor(proof, clientSignature)
        guard equalInConstantTime(Digest.sha256(clientKey), verifier.storedKey) else { throw .notAuthentic }
        return "v=\(Base64.encode(serverSignature))"
    }
}
