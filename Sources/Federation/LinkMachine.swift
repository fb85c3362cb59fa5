package import Bytes
package import Wire

/// One link: dialled or accepted, then proven, then carrying streams both ways; and whether anybody is still there.
/// A thrown refusal ends the link.
package struct LinkMachine: Sendable {
    private enum Phase: Sendable {
        case connecting
        case opening(LinkOpening)
        case proven
        /// Proven, but for a test: nothing is carried.
        case tested(echoes: Int)
    }

    package let id: LinkID
    package let dialled: ServerName?
    private let openBy: Instant
    private var phase = Phase.connecting
    /// What it runs over; nil until it is open.
    package private(set) var channel: LinkChannel?
    private var claimed: ServerName?
    /// The dialler sends `resume` or `echo` right behind its proof, and the check of the proof takes a while.
    private var early: LinkMessage?
    private var resumes = 0
    private var hasPlaces = false
    private var heardAt: Instant
    private var pingedAt: Instant?

    /// From the dial or the accept to the proof: a peer on another continent needs one second.
    package static let openingDurationMax: Duration = .seconds(10)
    /// Silence after which a ping is sent, and again the time its answer may take. Together with the peer's own 20 s,
    /// presence is wrong for at most 30 s.
    package static let silenceDurationMax: Duration = .seconds(10)
    /// A second `resume` follows a rewind; there is nothing to say in a third.
    package static let resumesMax = 2
    /// What a test may ask for: the fastest of a few says how far away a server is.
    package static let echoesMax = 16

    package init(id: LinkID, dialled: ServerName?, at now: Instant) {
        self.id = id
        self.dialled = dialled
        openBy = now.advanced(by: LinkMachine.openingDurationMax)
        heardAt = now
    }

    package var isProven: Bool { if case .proven = phase { true } else { false } }
    /// It waits for the other side's key to be durable.
    var isPinning: Bool { if case .opening(let opening) = phase { opening.isPinning } else { false } }
    /// The key that the other side shows.
    var shownKey: IdentityKey? { if case .opening(let opening) = phase { opening.shown?.key } else { nil } }
    /// The proven name, or the one that is claimed or was dialled.
    package var peer: ServerName? { claimed ?? dialled }

    /// When `tick` has something to do.
    package var deadline: Instant {
        guard isProven else { return openBy }
        return (pingedAt ?? heardAt).advanced(by: LinkMachine.silenceDurationMax)
    }

    package mutating func opened(
        as identity: LinkIdentity, over channel: LinkChannel, nonce: [UInt8], at now: Instant
    ) -> [LinkStep] {
        guard case .connecting = phase else { return [] }
        heard(at: now)
        self.channel = channel
        let opening = LinkOpening(identity: identity, dialled: dialled, channel: channel, nonce: nonce)
        phase = .opening(opening)
        return opening.begin()
    }

    package mutating func heard(at now: Instant) {
        heardAt = now
        pingedAt = nil
    }

    /// - Parameter trust: what is known of the sender of a hello; not looked at for other messages.
    package mutating func receive(
        _ message: LinkMessage, trust: PeerTrust, at now: Instant
    ) throws(Refusal) -> [LinkStep] {
        heard(at: now)
        switch phase {
        case .connecting: throw Refusal(.outOfOrder, "a message came before the link was open")
        case .proven: return try stream(message)
        case .tested(let echoes): return try test(message, behind: echoes)
        case .opening(var opening):
            let steps: [LinkStep]
            switch message {
            case .hello(let hello):
                claimed = claimed ?? hello.from
                steps = try opening.receive(hello: hello, trust: trust)
            case .proof(let signature): steps = try opening.receive(proof: signature)
            case .resume where dialled == nil && opening.isVerifying && early == nil,
                .echo where dialled == nil && opening.isVerifying && early == nil:
                early = message
                steps = []
            default: throw Refusal(.outOfOrder, "nothing but hello and proof comes before the proof")
            }
            phase = .opening(opening)
            return steps
        }
    }

    package mutating func signed(_ signature: [UInt8]) -> [LinkStep] {
        guard case .opening(var opening) = phase else { return [] }
        let steps = opening.signed(signature)
        phase = LinkMachine.phase(after: steps, opening)
        return steps
    }

    /// - Parameter trust: what is known of `peer` now.
    package mutating func verified(_ isGood: Bool, trust: PeerTrust) throws(Refusal) -> [LinkStep] {
        guard case .opening(var opening) = phase else { return [] }
        let steps = try opening.verified(isGood, trust: trust)
        phase = LinkMachine.phase(after: steps, opening)
        return steps + (try takeEarly())
    }

    package mutating func pinned() throws(Refusal) -> [LinkStep] {
        guard case .opening(var opening) = phase else { return [] }
        let steps = opening.pinned()
        phase = LinkMachine.phase(after: steps, opening)
        return steps + (try takeEarly())
    }

    private static func phase(after steps: [LinkStep], _ opening: LinkOpening) -> Phase {
        if steps.contains(.proven) { return .proven }
        return steps.contains(.tested) ? .tested(echoes: 0) : .opening(opening)
    }

    private mutating func takeEarly() throws(Refusal) -> [LinkStep] {
        guard let early else { return [] }
        switch phase {
        case .connecting, .opening: return []
        case .proven:
            self.early = nil
            return try stream(early)
        case .tested(let echoes):
            self.early = nil
            return try test(early, behind: echoes)
        }
    }

    private mutating func test(_ message: LinkMessage, behind echoes: Int) throws(Refusal) -> [LinkStep] {
        guard case .echo(let ref) = message, echoes < LinkMachine.echoesMax else {
            throw Refusal(.outOfOrder, "a test carries at most \(LinkMachine.echoesMax) echoes, and nothing else")
        }
        phase = .tested(echoes: echoes + 1)
        return [.echo(ref: ref)]
    }

    package mutating func tick(at now: Instant) throws(Refusal) -> [LinkStep] {
        guard now >= deadline else { return [] }
        guard isProven else {
            throw Refusal(
                .timedOut, "the link was not proven within \(LinkMachine.openingDurationMax.components.seconds) s")
        }
        // After a pause of the whole process the ping comes first: the answer may already wait in the socket.
        guard pingedAt == nil else { throw Refusal(.timedOut, "nothing was heard, not even a pong") }
        pingedAt = now
        return [.ping]
    }

    private mutating func stream(_ message: LinkMessage) throws(Refusal) -> [LinkStep] {
        switch message {
        case .hello, .proof: throw Refusal(.outOfOrder, "this link is already proven")
        case .echo, .echoed: throw Refusal(.outOfOrder, "echoes belong to a test, and this is a link")
        case .closing: break
        case .resume:
            resumes += 1
            guard resumes <= LinkMachine.resumesMax, !hasPlaces else {
                throw Refusal(
                    .outOfOrder, "resume comes before the first envelope, and a second time only after a rewind")
            }
        case .envelope, .skip, .acknowledgement, .presence, .keysWanted, .keys, .chunkWanted, .chunk, .outcome,
            .outcomeKept:
            guard resumes > 0 else { throw Refusal(.outOfOrder, "resume comes first on a proven link") }
            switch message {
            case .envelope, .skip: hasPlaces = true
            default: break
            }
        }
        return [.deliver(message)]
    }
}
