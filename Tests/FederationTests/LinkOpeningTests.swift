import Federation
import Testing
import Wire

/// One side of an opening, played by hand.
private struct Side {
    let name: ServerName
    let secret: String
    var opening: LinkOpening

    init(_ text: String, dials: String? = nil, channel: LinkChannel = .plaintext, nonce: UInt8) {
        name = server(text)
        secret = "secret of \(text)"
        opening = LinkOpening(
            identity: LinkIdentity(name: name, key: FakeKey.publicKey(of: secret)), dialled: dials.map(server),
            channel: channel, nonce: [UInt8](repeating: nonce, count: 32))
    }

    var key: IdentityKey { FakeKey.publicKey(of: secret) }

    /// Performs signatures and checks until only messages and results are left.
    mutating func settle(_ steps: [LinkStep], trust: PeerTrust) throws(Refusal) -> [LinkStep] {
        var results: [LinkStep] = []
        for step in steps {
            switch step {
            case .sign(let bytes):
                results += try settle(opening.signed(FakeKey.sign(bytes, secret: secret)), trust: trust)
            case .verify(let key, let bytes, let signature):
                let isGood = FakeKey.verify(signature, bytes, by: key)
                results += try settle(try opening.verified(isGood, trust: trust), trust: trust)
            case .pin: results += [step] + (try settle(opening.pinned(), trust: trust))
            default: results.append(step)
            }
        }
        return results
    }

    mutating func receive(_ message: LinkMessage, trust: PeerTrust) throws(Refusal) -> [LinkStep] {
        switch message {
        case .hello(let hello): try settle(try opening.receive(hello: hello, trust: trust), trust: trust)
        case .proof(let signature): try settle(try opening.receive(proof: signature), trust: trust)
        default: []
        }
    }
}

private struct Outcome {
    var dialler: Refusal?
    var acceptor: Refusal?
    var diallerIsProven = false
    var acceptorIsProven = false
    var acceptorIsClaimed = false
    var pinned: IdentityKey?
}

/// Plays a whole opening; `tamper` may change, drop or double what is on its way.
private func play(
    _ dialler: Side, _ acceptor: Side, diallerTrust: PeerTrust? = nil, acceptorTrust: PeerTrust? = nil,
    tamper: (LinkMessage, LinkProof.Role) -> [LinkMessage] = { message, _ in [message] }
) -> Outcome {
    var (dialler, acceptor, outcome) = (dialler, acceptor, Outcome())
    let trustInAcceptor = diallerTrust ?? .key(acceptor.key)
    let trustInDialler = acceptorTrust ?? .key(dialler.key)
    var toAcceptor: [LinkMessage] = []
    var toDialler: [LinkMessage] = []

    func sort(_ steps: [LinkStep], from role: LinkProof.Role) {
        for step in steps {
            switch step {
            case .send(let message) where role == .dialler: toAcceptor += tamper(message, role)
            case .send(let message): toDialler += tamper(message, role)
            case .proven where role == .dialler: outcome.diallerIsProven = true
            case .proven: outcome.acceptorIsProven = true
            case .claimed: outcome.acceptorIsClaimed = true
            case .pin(_, let key): outcome.pinned = key
            default: break
            }
        }
    }
    sort(dialler.opening.begin(), from: .dialler)
    while !toAcceptor.isEmpty || !toDialler.isEmpty {
        if !toAcceptor.isEmpty, outcome.acceptor == nil {
            let message = toAcceptor.removeFirst()
            do throws(Refusal) { sort(try acceptor.receive(message, trust: trustInDialler), from: .acceptor) } catch {
                outcome.acceptor = error
            }
        } else if !toDialler.isEmpty, outcome.dialler == nil {
            let message = toDialler.removeFirst()
            do throws(Refusal) { sort(try dialler.receive(message, trust: trustInAcceptor), from: .dialler) } catch {
                outcome.dialler = error
            }
        } else {
            break
        }
    }
    return outcome
}

private func north(_ nonce: UInt8 = 1) -> Side { Side("north", dials: "south", nonce: nonce) }
private func south(_ nonce: UInt8 = 2) -> Side { Side("south", nonce: nonce) }

private func change(
    _ hello: LinkHello, version: Int64? = nil, from: String? = nil, to: String? = nil, nonce: [UInt8]? = nil,
    key: IdentityKey? = nil
) -> LinkMessage {
    .hello(
        LinkHello(
            version: version ?? hello.version, from: from.map(server) ?? hello.from, to: to.map(server) ?? hello.to,
            nonce: nonce ?? hello.nonce, key: key ?? hello.key))
}

@Suite struct LinkOpeningTests {
    @Test func bothSidesAreProven() {
        let outcome = play(north(), south())
        #expect(outcome.diallerIsProven && outcome.acceptorIsProven)
        #expect(outcome.dialler == nil && outcome.acceptor == nil && outcome.pinned == nil)
    }

    @Test func theFirstKeyOnADialledLinkIsPinned() {
        let outcome = play(north(), south(), diallerTrust: .firstUse)
        #expect(outcome.pinned == south().key)
        #expect(outcome.diallerIsProven && outcome.acceptorIsProven)
    }

    @Test func nothingIsProvenBeforeThePinIsDurable() throws {
        var (dialler, acceptor) = (north(), south())
        guard case .send(let hello)? = dialler.opening.begin().first else { return #expect(Bool(false)) }
        for step in try acceptor.receive(hello, trust: .firstUse) {
            guard case .send(let message) = step else { continue }
            switch message {
            case .hello(let hello): _ = try dialler.opening.receive(hello: hello, trust: .firstUse)
            case .proof(let signature): _ = try dialler.opening.receive(proof: signature)
            default: break
            }
        }
        #expect(try dialler.opening.verified(true, trust: .firstUse) == [.pin(server("south"), acceptor.key)])
        #expect(dialler.opening.signed([]) == [])
        guard case .sign? = dialler.opening.pinned().first else { return #expect(Bool(false)) }
        #expect(dialler.opening.pinned() == [])
    }

    @Test func anInboundClaimIsNeverPinned() {
        let outcome = play(north(), south(), acceptorTrust: .firstUse)
        #expect(outcome.acceptorIsClaimed && !outcome.acceptorIsProven)
        #expect(outcome.pinned == nil)
    }

    @Test(arguments: [
        (PeerTrust.stranger, Refusal.Code.unknownServer), (.needsTLS, .needsTLS),
        (.key(FakeKey.publicKey(of: "another")), .keyChanged),
    ])
    func trustDecides(trust: PeerTrust, code: Refusal.Code) {
        #expect(play(north(), south(), acceptorTrust: trust).acceptor?.code == code)
        #expect(play(north(), south(), diallerTrust: trust).dialler?.code == code)
        #expect(!play(north(), south(), diallerTrust: trust).diallerIsProven)
    }

    /// Every field of either hello, changed on the way: somebody notices and nobody is proven by it.
    @Test(arguments: [LinkProof.Role.dialler, .acceptor], 0..<6)
    func aChangedHelloIsRefused(role: LinkProof.Role, field: Int) {
        let codes: [Refusal.Code] = [.protocolVersion, .notYourName, .notForUs, .proofFailed, .keyChanged, .badValue]
        let outcome = play(north(), south()) { message, sender in
            guard sender == role, case .hello(let hello) = message else { return [message] }
            switch field {
            case 0: return [change(hello, version: 2)]
            case 1: return [change(hello, from: role == .dialler ? "south" : "west")]
            case 2: return [change(hello, to: "west")]
            case 3: return [change(hello, nonce: [UInt8](repeating: 77, count: 32))]
            case 4: return [change(hello, key: FakeKey.publicKey(of: "mallory"))]
            default: return [change(hello, nonce: [])]
            }
        }
        let refusals = [outcome.dialler, outcome.acceptor].compactMap { $0?.code }
        #expect(refusals == [codes[field]])
        #expect(!outcome.acceptorIsProven)
        if role == .acceptor { #expect(!outcome.diallerIsProven) }
    }

    @Test(arguments: [LinkProof.Role.dialler, .acceptor], [0, 31, 32, 63])
    func aChangedSignatureIsRefused(role: LinkProof.Role, byte: Int) {
        let outcome = play(north(), south()) { message, sender in
            guard sender == role, case .proof(var signature) = message else { return [message] }
            signature[byte] ^= 1
            return [.proof(signature: signature)]
        }
        #expect((role == .dialler ? outcome.acceptor : outcome.dialler)?.code == .proofFailed)
        #expect(!outcome.acceptorIsProven)
    }

    @Test func aProofOfAnotherMeetingIsRefused() {
        var recorded: [LinkMessage] = []
        _ = play(north(1), south(2)) { message, sender in
            if sender == .dialler { recorded.append(message) }
            return [message]
        }
        // Everything that north said once, said again to a south with a fresh nonce.
        let replay = play(north(9), south(3)) { message, sender in
            guard sender == .dialler else { return [message] }
            defer { recorded = [] }
            return recorded
        }
        #expect(replay.acceptor?.code == .proofFailed)
        #expect(!replay.acceptorIsProven)
    }

    @Test func aProofIsBoundToTheChannel() {
        let tls = LinkChannel.tls(exporter: [UInt8](repeating: 5, count: 32))
        let other = LinkChannel.tls(exporter: [UInt8](repeating: 6, count: 32))
        for (left, right) in [(tls, other), (tls, .plaintext), (.plaintext, tls)] {
            let outcome = play(
                Side("north", dials: "south", channel: left, nonce: 1), Side("south", channel: right, nonce: 2))
            #expect(outcome.dialler?.code == .proofFailed)
            #expect(!outcome.acceptorIsProven && !outcome.diallerIsProven)
        }
        let transport = LinkChannel.tls(exporter: LinkChannel.plaintext.binding)
        #expect(play(north(), Side("south", channel: transport, nonce: 2)).dialler?.code == .proofFailed)
    }

    @Test func theProofOfOneRoleIsNotThatOfTheOther() {
        // South's own proof, sent back to it.
        var proof: LinkMessage?
        let outcome = play(north(), south()) { message, sender in
            if sender == .acceptor, case .proof = message { proof = message }
            if sender == .dialler, case .proof = message, let proof { return [proof] }
            return [message]
        }
        #expect(outcome.acceptor?.code == .proofFailed)
    }

    @Test func reflectionIsRefused() {
        for reflectsKey in [true, false] {
            let outcome = play(north(), south(), diallerTrust: .firstUse) { message, sender in
                guard sender == .acceptor, case .hello(let hello) = message else { return [message] }
                return [
                    reflectsKey
                        ? change(hello, key: north().key) : change(hello, nonce: [UInt8](repeating: 1, count: 32))
                ]
            }
            #expect(outcome.dialler?.code == .proofFailed)
        }
    }

    @Test func aReflectedNonceIsRefusedAtHello() {
        var side = south(2)
        let hello = LinkHello(
            version: 1, from: server("north"), to: server("south"), nonce: [UInt8](repeating: 2, count: 32),
            key: north().key)
        #expect(throws: Refusal.self) { try side.opening.receive(hello: hello, trust: .key(north().key)) }
    }

    @Test func messagesComeOnceAndInOrder() throws {
        let doubled = play(north(), south()) { message, _ in [message, message] }
        #expect(doubled.acceptor?.code == .outOfOrder)
        let outcome = play(north(), south()) { message, sender in
            guard sender == .dialler else { return [message] }
            return [.proof(signature: [UInt8](repeating: 0, count: 64)), message]
        }
        #expect(outcome.acceptor?.code == .outOfOrder)
    }

    @Test func aPinThatCameMeanwhileCounts() throws {
        var (dialler, acceptor) = (north(), south())
        guard case .send(.hello(let hello))? = dialler.opening.begin().first else { return #expect(Bool(false)) }
        for step in try acceptor.receive(.hello(hello), trust: .firstUse) {
            guard case .send(let message) = step else { continue }
            _ = try dialler.receive(message, trust: .key(acceptor.key))
        }
        _ = try acceptor.opening.receive(proof: [])
        let other = FakeKey.publicKey(of: "mallory")
        #expect(throws: Refusal.self) { try acceptor.opening.verified(true, trust: .key(other)) }
        #expect(try acceptor.opening.verified(true, trust: .key(dialler.key)) == [.proven])
    }
}
