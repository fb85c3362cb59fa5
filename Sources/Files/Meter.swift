import Bytes

/// The speed of one transfer over its last seconds.
struct Meter: Sendable {
    private var samples: [(at: Instant, bytes: Int64)] = []

    mutating func note(_ bytes: Int64, at now: Instant) {
        if let last = samples.last, now.since(last.at) < Meter.sampleDurationMin, samples.count > 1 { return }
        samples.append((now, bytes))
        samples.removeAll { now.since($0.at) > Meter.durationMax }
    }

    /// nil if it is not known, or nothing moves.
    func bytesPerSecond(at now: Instant) -> Int64? {
        guard let first = samples.first, let last = samples.last, now.since(last.at) <= Meter.durationMax else {
            return nil
        }
        let milliseconds = last.at.since(first.at).milliseconds
        guard milliseconds > 0, last.bytes > first.bytes else { return nil }
        return Int64(clamping: Int128(last.bytes - first.bytes) * 1000 / Int128(milliseconds))
    }

    /// What people call now.
    private static let durationMax: Duration = .seconds(5)
    /// At most 50 samples of one transfer are kept.
    private static let sampleDurationMin: Duration = .milliseconds(100)
}
