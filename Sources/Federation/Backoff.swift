package import Bytes

/// When one server may be dialled again: at once, then after 1, 2, 4 … 60 s. Below the cap a wait is up to an eighth
/// longer, so that two servers do not meet in step; at the cap it is anywhere between 30 and 60 s.
package struct Backoff: Sendable {
    package private(set) var failures = 0
    private var waitsUntil: Instant?
    private var isHeldUntil: Instant?

    package init() {}

    package static let delayMax: Duration = .seconds(60)
    /// A peer that goes down for longer than an hour is asked again anyway.
    package static let holdMax: Duration = .seconds(3600)
    /// After losing to a duplicate whose winner has not shown itself.
    package static let pause: Duration = .seconds(1)

    /// No dial before this instant; nil if one may start at once.
    package var notBefore: Instant? {
        guard let waitsUntil else { return isHeldUntil }
        guard let isHeldUntil else { return waitsUntil }
        return max(waitsUntil, isHeldUntil)
    }

    package mutating func failed(at now: Instant, using random: inout some RandomNumberGenerator) {
        failures = min(failures + 1, 1000)
        waitsUntil = now.advanced(by: Backoff.delay(afterFailures: failures, using: &random))
    }

    /// The peer took something from us, or the link stood long enough.
    package mutating func succeeded() {
        failures = 0
        waitsUntil = nil
        isHeldUntil = nil
    }

    /// The peer is known to be there: dial at once. The count stays, so that a peer which only seems to be there is
    /// not dialled in a circle.
    package mutating func wake() { waitsUntil = nil }

    /// Somebody wants a dial at once, whatever was agreed on. The count stays.
    package mutating func overrule() {
        waitsUntil = nil
        isHeldUntil = nil
    }

    /// Waits a moment without counting a failure.
    package mutating func paused(at now: Instant) { waitsUntil = now.advanced(by: Backoff.pause) }

    /// The peer said when to come back.
    package mutating func held(for duration: Duration, at now: Instant) {
        isHeldUntil = now.advanced(by: min(max(duration, .zero), Backoff.holdMax))
    }

    package static func delay(afterFailures count: Int, using random: inout some RandomNumberGenerator) -> Duration {
        guard count > 0 else { return .zero }
        let seconds = count < 7 ? Int64(1) << Int64(count - 1) : 60
        guard seconds < 60 else { return .milliseconds(Int64.random(in: 30_000...60_000, using: &random)) }
        return .milliseconds(seconds * 1000 + Int64.random(in: 0...(seconds * 125), using: &random))
    }
}
