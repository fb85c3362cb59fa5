package import Wire

/// What a refusal on a link means and what helps against it. One table for the administrator's commands and for the
/// protocol document, which a test holds to it.
package struct LinkAdvice: Sendable {
    package let codes: [Refusal.Code]
    package let why: String
    package let helps: String
    /// It does not pass by itself: somebody has to do something.
    package let isLasting: Bool

    private init(_ codes: [Refusal.Code], _ why: String, _ helps: String, isLasting: Bool = true) {
        self.codes = codes
        self.why = why
        self.helps = helps
        self.isLasting = isLasting
    }

    package static func row(of code: Refusal.Code) -> LinkAdvice? {
        (sent + local).first { $0.codes.contains(code) }
    }

    /// Codes that one side tells the other as it ends a link; the table in `Docs/protocol/federation.md`.
    package static let sent: [LinkAdvice] = [
        LinkAdvice(
            [.malformedJSON, .duplicateMember, .tooDeep, .tooLong], "the message cannot be read", "mend the sender"),
        LinkAdvice(
            [.missingMember, .wrongType, .badValue, .badAddress, .badID, .notSealed],
            "a member, named in the text, is not what it must be", "mend the sender"),
        LinkAdvice([.unknownTag], "a message of no known kind came before the proof", "say hello first"),
        LinkAdvice([.protocolVersion], "the two nodes speak different versions", "upgrade one"),
        LinkAdvice(
            [.notForUs, .notYourName], "the node reached is another one than was wanted, or claims another's name",
            "mend the address in `setup.json`"),
        LinkAdvice([.unknownServer], "no entry for that name", "add one on that side"),
        LinkAdvice(
            [.paused], "an administrator of that side wants no link now", "wait, or ask them for `peers resume`"),
        LinkAdvice(
            [.needsTLS], "the entry asks for TLS", "dial with TLS, or take `wss://` out of the entry"),
        LinkAdvice(
            [.keyChanged], "another key than the known one",
            "an administrator compares the keys and trusts the new one: `peers trust`"),
        LinkAdvice(
            [.badRotation], "the statements that lead to a new key are forged or out of order", "mend the sender"),
        LinkAdvice(
            [.proofFailed], "the signature is wrong, or a key or nonce was reflected", "mend the sender"),
        LinkAdvice(
            [.unpinned], "the acceptor knows no key of that name", "wait: it dials; or give it the key",
            isLasting: false),
        LinkAdvice(
            [.outOfOrder, .sequenceGap], "a message where it must not come", "dial again", isLasting: false),
        LinkAdvice(
            [.forgedFrom, .tooManyPeople, .tooManyDevices], "presence or keys that a server may not send",
            "mend the sender"),
        LinkAdvice(
            [.busy], "more is unacknowledged than the window allows, or presence floods", "mend the sender",
            isLasting: false),
        LinkAdvice([.storeFailed], "the receiver's disk takes nothing now", "dial again later", isLasting: false),
        LinkAdvice([.slowConsumer], "the receiver does not read", "dial again", isLasting: false),
        LinkAdvice([.timedOut], "not proven in 10 s, or silent for 20 s", "dial again", isLasting: false),
        LinkAdvice([.replaced], "another link of the same pair stays", "use that", isLasting: false),
        LinkAdvice(
            [.restored], "the node's store was put back from a backup", "dial again after a second", isLasting: false),
        LinkAdvice([.draining], "the node goes down", "dial again after `retrySeconds`", isLasting: false),
    ]

    /// Codes that are never sent: how the network, or a test of the way, failed.
    package static let local: [LinkAdvice] = [
        LinkAdvice([.noAddress], "the entry has no address", "wait for that server to dial, or write an address"),
        LinkAdvice([.nameUnknown], "the name of the host is not known", "mend the address, or the name service"),
        LinkAdvice(
            [.connectionRefused], "nobody listens at that address", "start the node there, or mend the address",
            isLasting: false),
        LinkAdvice(
            [.unreachable], "no way leads to that address", "mend the network, or the address", isLasting: false),
        LinkAdvice(
            [.notTLS], "the other end does not speak TLS", "mend the address, or dial in plaintext with `ws://`"),
        LinkAdvice([.tlsFailed], "TLS was not agreed on", "see whether a proxy stands in between"),
        LinkAdvice(
            [.notWebSocket], "the other end answers, but not as a node does", "mend the address: it is another port"),
        LinkAdvice([.linkLost], "the connection ended without a word", "dial again", isLasting: false),
        LinkAdvice([.noTest], "that node knows no tests yet", "see `peers why` once it links; or upgrade it"),
        LinkAdvice([.clockOff], "the clocks of the two machines differ", "set the wrong one"),
    ]
}
