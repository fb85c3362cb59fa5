/// A point on a monotonic clock. Machines receive it as an argument and never read a clock themselves, so a test
/// can let an hour pass in a microsecond. Only differences between two instants mean anything.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an origin that is fixed for the life of the process.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Saturates at the ends of the range instead of trapping.
    package func advanced(by duration: Duration) -> Instant {
        Instant(nanoseconds: Int64(clamping: Int128(nanoseconds) + duration.wholeNanoseconds))
    }

    /// The time from `earlier` to this instant; negative if `earlier` is in fact later.
    package func since(_ earlier: Instant) -> Duration {
        .nanoseconds(nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
    /// This duration in whole nanoseconds, clamped to what 64 bits hold (292 years).
    package var nanosecondsClamped: Int64 { Int64(clamping: wholeNanoseconds) }

    /// Unclamped: the longest duration has 2^127 attoseconds. Rounded towards zero.
    fileprivate var wholeNanoseconds: Int128 { attoseconds / 1_000_000_000 }

    /// Whole milliseconds, rounded towards zero; what goes into logs and wire fields.
    package var milliseconds: Int64 { nanosecondsClamped / 1_000_000 }
}
