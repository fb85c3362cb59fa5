package import Bytes
package import Wire

/// Another key than the known one, shown for a server's name.
package struct KeyOffer: Hashable, Sendable {
    package let key: IdentityKey
    /// Where we dialled, and so at an address that an administrator wrote; anybody can dial us and claim a name.
    package let isDialled: Bool
    package let count: Int
    package let firstAt: Instant
    package let lastAt: Instant
}

/// What was offered in place of the known key since it is the known one.
struct KeyOffers: Sendable {
    private var dialled: KeyOffer?
    private var accepted: KeyOffer?
    private var toldAt: Instant?

    /// The log is told at once, and then now and then: whoever offers keys must not fill the disk with alarms.
    static let tellInterval: Duration = .seconds(3600)

    /// The offer that an administrator can take: the one at the address that we dial counts first.
    var best: KeyOffer? { dialled ?? accepted }

    /// Returns whether to tell of it.
    mutating func add(_ key: IdentityKey, isDialled: Bool, at now: Instant) -> Bool {
        let before = isDialled ? dialled : accepted
        let isSame = before?.key == key
        let offer = KeyOffer(
            key: key, isDialled: isDialled, count: isSame ? min((before?.count ?? 0) + 1, 1_000_000) : 1,
            firstAt: (isSame ? before?.firstAt : nil) ?? now, lastAt: now)
        if isDialled { dialled = offer } else { accepted = offer }
        let isDue = toldAt.map { now.since($0) >= KeyOffers.tellInterval } ?? true
        guard isDue || isDialled && !isSame else { return false }
        toldAt = now
        return true
    }

    /// Where we dial, the known key answers again. Who claims the name elsewhere is an alarm all the same.
    mutating func clearDialled() { dialled = nil }

    /// A key was found to be the right one.
    mutating func clear() { self = KeyOffers() }
}

/// The last refusals on links of one server, the same one in a row counted.
package struct RefusalHistory: Sendable {
    package struct Entry: Hashable, Sendable {
        package let refusal: Refusal
        /// By this node; otherwise by the other, or by the network.
        package let isOurs: Bool
        package let count: Int
        package let lastAt: Instant
    }

    /// Oldest first.
    package private(set) var entries: [Entry] = []

    /// Enough to see what came before what.
    package static let countMax = 8

    mutating func add(_ refusal: Refusal, isOurs: Bool, at now: Instant) {
        var count = 1
        if let index = entries.firstIndex(where: { $0.refusal.code == refusal.code && $0.isOurs == isOurs }) {
            count = min(entries[index].count + 1, 1_000_000)
            entries.remove(at: index)
        }
        entries.append(Entry(refusal: refusal, isOurs: isOurs, count: count, lastAt: now))
        if entries.count > RefusalHistory.countMax { entries.removeFirst() }
    }
}
