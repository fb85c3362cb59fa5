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
        case .resume:
            // A forged message in the next place of the stream, and somebody else's words behind it.
            return [message] + replayed()
        default: return [message] + replayed()
        }
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
