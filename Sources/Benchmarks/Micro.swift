import Bytes
import Glibc
import Net
import Wire

/// Parts of the code alone.
struct Micro {
    /// Of one figure in one round; short ones are repeated until it is over.
    private let seconds: Double

    init(isQuick: Bool) { seconds = isQuick ? 0.05 : 0.15 }

    static func measure(_ workshop: Workshop) throws -> [Reading] {
        try Micro(isQuick: workshop.isQuick).measure(workshop)
    }

    private func measure(_ workshop: Workshop) throws -> [Reading] {
        let (to, sealedBody) = try workshop.sealed.get()
        let now = Clock.wallMilliseconds
        let id = MessageID(milliseconds: now, random: (1, 2))
        let from = try Address(parsing: "alice@s1")
        let spoken = Envelope(id: id, from: from, to: .everyone, at: now, body: .text(String(Workshop.text)))
        let sealed = Envelope(id: id, from: from, to: .direct(to), at: now, body: sealedBody)
        return try lines(spoken, "public") + lines(sealed, "sealed") + bytes()
    }

    private func lines(_ envelope: Envelope, _ kind: String) throws -> [Reading] {
        let encoded = envelope.encoded()
        let draft = ClientLine.message(
            Draft(id: envelope.id, to: envelope.to, at: envelope.at, body: envelope.body))
        let clientLine = Array(draft.encoded().dropLast())
        let nodeLine = NodeLine.message(Entry(seq: 123_456, envelope: envelope), in: envelope.to)
        let state = NodeLine.state(MessageState(id: envelope.id, state: .accepted(seq: 123_456)))
        let link = LinkMessage.envelope(seq: 123_456, envelope)
        let linkBytes = link.encoded()
        var readings = [
            Reading("\(kind) envelope, write", "/s", perSecond { envelope.encoded().count }),
            Reading("\(kind) envelope, read", "/s", try perSecond { try Envelope(decoding: encoded).at > 0 ? 1 : 0 }),
            Reading(
                "\(kind) client line, read", "/s",
                try perSecond { try ClientLine(try JSONObject(message: clientLine)) == .bye ? 0 : 1 }),
            Reading("\(kind) node line, write", "/s", perSecond { nodeLine.encoded().count }),
            Reading("\(kind) link message, write", "/s", perSecond { link.encoded().count }),
            Reading(
                "\(kind) link message, read", "/s",
                try perSecond { if case .envelope = try LinkMessage(decoding: linkBytes) { 1 } else { 0 } }),
        ]
        if kind == "public" { readings.append(Reading("state line, write", "/s", perSecond { state.encoded().count })) }
        return readings
    }

    private func bytes() throws -> [Reading] {
        let size = 64 << 10
        var generator = SystemRandomNumberGenerator()
        let random = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let text = Base64.encode(random)
        let ascii = Array(text.utf8.prefix(size))
        let mixed = Array(String(repeating: "Grüße aus Köln, Ελληνικά, 漢字 – ", count: size / 45).utf8)
        func gigabytes(_ count: Int, _ runs: Double) -> Double { Double(count) * runs / 1e9 }
        return [
            Reading("base64, write", "GB/s", gigabytes(size, perSecond { Base64.encode(random).utf8.count })),
            Reading("base64, read", "GB/s", gigabytes(size, perSecond { Base64.decode(text)?.count ?? 0 })),
            Reading("UTF-8 check, ASCII", "GB/s", gigabytes(ascii.count, perSecond { Micro.valid(ascii) })),
            Reading("UTF-8 check, mixed", "GB/s", gigabytes(mixed.count, perSecond { Micro.valid(mixed) })),
        ]
    }

    static func valid(_ bytes: [UInt8]) -> Int {
        var validator = UTF8Validator()
        let isValid = bytes.withUnsafeBytes { validator.consume($0) }
        return isValid && validator.isComplete ? 1 : 0
    }

    /// How often `body` runs in a second of this thread's processor time, so that others on the machine count less.
    /// What it returns is added up, and no compiler can leave it out.
    func perSecond(_ body: () throws -> Int) rethrows -> Double {
        let begun = Micro.processorSeconds
        var (runs, sum, elapsed) = (0, 0, 0.0)
        // Reading the clock takes as long as ten short bodies, so it is read ever less often.
        var batch = 16
        while elapsed < seconds {
            for _ in 0..<batch { sum &+= try body() }
            runs += batch
            elapsed = Micro.processorSeconds - begun
            if elapsed < seconds / 16 { batch *= 2 }
        }
        return sum == 0 ? 0 : Double(runs) / elapsed
    }

    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
