import Bytes
import Wire

/// Which servers reach each other.
struct Network {
    struct Pair: Hashable {
        let first: ServerName
        let second: ServerName

        init(_ one: ServerName, _ other: ServerName) {
            (first, second) = one < other ? (one, other) : (other, one)
        }
    }

    private var blockedUntil: [Pair: Instant] = [:]
    private var meddlings: [Pair: Double] = [:]
    /// When something last happened to the pair.
    private var changedAt: [Pair: Instant] = [:]

    func isBlocked(_ one: ServerName, _ other: ServerName, at now: Instant) -> Bool {
        blockedUntil[Pair(one, other)].map { now < $0 } ?? false
    }

    mutating func block(_ one: ServerName, _ other: ServerName, until end: Instant, at now: Instant) {
        blockedUntil[Pair(one, other)] = end
        changed(one, other, at: end)
    }

    func meddling(_ one: ServerName, _ other: ServerName) -> Double { meddlings[Pair(one, other)] ?? 0 }

    mutating func meddle(_ appetite: Double, _ one: ServerName, _ other: ServerName, at now: Instant) {
        meddlings[Pair(one, other)] = appetite
        changed(one, other, at: now)
    }

    mutating func changed(_ one: ServerName, _ other: ServerName, at now: Instant) {
        changedAt[Pair(one, other)] = max(now, changedAt[Pair(one, other)] ?? now)
    }

    /// How long the pair has been left alone; negative while something is going on.
    func calm(_ one: ServerName, _ other: ServerName, at now: Instant) -> Duration {
        now.since(changedAt[Pair(one, other)] ?? Instant(nanoseconds: 0))
    }

    mutating func heal(at now: Instant) {
        for pair in blockedUntil.keys { changedAt[pair] = now }
        blockedUntil = [:]
        for pair in meddlings.keys { changedAt[pair] = now }
        meddlings = [:]
    }
}
