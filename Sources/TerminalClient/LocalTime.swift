import Glibc
package import Wire

/// A moment as a clock on the wall shows it.
package struct LocalTime: Equatable, Sendable {
    package let day: SafeText
    package let minute: SafeText

    /// `2026-11-21` and `14:03`; nothing checks that there is such a day.
    package init(year: Int, month: Int, day: Int, hour: Int, minute: Int) {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        self.day = SafeText("\(year)-\(two(month))-\(two(day))")
        self.minute = SafeText("\(two(hour)):\(two(minute))")
    }

    /// In the zone that the environment names. `milliseconds` since 1970 may come from anybody.
    static func here(_ milliseconds: Int64) -> LocalTime {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else {
            return LocalTime(year: 1970, month: 1, day: 1, hour: 0, minute: 0)
        }
        return LocalTime(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour), minute: Int(parts.tm_min))
    }
}
