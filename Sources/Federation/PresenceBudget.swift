package import Bytes
package import Wire

/// How much presence a peer may tell us. Whatever it says goes out to everybody here, so a flood of it would keep our own
/// people waiting. It outlives links, for anybody can dial again.
package struct PresenceBudget: Sendable {
    /// A snapshot of the most people there may be, and again as much that a network held back for as long as a link lives.
    package static let entriesMax = 2 * Int64(RemotePresence.peopleMax)
    /// Pages of 200 people, 50 ms apart: nobody who spreads them as the protocol says tells more.
    package static let entriesPerSecond: Int64 = 4000

    private var left = PresenceBudget.entriesMax
    private var countedAt: Instant?

    package init() {}

    /// - Throws: if the peer has told more than anybody who keeps the pace can.
    package mutating func take(_ page: PresencePage, at now: Instant) throws(Refusal) {
        let earned = countedAt.map { max(0, now.since($0).nanosecondsClamped) } ?? 0
        let perEntry = 1_000_000_000 / PresenceBudget.entriesPerSecond
        left = min(PresenceBudget.entriesMax, left + earned / perEntry)
        // What does not make an entry yet is kept for the next time.
        countedAt = now.advanced(by: .nanoseconds(-(earned % perEntry)))
        left -= Int64(page.people.count) + 1
        guard left < 0 else { return }
        left = 0
        throw Refusal(.busy, "presence of more than \(PresenceBudget.entriesPerSecond) people a second")
    }
}
