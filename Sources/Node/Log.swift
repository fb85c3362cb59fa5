import Glibc
import Net
import Wire

/// What the node tells its administrator, on standard error: words on a terminal, JSON otherwise. Never the text of a
/// message, never a secret, and nothing from outside but through `SafeText`.
package struct Log: Sendable {
    package enum Level: String, Sendable {
        case info, warning, alarm
    }

    private let isTerminal: Bool

    package init() {
        isTerminal = isatty(STDERR_FILENO) == 1
        tzset()  // localtime_r need not
    }

    package func write(_ level: Level, _ event: String, _ members: [(String, String)] = []) {
        let line = isTerminal ? Log.words(level, event, members) : Log.json(level, event, members)
        var offset = 0
        while offset < line.count, Log.takesMore {
            let count = line[offset...].withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            offset += count
        }
    }

    /// A log that nobody takes must not stop the node: what finds no room is lost.
    private static var takesMore: Bool {
        var wanted = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        return poll(&wanted, 1, 0) > 0 && wanted.revents & Int16(POLLOUT) != 0
    }

    private static func words(_ level: Level, _ event: String, _ members: [(String, String)]) -> [UInt8] {
        let rest = members.map { " \($0.0)=\(SafeText($0.1))" }.joined()
        return Array("\(timeOfDay) \(level.rawValue): \(SafeText(event))\(rest)\n".utf8)
    }

    /// By the clock on the wall of whoever looks at the terminal, `14:03:59`.
    private static var timeOfDay: String {
        var seconds = time_t(Clock.wallMilliseconds / 1000)
        var local = tm()
        localtime_r(&seconds, &local)
        return [local.tm_hour, local.tm_min, local.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    private static func json(_ level: Level, _ event: String, _ members: [(String, String)]) -> [UInt8] {
        JSONWriter.line { writer in
            writer.member("at", Clock.wallMilliseconds)
            writer.member("level", level.rawValue)
            writer.member("event", SafeText(event).text)
            for (name, value) in members { writer.member(name, SafeText(value).text) }
        }
    }
}
