/// How long to wait before connecting again: at once, then 1, 2, 4 … 60 seconds.
struct ReconnectDelay: Sendable {
    private var failures = 0

    /// A login succeeded.
    mutating func reset() { failures = 0 }

    /// Wait the longest from now on, as after a refusal that time alone does not heal.
    mutating func slowDown() { failures = ReconnectDelay.doublingsMax + 1 }

    /// `jitter` is from 0 to 1: delays are spread by a quarter either way, so that the clients of a node that came
    /// back do not arrive in step. `wanted` is what the node asked for; then the spread only adds.
    mutating func next(jitter: Double, wanted: Duration? = nil) -> Duration {
        defer { failures = min(failures + 1, ReconnectDelay.doublingsMax + 1) }
        if let wanted { return wanted * (1 + jitter / 4) }
        guard failures > 0 else { return .zero }
        let seconds = min(ReconnectDelay.secondsMax, 1 << (failures - 1))
        return .seconds(seconds) * (0.75 + jitter / 2)
    }

    /// A node that was away for long is noticed within a minute of its return.
    private static let secondsMax = 60
    /// 2 to this power exceeds `secondsMax`.
    private static let doublingsMax = 6
}
