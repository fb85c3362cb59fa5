package import Bytes
package import Wire

/// Whom a test of the way dials, and what is known of it.
package struct ProbeTarget: Hashable, Sendable {
    package let name: ServerName
    package let address: String?
    package let transport: LinkTransport
    /// `key` or `firstUse`.
    package let trust: PeerTrust
    /// Who we are.
    package let identity: LinkIdentity

    package init(
        name: ServerName, address: String?, transport: LinkTransport, trust: PeerTrust, identity: LinkIdentity
    ) {
        self.name = name
        self.address = address
        self.transport = transport
        self.trust = trust
        self.identity = identity
    }
}

/// One step of the way to another node, done or failed.
package struct ProbeStep: Hashable, Sendable {
    package enum Stage: String, Hashable, Sendable, CaseIterable {
        case lookup, tcp, tls, webSocket, theirProof, ourProof, echo, clock
    }

    package let stage: Stage
    package let took: Duration
    /// What was found.
    package let text: String
    /// Why the test ends here; nil if the step is done.
    package let refusal: Refusal?
    /// The key that is known and the one that was shown, where they differ.
    package var known: IdentityKey?
    package var shown: IdentityKey?
    /// Who was dialled and who answered, where they differ.
    package var wanted: ServerName?
    package var got: ServerName?
    /// How far their clock is ahead of ours.
    package var clockAhead: Duration?
    /// How long the certificate that they showed is still good, negative once it is not. Links do not judge it.
    package var certificateLeft: Duration?

    package init(_ stage: Stage, took: Duration, text: String = "", refusal: Refusal? = nil) {
        self.stage = stage
        self.took = took
        self.text = text
        self.refusal = refusal
    }
}

/// A test of the way to another node once the WebSocket is open: both proofs, then echoes. It makes no link, pins
/// nothing and replaces nothing: both hellos say that it is a test, and both proofs sign that.
package struct LinkProbe: Sendable {
    package enum Step: Hashable, Sendable {
        case send(LinkMessage)
        /// Answered by `signed`.
        case sign([UInt8])
        /// Answered by `verified`.
        case verify(IdentityKey, [UInt8], signature: [UInt8])
        case tell(ProbeStep)
        /// The test is over: close the connection.
        case end
    }

    private let target: ProbeTarget
    private var opening: LinkOpening
    private var stage = ProbeStep.Stage.theirProof
    private var stageBegan: Instant
    private var lastEcho: (ref: Int64, sentAt: Instant, wall: Int64) = (0, Instant(nanoseconds: 0), 0)
    private var fastest: (Duration, ahead: Duration)?
    private var isOver = false

    /// The first one also tells that our proof was taken.
    package static let echoesMax: Int64 = 5
    /// More than this, and times in the two nodes' logs and messages contradict each other.
    package static let clockAheadMax: Duration = .seconds(60)

    /// - Parameters:
    ///   - channel: what the WebSocket, which is open, runs over.
    ///   - nonce: 32 fresh bytes.
    package init(_ target: ProbeTarget, channel: LinkChannel, nonce: [UInt8], at now: Instant) {
        self.target = target
        opening = LinkOpening(
            identity: target.identity, dialled: target.name, channel: channel, nonce: nonce, isTest: true)
        stageBegan = now
    }

    package func begin() -> [Step] { opening.begin().compactMap(LinkProbe.step) }

    package mutating func receive(_ message: LinkMessage, at now: Instant, wall: Int64) -> [Step] {
        guard !isOver else { return [] }
        if case .echoed(let ref, let at) = message { return echoed(ref, theirs: at, at: now, wall: wall) }
        do throws(Refusal) {
            switch message {
            case .hello(let hello): return perform(try opening.receive(hello: hello, trust: target.trust), at: now)
            case .proof(let signature): return perform(try opening.receive(proof: signature), at: now)
            case .closing: return failed(Refusal(.draining, "\(target.name) is going down"), at: now)
            default: return failed(Refusal(.outOfOrder, "\(target.name) sent \"\(message.tag)\" in a test"), at: now)
            }
        } catch { return refused(error, message, at: now) }
    }

    package mutating func signed(_ signature: [UInt8], at now: Instant, wall: Int64) -> [Step] {
        guard !isOver else { return [] }
        let steps = perform(opening.signed(signature), at: now)
        return steps + [echo(at: now, wall: wall)]
    }

    package mutating func verified(_ isGood: Bool, at now: Instant) -> [Step] {
        guard !isOver else { return [] }
        do throws(Refusal) {
            let steps = try opening.verified(isGood, trust: target.trust)
            if case .verify? = steps.first { return perform(steps, at: now) }
            let told = done(theirProof, at: now)
            stage = .ourProof
            guard opening.isAgreedTest else {
                let refusal = Refusal(
                    .noTest, "\(target.name) knows no tests, so whether it takes our proof was not tried")
                return [told] + failed(refusal, at: now)
            }
            return [told] + perform(steps, at: now)
        } catch { return failed(error, at: now) }
    }

    /// The other side ended it, or the network did.
    package mutating func closed(_ refusal: Refusal?, at now: Instant) -> [Step] {
        guard !isOver else { return [] }
        return failed(refusal ?? Refusal(.linkLost, "the connection ended without a word"), at: now)
    }

    package mutating func unreadable(_ refusal: Refusal, at now: Instant) -> [Step] {
        isOver ? [] : failed(refusal, at: now)
    }

    /// The time for the whole test is over.
    package mutating func timedOut(at now: Instant) -> [Step] {
        isOver ? [] : failed(Refusal(.timedOut, "\(target.name) did not answer in time"), at: now)
    }

    // MARK: Steps

    private func perform(_ steps: [LinkStep], at now: Instant) -> [Step] { steps.compactMap(LinkProbe.step) }

    private static func step(_ step: LinkStep) -> Step? {
        switch step {
        case .send(let message): .send(message)
        case .sign(let bytes): .sign(bytes)
        case .verify(let key, let bytes, let signature): .verify(key, bytes, signature: signature)
        case .ping, .pin, .repin, .proven, .tested, .echo, .claimed, .deliver: nil
        }
    }

    private mutating func echo(at now: Instant, wall: Int64) -> Step {
        lastEcho = (lastEcho.ref + 1, now, wall)
        return .send(.echo(ref: lastEcho.ref))
    }

    private mutating func echoed(_ ref: Int64, theirs: Int64, at now: Instant, wall: Int64) -> [Step] {
        guard stage == .ourProof || stage == .echo, ref == lastEcho.ref else {
            return failed(Refusal(.badID, "\(target.name) answered an echo that was not asked"), at: now)
        }
        let took = now.since(lastEcho.sentAt)
        if stage == .ourProof {
            let told = done("\(target.name) takes ours", at: now)
            stage = .echo
            return [told, echo(at: now, wall: wall)]
        }
        if took < fastest?.0 ?? .seconds(3600) {
            // The moment of their answer lies halfway between question and answer, as far as anybody can tell.
            let (sum, overflows) = lastEcho.wall.addingReportingOverflow(wall)
            let ahead = overflows ? .zero : Duration.milliseconds(theirs) - Duration.milliseconds(sum / 2)
            fastest = (took, ahead)
        }
        guard ref >= LinkProbe.echoesMax, let (fastest, ahead) = fastest else { return [echo(at: now, wall: wall)] }
        isOver = true
        let count = LinkProbe.echoesMax - 1
        let echo = ProbeStep(.echo, took: fastest, text: "there and back, the fastest of \(count)")
        return [.tell(echo), .tell(clock(ahead)), .end]
    }

    private func clock(_ ahead: Duration) -> ProbeStep {
        let isFar = max(ahead, .zero - ahead) > LinkProbe.clockAheadMax
        let words = ahead < .zero ? "behind ours" : "ahead of ours"
        let text = "their clock is \(LinkProbe.words(max(ahead, .zero - ahead))) \(words)"
        var step = ProbeStep(
            .clock, took: .zero, text: text, refusal: isFar ? Refusal(.clockOff, "\(text); set the wrong one") : nil)
        step.clockAhead = ahead
        return step
    }

    /// `3 h 5 min`, `12.3 s`.
    private static func words(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if seconds >= 3600 { return "\(seconds / 3600) h \(seconds % 3600 / 60) min" }
        if seconds >= 60 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds).\(duration.milliseconds % 1000 / 100) s"
    }

    private var theirProof: String {
        guard let hello = opening.shown else { return "" }
        switch target.trust {
        case .key(let known) where known == hello.key: return "\(target.name) proves \(hello.key), the known key"
        case .key(let known): return "\(target.name) proves \(hello.key), which the known key \(known) signed for"
        default: return "\(target.name) proves \(hello.key); none is pinned yet, and a link would pin it"
        }
    }

    private mutating func done(_ text: String, at now: Instant) -> Step {
        defer { stageBegan = now }
        return .tell(ProbeStep(stage, took: now.since(stageBegan), text: text))
    }

    private mutating func refused(_ refusal: Refusal, _ message: LinkMessage, at now: Instant) -> [Step] {
        var step = ProbeStep(stage, took: now.since(stageBegan), refusal: refusal)
        if case .hello(let hello) = message {
            if case .key(let known) = target.trust, known != hello.key {
                (step.known, step.shown) = (known, hello.key)
            }
            if hello.from != target.name { (step.wanted, step.got) = (target.name, hello.from) }
        }
        isOver = true
        return [.tell(step), .end]
    }

    private mutating func failed(_ refusal: Refusal, at now: Instant) -> [Step] {
        isOver = true
        return [.tell(ProbeStep(stage, took: now.since(stageBegan), refusal: refusal)), .end]
    }
}
