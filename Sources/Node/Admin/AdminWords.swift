import Bytes
package import Federation
import Wire

/// The answers of a node in words for people. Whatever another server chose goes through `SafeText` once more: the
/// node at the other end of the socket may be another program than this.
package enum AdminWords {
    // MARK: A table of all

    /// One row for each server.
    package static func table(of reports: [LinkReport]) -> String {
        guard !reports.isEmpty else { return "no other servers; peers add NAME ADDRESS adds one" }
        let head = ["SERVER", "STATE", "SINCE", "OVER", "QUEUED", "SENT", "FAILED", "LAST ERROR"]
        let rows = [head] + reports.map(row)
        let widths = head.indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return rows.map { cells in
            zip(cells, widths).map { $0.padded(to: $1) }.joined(separator: "  ").trimmingEnd
        }.joined(separator: "\n")
    }

    private static func row(of report: LinkReport) -> [String] {
        var state = report.state.rawValue
        if report.state == .waiting || report.state == .refused, let wait = report.dialIn {
            state += " \(words(wait))"
        }
        var error = report.lastError.map { "\($0.code.rawValue): \(SafeText($0.text))" } ?? ""
        if report.offer != nil { error = "ALARM: another key is offered" + (error.isEmpty ? "" : "; \(error)") }
        return [
            report.name.text, state, report.since.map(words) ?? "-", report.transport.rawValue,
            String(report.queued), String(report.unacknowledged), String(report.failures), error,
        ]
    }

    // MARK: One in full

    package static func everything(of report: LinkReport) -> String {
        var lines = [headline(of: report)]
        func add(_ name: String, _ text: String) { lines.append("  \(name.padded(to: 10))\(text)") }
        add("address", address(of: report))
        for line in keyLines(of: report) { add(line.0, line.1) }
        add(
            "messages",
            "\(count(report.queued, "waits", "wait")), \(report.unacknowledged) of them sent and not confirmed")
        if report.state != .up {
            let next = report.dialIn.map { $0 < .seconds(1) ? "; the next is due" : "; the next in \(words($0))" } ?? ""
            add("dials", "\(report.failures) failed in a row\(next)")
        }
        for past in report.refusals.reversed() { add(past.isOurs ? "we said" : "heard", words(on: past)) }
        lines += advice(on: report)
        return lines.joined(separator: "\n")
    }

    private static func headline(of report: LinkReport) -> String {
        let since = report.since.map { " for \(words($0))" } ?? ""
        let state: String =
            switch report.state {
            case .up:
                "has a link\(since), over \(report.transport.rawValue), dialled by "
                    + (report.isDialledByUs == true ? "us" : "them")
            case .dialling: "is being dialled; no link\(since)"
            case .waiting: "has no link\(since)"
            case .paused: "is paused by an administrator\(since)"
            case .refused: "has no link\(since), and none will come by itself"
            }
        let error = report.lastError.map { ": \($0.code.rawValue), \(SafeText($0.text))" } ?? ""
        return "\(report.name) \(state)\(report.state == .up ? "" : error)"
    }

    private static func address(of report: LinkReport) -> String {
        let entry = report.isAdded ? "added by an administrator" : "from the setup file"
        guard let address = report.address else { return "none, so it has to dial us; \(entry)" }
        let how = report.transport == .tls ? "under TLS" : "in plaintext"
        return "\(SafeText(address)), dialled \(how); \(entry)"
    }

    private static func keyLines(of report: LinkReport) -> [(String, String)] {
        guard let key = report.key else { return [("key", "none yet; the first that it proves is pinned")] }
        var lines: [(String, String)] = []
        if report.isKeyNamed {
            lines.append(("key", "\(key), named by its entry"))
        } else {
            switch report.pin?.origin {
            case .rotated: lines.append(("key", "\(key), which the key before signed for"))
            case .trusted: lines.append(("key", "\(key), trusted by an administrator"))
            case .first, nil: lines.append(("key", "\(key), pinned at first use"))
            }
            if let previous = report.pin?.previous { lines.append(("before", previous.text)) }
            if let old = report.pin?.insteadOf {
                lines.append(("setup", "names \(old) still; write the new key there"))
            }
        }
        if let offer = report.offer {
            let place = offer.isDialled ? "where we dial it" : "by somebody who dialled us"
            lines.append(
                ("ALARM", "another key is offered \(place), \(times(offer.count)), last \(words(offer.age)) ago"))
            lines.append(("offered", offer.key.text))
        }
        return lines
    }

    private static func words(on past: LinkReport.PastRefusal) -> String {
        "\(past.refusal.code.rawValue), \(times(past.count)), last \(words(past.age)) ago: \(SafeText(past.refusal.text))"
    }

    private static func advice(on report: LinkReport) -> [String] {
        if report.state == .paused { return ["what helps: peers resume \(report.name)"] }
        if report.offer != nil {
            return [
                "what helps: ask the administrator of \(report.name) whether the offered key is theirs, "
                    + "then peers trust \(report.name)"
            ]
        }
        guard report.state != .up, let code = report.lastError?.code, let row = LinkAdvice.row(of: code) else {
            return []
        }
        return ["what helps: \(row.helps.filter { $0 != "`" }) (\(row.why))"]
    }

    // MARK: Steps of a test

    package static func words(on step: ProbeStep) -> String {
        let name: String =
            switch step.stage {
            case .lookup: "name lookup"
            case .tcp: "TCP"
            case .tls: "TLS"
            case .webSocket: "WebSocket"
            case .theirProof: "their proof"
            case .ourProof: "our proof"
            case .echo: "echo"
            case .clock: "clock"
            }
        let time = step.stage == .clock ? "" : milliseconds(step.took)
        let start = "\(step.refusal == nil ? "ok  " : "FAIL")  \(name.padded(to: 12))\(time.padded(to: 11))"
        guard let refusal = step.refusal else { return start + SafeText(step.text).text }
        var lines = ["\(start)\(refusal.code.rawValue): \(SafeText(refusal.text))"]
        if let known = step.known { lines.append("      known   \(known)") }
        if let shown = step.shown { lines.append("      shown   \(shown)") }
        if let wanted = step.wanted, let got = step.got { lines.append("      wanted  \(wanted), got \(got)") }
        if let row = LinkAdvice.row(of: refusal.code) {
            lines.append("what helps: \(row.helps.filter { $0 != "`" }) (\(row.why))")
        }
        return lines.joined(separator: "\n")
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = duration.nanosecondsClamped / 100_000
        return "\(tenths / 10).\(tenths % 10) ms"
    }

    // MARK: Small things

    /// `12 s`, `5 min`, `3 h`, `4 d`: as coarse as anybody cares to know.
    package static func words(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    private static func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }

    private static func count(_ number: Int64, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        var text = self[...]
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}
