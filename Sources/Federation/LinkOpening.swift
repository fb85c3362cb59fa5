import Bytes
package import Wire

/// What a node knows of a server name that somebody claims.
package enum PeerTrust: Hashable, Sendable {
    /// Not in `setup.json`.
    case stranger
    /// In `setup.json`, but for TLS only, and this link is in plaintext.
    case needsTLS
    /// The one key that may prove the name.
    case key(IdentityKey)
    /// The first key proven on a link that we dialled will be pinned.
    case firstUse
}

/// Who this node is on its links.
package struct LinkIdentity: Hashable, Sendable {
    package let name: ServerName
    package let key: IdentityKey

    package init(name: ServerName, key: IdentityKey) {
        self.name = name
        self.key = key
    }
}

/// What one link does next.
package enum LinkStep: Hashable, Sendable {
    case send(LinkMessage)
    case ping
    case sign([UInt8])
    case verify(IdentityKey, [UInt8], signature: [UInt8])
    /// Make the key durable, then call `pinned`.
    case pin(ServerName, IdentityKey)
    /// Both sides are proven.
    case proven
    /// Somebody proved to hold a key for a name that has no pin, on a link they dialled.
    case claimed
    /// A message of the stream, in an order that the protocol allows.
    case deliver(LinkMessage)
}

/// The mutual proof of a link (design decision D5). The dialler says hello; the acceptor answers hello and proof; the
/// dialler checks it, pins the key if it is the first, and only then proves itself.
package struct LinkOpening: Sendable {
    private enum State: Sendable {
        case awaitingHello, signing, awaitingProof, verifying, pinning, done
    }

    private let role: LinkProof.Role
    private let identity: LinkIdentity
    private let dialled: ServerName?
    private let channel: LinkChannel
    private let nonce: [UInt8]
    private var state = State.awaitingHello
    private var hello: LinkHello?

    /// - Parameters:
    ///   - dialled: the server that was dialled; nil on an accepted link.
    ///   - nonce: 32 fresh bytes.
    package init(identity: LinkIdentity, dialled: ServerName?, channel: LinkChannel, nonce: [UInt8]) {
        role = dialled == nil ? .acceptor : .dialler
        self.identity = identity
        self.dialled = dialled
        self.channel = channel
        self.nonce = nonce
    }

    /// The name that the other side claims.
    package var peer: ServerName? { hello?.from ?? dialled }
    /// The dialler's messages may already arrive while its proof is being checked.
    var isVerifying: Bool { state == .verifying }

    package func begin() -> [LinkStep] {
        guard let dialled else { return [] }
        return [.send(.hello(ownHello(to: dialled)))]
    }

    /// - Parameter trust: what is known of `hello.from`.
    package mutating func receive(hello: LinkHello, trust: PeerTrust) throws(Refusal) -> [LinkStep] {
        guard state == .awaitingHello else { throw Refusal(.outOfOrder, "hello comes once, before anything else") }
        try check(hello, trust: trust)
        self.hello = hello
        switch role {
        case .dialler:
            state = .awaitingProof
            return []
        case .acceptor:
            state = .signing
            return [.sign(transcript(signer: .acceptor, hello))]
        }
    }

    package mutating func receive(proof: [UInt8]) throws(Refusal) -> [LinkStep] {
        guard state == .awaitingProof, let hello else {
            throw Refusal(.outOfOrder, "a proof comes once, after both hellos")
        }
        state = .verifying
        let signer: LinkProof.Role = role == .dialler ? .acceptor : .dialler
        return [.verify(hello.key, transcript(signer: signer, hello), signature: proof)]
    }

    package mutating func verified(_ isGood: Bool, trust: PeerTrust) throws(Refusal) -> [LinkStep] {
        guard state == .verifying, let hello else { return [] }
        guard isGood else { throw Refusal(.proofFailed, "the signature does not prove the key in hello") }
        // The pin may have come or changed while the signature was checked.
        try check(trust, key: hello.key)
        switch (role, trust) {
        case (.acceptor, .firstUse):
            state = .done
            return [.claimed]
        case (.dialler, .firstUse):
            state = .pinning
            return [.pin(hello.from, hello.key)]
        case (.acceptor, _):
            state = .done
            return [.proven]
        case (.dialler, _):
            return startSigning(hello)
        }
    }

    package mutating func pinned() -> [LinkStep] {
        guard state == .pinning, let hello else { return [] }
        return startSigning(hello)
    }

    package mutating func signed(_ signature: [UInt8]) -> [LinkStep] {
        guard state == .signing, let hello else { return [] }
        switch role {
        case .acceptor:
            state = .awaitingProof
            return [.send(.hello(ownHello(to: hello.from))), .send(.proof(signature: signature))]
        case .dialler:
            state = .done
            return [.send(.proof(signature: signature)), .proven]
        }
    }

    private mutating func startSigning(_ hello: LinkHello) -> [LinkStep] {
        state = .signing
        return [.sign(transcript(signer: .dialler, hello))]
    }

    private func check(_ hello: LinkHello, trust: PeerTrust) throws(Refusal) {
        guard hello.version == LinkHello.currentVersion else {
            throw Refusal(.protocolVersion, "this node speaks version \(LinkHello.currentVersion) of the link protocol")
        }
        guard hello.nonce.count == LinkHello.nonceBytes else {
            throw Refusal(.badValue, "a nonce has \(LinkHello.nonceBytes) bytes")
        }
        guard hello.to == identity.name else { throw Refusal(.notForUs, "this is \(identity.name)") }
        guard hello.from != identity.name else { throw Refusal(.notYourName, "\(identity.name) is this node's name") }
        if let dialled, hello.from != dialled {
            throw Refusal(.notYourName, "\(dialled) was dialled and \(hello.from) answered")
        }
        // Whoever shows us our own key or nonce has only our own signatures to offer.
        guard hello.key != identity.key, hello.nonce != nonce else {
            throw Refusal(.proofFailed, "hello reflects this node's own key or nonce")
        }
        try check(trust, key: hello.key)
    }

    private func check(_ trust: PeerTrust, key: IdentityKey) throws(Refusal) {
        switch trust {
        case .stranger: throw Refusal(.unknownServer, "this node has no entry for that server; add one to setup.json")
        case .needsTLS:
            throw Refusal(.needsTLS, "the entry for that server asks for TLS, and this link has none")
        case .key(let known) where known != key:
            throw Refusal(.keyChanged, "that server had another key; an administrator has to trust the new one")
        case .key, .firstUse: break
        }
    }

    private func ownHello(to name: ServerName) -> LinkHello {
        LinkHello(
            version: LinkHello.currentVersion, from: identity.name, to: name, nonce: nonce, key: identity.key)
    }

    private func transcript(signer: LinkProof.Role, _ hello: LinkHello) -> [UInt8] {
        let own = ownHello(to: hello.from)
        return LinkProof.transcript(
            signer: signer, dialler: role == .dialler ? own : hello, acceptor: role == .dialler ? hello : own,
            transport: channel.transport.rawValue, binding: channel.binding)
    }
}
