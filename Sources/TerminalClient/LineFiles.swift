import Bytes
import ChatClient
import Wire

/// A file as it was last shown.
struct ShownFile: Sendable {
    let number: Int64
    var state: FileProgress.State
    var reason: Refusal?
    var percent: Int64
    var at: Instant

    /// Whether a command may still be about it.
    var canBeNamed: Bool { state == .offered || state == .sending || state == .receiving }
}

/// Files.
extension LineModel {
    mutating func show(_ file: FileProgress, isAnswer: Bool) {
        note(file.from)
        let percent = Amount.percent(file.bytes, of: file.of)
        let before = files[file.number]
        let isNews = before.map { $0.state != file.state || $0.reason != file.reason } ?? true
        if isAnswer {
            say(row(file), timed: false)
        } else if isNews {
            tell(file)
        } else if let before, isTerminal, isDue(percent, before) {
            say("  \(progress(file, percent))", .quiet)
        } else {
            return
        }
        if files.count < LineModel.filesMax || before != nil {
            if file.from == address { offers[file.id] = file.number }
            files[file.number] = ShownFile(
                number: file.number, state: file.state, reason: file.reason, percent: percent, at: now)
        }
    }

    /// How far a file has come, if that is worth a line.
    mutating func progress(of file: FileProgress, at now: Instant, wallMilliseconds: Int64) -> [SafeLine] {
        (self.now, self.wallMilliseconds) = (now, wallMilliseconds)
        let percent = Amount.percent(file.bytes, of: file.of)
        let before = files[file.number]
        if let before, before.state == file.state, !isDue(percent, before) { return [] }
        files[file.number] = ShownFile(
            number: file.number, state: file.state, reason: file.reason, percent: percent, at: now)
        return file.state == .offered ? [] : [progress(file, percent)]
    }

    /// A tenth more, but no line every moment; and a word each minute, however slow it is.
    private func isDue(_ percent: Int64, _ before: ShownFile) -> Bool {
        let elapsed = now.since(before.at)
        return (percent >= before.percent + 10 && elapsed >= .seconds(2)) || elapsed >= .seconds(60)
    }

    private mutating func tell(_ file: FileProgress) {
        let name = SafeText("file \(file.number), \"\(file.name)\"")
        let isOwn = file.from == address
        switch file.state {
        case .offered where isOwn: say("  \(name): offered to \(file.to), and fetched when they want it")
        case .offered:
            let size = SafeText(Amount.bytes(file.of))
            say(
                "  \(file.from) offers \(name), \(size); /accept \(file.number) fetches it, /cancel \(file.number) declines"
            )
        case .sending, .receiving: say("  \(progress(file, Amount.percent(file.bytes, of: file.of)))")
        case .complete where isOwn: say("  \(name): \(file.to) has it")
        case .complete: say("  \(name): here it is: \(SafeText(file.path ?? "complete"))")
        case .cancelled: say("  \(name): \(isOwn ? "the offer has ended" as SafeLine : "it is not offered any more")")
        case .failed: say("  \(name): FAILED", .alarm)
        }
        if let reason = file.reason {
            say(
                "  \(SafeText(reason.text)) (\(SafeText(reason.code.rawValue)))",
                file.state == .failed ? .alarm : .quiet)
        }
        // What the node has no more cannot be had, all else may.
        if file.state == .failed, !isOwn, file.reason?.code != .noFile {
            say("  /accept \(file.number) tries again, /accept \(file.number) PATH elsewhere", .quiet)
        }
    }

    private func progress(_ file: FileProgress, _ percent: Int64) -> SafeLine {
        let verb: SafeLine = file.state == .sending ? "sending" : "receiving"
        var line: SafeLine = "\(verb) file \(file.number): \(percent) % of \(SafeText(Amount.bytes(file.of)))"
        if let speed = file.bytesPerSecond { line = "\(line), \(SafeText(Amount.bytes(speed)))/s" }
        if let seconds = file.secondsLeft { line = "\(line), \(SafeText(Amount.seconds(seconds))) left" }
        return line
    }

    /// In answer to `/files`.
    private func row(_ file: FileProgress) -> SafeLine {
        let size = SafeText(Amount.bytes(file.of))
        let percent = Amount.percent(file.bytes, of: file.of)
        var line: SafeLine =
            "  \(file.number)  \(SafeText(file.state.rawValue))  \(file.from) to \(file.to)  \(SafeText("\"\(file.name)\""))  \(size)"
        if file.state == .sending || file.state == .receiving { line = "\(line)  \(percent) %" }
        if let path = file.path { line = "\(line)  \(SafeText(path))" }
        if let reason = file.reason { line = "\(line)  \(SafeText(reason.text))" }
        return line
    }

    /// Those of one run whose progress is followed.
    private static let filesMax = 10_000
}

/// Numbers for people.
package enum Amount {
    /// `812 B`, `1.2 MB`: powers of 1,000, one place.
    package static func bytes(_ bytes: Int64) -> String {
        guard bytes >= 1000 else { return "\(bytes) B" }
        var (unit, rest) = (1, bytes)
        while rest >= 1_000_000, unit < 5 { (unit, rest) = (unit + 1, rest / 1000) }
        // Never more than is there.
        return "\(rest / 1000).\(rest % 1000 / 100) \(["B", "kB", "MB", "GB", "TB", "PB"][unit])"
    }

    package static func seconds(_ seconds: Int64) -> String {
        switch seconds {
        case ..<90: "\(seconds) s"
        case ..<5400: "\((seconds + 59) / 60) min"
        default: "\((seconds + 3599) / 3600) h"
        }
    }

    /// 0 to 100; nothing is always whole.
    package static func percent(_ part: Int64, of whole: Int64) -> Int64 {
        guard whole > 0 else { return 100 }
        return Int64(Double(max(0, min(part, whole))) / Double(whole) * 100)
    }
}
