import Bytes
import Net
import Wire

/// An open loop: messages leave at a fixed rate, whatever has become of those before, and the time is taken until each
/// is accepted, delivered, and shown to its reader.
final class Latency {
    private let stage: Stage
    private let writer: Session
    private let reader: Session
    private let perSecond: Int
    private let count: Int
    private var lines: MessageLines
    private var begun: Instant?
    private var sentAt: [Instant] = []
    private var accepted: [Double] = []
    private var delivered: [Double] = []
    private var shown: [Double] = []

    init(_ stage: Stage, writer: Session, reader: Session, perSecond: Int, count: Int, lines: MessageLines) {
        self.stage = stage
        self.writer = writer
        self.reader = reader
        self.perSecond = perSecond
        self.count = count
        self.lines = lines
        sentAt.reserveCapacity(count)
        stage.keep(self)
        reader.received = { [unowned self] line in heard(line) }
        writer.received = { [unowned self] line in answered(line) }
    }

    /// The first message opens the way and is not counted; the others follow once it has arrived.
    func begin() {
        sentAt.append(stage.loop.now)
        writer.write(lines.next())
    }

    private func answered(_ line: UnsafeRawBufferPointer) {
        switch Answer(line) {
        case .accepted(let number): take(number, into: &accepted)
        case .delivered(let number):
            take(number, into: &delivered)
            if number == 0 { sendDue() }
            finishIfDone()
        case .ping: writer.write(ClientLine.pong(ref: 0).encoded())
        case .message, .aside, .pong: break
        case .other: stage.fail("a node said \(String(decoding: line.prefix(512), as: UTF8.self))")
        }
    }

    private func heard(_ line: UnsafeRawBufferPointer) {
        switch Answer(line) {
        case .message:
            guard let number = MessageLines.number(ofMessage: line) else { return stage.fail("a message without id") }
            take(number, into: &shown)
            finishIfDone()
        case .ping: reader.write(ClientLine.pong(ref: 0).encoded())
        default: break
        }
    }

    private func take(_ number: UInt64, into latencies: inout [Double]) {
        guard number > 0, let sent = sentAt.indices.contains(Int(number)) ? sentAt[Int(number)] : nil else { return }
        latencies.append(Double(stage.loop.now.since(sent).nanosecondsClamped) / 1e6)
    }

    private func sendDue() {
        let now = stage.loop.now
        let start = begun ?? now
        begun = start
        let due = Int(now.since(start).nanosecondsClamped) * perSecond / 1_000_000_000
        while sentAt.count < min(due, count) + 1 {
            sentAt.append(now)
            writer.write(lines.next())
        }
        guard sentAt.count <= count else { return }
        let next = Duration.nanoseconds(Int64(due + 1) * 1_000_000_000 / Int64(perSecond))
        stage.after(start.advanced(by: next).since(now)) { [unowned self] in sendDue() }
    }

    private func finishIfDone() {
        if [accepted, delivered, shown].allSatisfy({ $0.count == count }) { stage.finish() }
    }

    private var readings: [Reading] {
        [("accepted", accepted), ("delivered", delivered), ("shown", shown)].flatMap {
            Reading.percentiles($0, $1)
        }
    }

    // MARK: The scenarios

    private static let durationMax: Duration = .seconds(60)

    static func ofPublic(perSecond: Int, _ workshop: Workshop) throws -> [Reading] {
        let node = try workshop.node(users: ["alice", "bob"])
        let lines = try MessageLines(to: .everyone, at: Clock.wallMilliseconds, body: .text(String(Workshop.text)))
        return try play(workshop, from: node, to: node, perSecond: perSecond, lines)
    }

    static func ofSealed(perSecond: Int, _ link: Workshop.Link, _ workshop: Workshop) throws -> [Reading] {
        let (to, body) = try workshop.sealed.get()
        let (s1, s2) = try workshop.pair(link)
        let lines = try MessageLines(to: .direct(to), at: Clock.wallMilliseconds, body: body)
        return try play(workshop, from: s1, to: s2, perSecond: perSecond, lines)
    }

    private static func play(
        _ workshop: Workshop, from first: NodeProcess, to second: NodeProcess, perSecond: Int, _ lines: MessageLines
    ) throws -> [Reading] {
        let (alice, bob) = (try workshop.proofs(["alice"]), try workshop.proofs(["bob"]))
        let count = Int((workshop.measured.components.seconds + 1)) * perSecond
        var played: Latency?
        try Stage.run(within: durationMax) { stage in
            _ = Arrivals(bob, at: second, on: stage) { readers in
                _ = Arrivals(alice, at: first, on: stage) { writers in
                    guard let reader = readers.first, let writer = writers.first else { return }
                    let latency = Latency(
                        stage, writer: writer, reader: reader, perSecond: perSecond, count: count, lines: lines)
                    played = latency
                    latency.begin()
                }
            }
        }
        return played?.readings ?? []
    }
}
