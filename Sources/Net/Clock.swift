package import Bytes
import Glibc

/// The operating system's clocks. Machines never read them: drivers hand an `Instant` in.
package enum Clock {
    /// Monotonic time; does not jump when somebody sets the date. Costs about 25 ns, so a loop reads it once per turn.
    package static var now: Instant { Instant(nanoseconds: nanoseconds(of: CLOCK_MONOTONIC)) }

    /// Milliseconds since 1970 by the wall clock, which may jump either way.
    package static var wallMilliseconds: Int64 { nanoseconds(of: CLOCK_REALTIME) / 1_000_000 }

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
