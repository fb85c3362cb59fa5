import Bytes
import Net
import Wire

/// What waited for a server that was away, and how fast it arrives once the server is back.
final class Drain {
    private let stage: Stage
    private let s1: NodeProcess
    private let count: UInt64
    private var lines: MessageLines
    private var accepted: UInt64 = 0
    private var delivered: UInt64 = 0
    private var firstShown: UInt64?
    private var nextShown: UInt64 = 0
    private var ends: [(at: Instant, usages: [ProcessUsage])] = []
    private var nodes: [NodeProcess]
    private let startSecond: () throws -> NodeProcess
    private let bob: [(UserName, Session.Proof)]
    private var startedAt: Instant?

    /// As many as a client may have unanswered, and a few less.
    private static let window = 60
    /// For the start of both nodes; besides, no message may take longer than `patience` on its way.
    private static let startMax: Duration = .seconds(60)
    private static let patience: Duration = .milliseconds(5)

    static func ofPublic(count: Int, _ workshop: Workshop) throws -> [Reading] {
        try measure(count: count, to: .everyone, .text(String(Workshop.text)), workshop)
    }

    static func ofSealed(count: Int, _ workshop: Workshop) throws -> [Reading] {
        let (to, body) = try workshop.sealed.get()
        return try measure(count: count, to: .direct(to), body, workshop)
    }

    private static func measure(
        count: Int, to: Conversation, _ body: Envelope.Body, _ workshop: Workshop
    ) throws -> [Reading] {
        let (s1, startSecond) = try workshop.lonely()
        let (alice, bob) = (try workshop.proofs(["alice"]), try workshop.proofs(["bob"]))
        let lines = try MessageLines(to: to, at: Clock.wallMilliseconds, body: body)
        var played: Drain?
        try Stage.run(within: startMax + patience * count) { stage in
            let drain = Drain(stage, s1, count: UInt64(count), lines: lines, bob: bob, startSecond)
            played = drain
            _ = Arrivals(alice, at: s1, on: stage) { writers in
                for writer in writers { drain.fill(from: writer) }
            }
        }
        return try played?.readings() ?? []
    }

    private init(
        _ stage: Stage, _ s1: NodeProcess, count: UInt64, lines: MessageLines, bob: [(UserName, Session.Proof)],
        _ startSecond: @escaping () throws -> NodeProcess
    ) {
        self.stage = stage
        self.s1 = s1
        self.count = count
        self.lines = lines
        self.bob = bob
        self.startSecond = startSecond
        nodes = [s1]
        stage.keep(self)
    }

    /// Writes until everything is accepted, and waits then for the news that `s2` has it.
    private func fill(from writer: Session) {
        writer.received = { [unowned self, unowned writer] line in
            switch Answer(line) {
            case .accepted:
                accepted += 1
                if lines.count < count { writer.write(lines.next()) }
                if accepted == count { stage.after(.zero) { [unowned self] in try open() } }
            case .delivered(let number): arrived(number)
            case .ping: writer.write(ClientLine.pong(ref: 0).encoded())
            case .message, .aside, .pong: break
            case .other: fail(line)
            }
        }
        for _ in 0..<min(UInt64(Drain.window), count) { writer.write(lines.next()) }
    }

    private func open() throws {
        let s2 = try startSecond()
        nodes.append(s2)
        startedAt = Clock.now
        _ = Arrivals(bob, at: s2, on: stage) { [unowned self] readers in
            for reader in readers { watch(reader) }
        }
    }

    /// `s2` shows what arrives from now on, without a gap and in the order of its writer.
    private func watch(_ reader: Session) {
        reader.received = { [unowned self, unowned reader] line in
            switch Answer(line) {
            case .message:
                guard let number = MessageLines.number(ofMessage: line) else { return fail(line) }
                guard firstShown == nil || number == nextShown else {
                    return stage.fail("message \(number) was shown when \(nextShown) was due")
                }
                if firstShown == nil { firstShown = number }
                nextShown = number + 1
                finishIfDone()
            case .ping: reader.write(ClientLine.pong(ref: 0).encoded())
            case .aside: break
            default: fail(line)
            }
        }
    }

    private func arrived(_ number: UInt64) {
        guard number == delivered else {
            return stage.fail("message \(number) was delivered when \(delivered) was due")
        }
        if number == 0 { look() }
        delivered += 1
        if delivered == count { look() }
        finishIfDone()
    }

    private func look() {
        do { ends.append((Clock.now, try nodes.map { try ProcessUsage(of: $0.id) })) } catch { stage.fail("\(error)") }
    }

    /// Everything is with `s2`; and what `bob` was shown, if he came before the end, reaches to the last message.
    private func finishIfDone() {
        guard delivered == count, firstShown == nil || nextShown == count else { return }
        stage.finish()
    }

    private func fail(_ line: UnsafeRawBufferPointer) {
        stage.fail("a node said \(String(decoding: line.prefix(512), as: UTF8.self))")
    }

    private func readings() throws(BenchmarkFault) -> [Reading] {
        guard let first = ends.first, let last = ends.last, ends.count == 2, let startedAt, count > 1 else {
            throw BenchmarkFault("nothing was drained")
        }
        let seconds = Double(last.at.since(first.at).nanosecondsClamped) / 1e9
        let drained = Double(count - 1)
        return [
            Reading("rate", "messages/s", drained / seconds),
            Reading("until the first", "ms", Double(first.at.since(startedAt).nanosecondsClamped) / 1e6),
            Reading("shown in order", "messages", Double(firstShown.map { count - $0 } ?? 0)),
        ]
            + Reading.costs(
                of: nodes, from: first.usages, to: last.usages, millions: drained / 1e6, unit: "s per 1M messages")
    }
}
