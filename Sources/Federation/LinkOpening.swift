import Bytes
package import Wire

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
    /// Dialled to see whether a link could be.
    private let isTest: Bool
    private var state = State.awaitingHello
    private var hello: LinkHello?
    /// Statements of the other side whose signatures are right, and the signature that is being checked.
    private var confirmed: [KeyRotation] = []
    private var checking: (rotation: KeyRotation, index: Int)?

    /// - Parameters:
    ///   - dialled: the server that was dialled; nil on an accepted link.
    ///   - nonce: 32 fresh bytes.
    package init(
        identity: LinkIdentity, dialled: ServerName?, channel: LinkChannel, nonce: [UInt8], isTest: Bool = false
    ) {
        role = dialled == nil ? .acceptor : .dialler
        self.isTest = isTest
        self.identity = identity
        self.dialled = dialled
        self.channel = channel
        self.nonce = nonce
    }

    /// The name that the other side claims.
    package var peer: ServerName? { hello?.from ?? dialled }
    /// The dialler's messages may already arrive while its proof is being checked.
    var isVerifying: Bool { state == .verifying || state == .pinning }
    var isPinning: Bool { state == .pinning }
    /// What the other side showed; nil before its hello.
    package var shown: LinkHello? { hello }
    /// Both sides know that this is a test.
    package var isAgreedTest: Bool { hello?.isTest == true && (isTest || role == .acceptor) }

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
        try signatureChecked(isGood)
        // The pin may have come or changed while the signature was checked.
        let path = try check(trust, hello)
        if let next = next(of: path, by: hello.from) { return [next] }
        checking = nil
        switch (role, trust) {
        case (.acceptor, .firstUse):
            if isAgreedTest {
                throw Refusal(.unpinned, "that name is not pinned at \(identity.name) yet; it has to dial there once")
            }
            state = .done
            return [.claimed]
        case (.dialler, .firstUse) where !isTest:
            state = .pinning
            return [.pin(hello.from, hello.key)]
        case (_, .key(let known)) where !path.isEmpty && !isAgreedTest:
            state = .pinning
            return [.repin(hello.from, hello.key, from: known)]
        default: return known(hello)
        }
    }

    package mutating func pinned() -> [LinkStep] {
        guard state == .pinning, let hello else { return [] }
        return known(hello)
    }

    package mutating func signed(_ signature: [UInt8]) -> [LinkStep] {
        guard state == .signing, let hello else { return [] }
        switch role {
        case .acceptor:
            state = .awaitingProof
            return [.send(.hello(ownHello(to: hello.from))), .send(.proof(signature: signature))]
        case .dialler:
            state = .done
            return [.send(.proof(signature: signature)), isTest ? .tested : .proven]
        }
    }

    /// The other side is who it says, by a key that is known here.
    private mutating func known(_ hello: LinkHello) -> [LinkStep] {
        switch role {
        case .acceptor:
            state = .done
            return [isAgreedTest ? .tested : .proven]
        case .dialler:
            // A peer that knows no tests would take our proof for a link.
            guard !isTest || isAgreedTest else {
                state = .done
                return []
            }
            state = .signing
            return [.sign(transcript(signer: .dialler, hello))]
        }
    }

    // MARK: Signatures of the other side

    private mutating func signatureChecked(_ isGood: Bool) throws(Refusal) {
        guard let (rotation, index) = checking else {
            guard isGood else { throw Refusal(.proofFailed, "the signature does not prove the key in hello") }
            return
        }
        guard isGood else {
            let whose = index == 0 ? "old" : "new"
            throw Refusal(.badRotation, "the \(whose) key did not sign that the new one takes its place")
        }
        if index > 0 { confirmed.append(rotation) }
    }

    /// The next signature on the way from the known key to the one shown; nil if all have been checked.
    private mutating func next(of path: [KeyRotation], by name: ServerName) -> LinkStep? {
        guard let rotation = path.first(where: { !confirmed.contains($0) }) else { return nil }
        let index = checking?.rotation == rotation ? 1 : 0
        checking = (rotation, index)
        let check = rotation.checks(for: name)[index]
        return .verify(check.key, check.transcript, signature: check.signature)
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
        _ = try check(trust, hello)
    }

    /// Returns the statements that lead from the known key to the one shown; none where that is the known one.
    private func check(_ trust: PeerTrust, _ hello: LinkHello) throws(Refusal) -> [KeyRotation] {
        switch trust {
        case .stranger:
            throw Refusal(
                .unknownServer, "this node has no entry for that server; add one to setup.json, or with peers add")
        case .paused: throw Refusal(.paused, "an administrator of \(identity.name) has paused links with that server")
        case .needsTLS:
            throw Refusal(.needsTLS, "the entry for that server asks for TLS, and this link has none")
        case .key(let known) where known != hello.key:
            guard let path = hello.rotations.path(from: known, to: hello.key) else {
                throw Refusal(.keyChanged, "that server had another key; an administrator has to trust the new one")
            }
            return path
        case .key, .firstUse: return []
        }
    }

    private func ownHello(to name: ServerName) -> LinkHello {
        LinkHello(
            version: LinkHello.currentVersion, from: identity.name, to: name, nonce: nonce, key: identity.key,
            rotations: identity.rotations, isTest: role == .dialler ? isTest : hello?.isTest == true)
    }

    private func transcript(signer: LinkProof.Role, _ hello: LinkHello) -> [UInt8] {
        let own = ownHello(to: hello.from)
        return LinkProof.transcript(
            signer: signer, dialler: role == .dialler ? own : hello, acceptor: role == .dialler ? hello : own,
            transport: channel.transport.rawValue, binding: channel.binding)
    }
}
