import Bytes
import Federation
import Wire

/// What a server does that has the right key and no good will: it forges, replays and lies in what it sends.
final class Mischief {
    private unowned let world: World
    private let name: ServerName
    private var random: SplitMix64
    var isActive = true

    init(_ world: World, of name: ServerName) {
        self.world = world
        self.name = name
        random = world.random.fork()
    }

    func twist(_ message: LinkMessage) -> [LinkMessage] {
        guard isActive, random.chance(0.3) else { return [message] }
        world.counts.lies += 1
        switch message {
        case .envelope(let seq, let envelope): return [.envelope(seq: seq, forged(envelope))]
        case .acknowledgement(let through, let refused):
            let lie = StreamRefusal(seq: through, refusal: Refusal(.unknownUser, "a lie"))
            return random.chance(0.5)
                ? [.acknowledgement(through: through + Int64.random(in: 1...5, using: &random), refused: refused)]
                : [.acknowledgement(through: through, refused: refused + [lie])]
        case .presence(let page):
            guard let other = stranger() else { return [message] }
            let person = Person(address: other, status: .online, devices: [])
            return [
                .presence(
                    PresencePage(
                        version: page.version, kind: page.kind, people: page.people + [person], keys: page.keys))
            ]
        case .resume(let position): return resumed(position)
        case .chunk(let ref, let data, let refusal):
            return [.chunk(ref: ref, data: data.map { $0 ^ 1 }, refusal: refusal)]
        default: return [message] + (random.chance(0.5) ? replayed() : nosy())
        }
    }

    /// Knows more of the other's stream than there is, or that it acknowledged more, or less, or has it from a run that never
    /// was; was put back itself, each time anew; or says what somebody said long ago.
    private func resumed(_ position: StreamPosition) -> [LinkMessage] {
        var (epoch, first, received) = (position.epoch, position.first, position.received)
        let much = random.pick([1, 40, Int64.max / 2] as [Int64]) ?? 1
        switch Int.random(in: 0..<6, using: &random) {
        case 0: received = received.map { .init(epoch: $0.epoch, through: $0.through + much, run: $0.run) }
        case 1: first += much
        case 2: epoch = Epoch(random.next())
        case 3: received = nil
        case 4: received = received.map { .init(epoch: $0.epoch, through: $0.through, run: Run(random.next())) }
        default: return [.resume(position)] + replayed()
        }
        return [.resume(StreamPosition(epoch: epoch, first: first, received: received, run: position.run))]
    }

    /// Asks for somebody else's file, or says that it is not wanted.
    private func nosy() -> [LinkMessage] {
        let file = random.pick(world.files.order).flatMap { world.files.files[$0] }
        guard let file, let reader = world.clients.first(where: { $0.address.server == name })?.address.user else {
            return []
        }
        let ref = Int64.random(in: 1 << 40..<1 << 41, using: &random)
        return random.chance(0.5)
            ? [.chunkWanted(ref: ref, ChunkPlace(from: file.from, id: file.id, index: 0), reader: reader)]
            : [.outcome(ref: ref, from: file.from, id: file.id, reader: reader, .declined)]
    }

    /// Something that another link carried.
    private func replayed() -> [LinkMessage] {
        guard let bytes = random.pick(world.recordings), let message = try? LinkMessage(decoding: bytes) else {
            return []
        }
        return [message]
    }

    private func forged(_ envelope: Envelope) -> Envelope {
        guard let victim = stranger() else { return envelope }
        let id = random.chance(0.5) ? envelope.id : MessageID(milliseconds: 1, random: (random.next(), random.next()))
        return random.chance(0.5)
            ? Envelope(id: id, from: victim, to: .everyone, at: envelope.at, body: .text("forged"))
            : Envelope(id: id, from: victim, to: envelope.to, at: envelope.at, body: envelope.body)
    }

    private func stranger() -> Address? {
        random.pick(world.clients.map(\.address).filter { $0.server != name })
    }
}
