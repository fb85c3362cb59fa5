import Bytes
import Net
import Wire

/// A closed loop: every sender keeps a number of requests under way, and what is answered in a while is counted.
final class Load {
    /// What ends a request.
    enum Ending {
        case pong
        case delivered
    }

    private struct Snapshot {
        let at: Instant
        let answered: Int
        let shown: Int
        let usages: [ProcessUsage]
    }

    private let stage: Stage
    private let nodes: [NodeProcess]
    private let workshop: Workshop
    private var senders: [() -> Void] = []
    private var answered = 0
    private var shown = 0
    private var before: Snapshot?
    private var after: Snapshot?

    init(_ stage: Stage, nodes: [NodeProcess], _ workshop: Workshop) {
        self.stage = stage
        self.nodes = nodes
        self.workshop = workshop
    }

    /// `next` makes the lines.
    func addSender(_ session: Session, window: Int, until ending: Ending, next: @escaping () -> [UInt8]) {
        session.received = { [unowned self, unowned session] line in
            guard isEnd(line, ending, of: session) else { return }
            answered += 1
            session.write(next())
        }
        senders.append { [unowned session] in
            for _ in 0..<window { session.write(next()) }
        }
    }

    func addReader(_ session: Session) {
        session.received = { [unowned self, unowned session] line in _ = isEnd(line, .delivered, of: session) }
    }

    private func isEnd(_ line: UnsafeRawBufferPointer, _ ending: Ending, of session: Session) -> Bool {
        switch Answer(line) {
        case .message: shown += 1
        case .accepted, .aside: break
        case .pong: return ending == .pong
        case .delivered: return ending == .delivered
        case .ping: session.write(ClientLine.pong(ref: 0).encoded())
        case .other: stage.fail("a node said \(String(decoding: line.prefix(512), as: UTF8.self))")
        }
        return false
    }

    /// Sends, warms up, counts, and ends the stage.
    func begin() {
        for fill in senders { fill() }
        stage.after(workshop.warmUp) { [unowned self] in
            before = try snapshot()
            stage.after(workshop.measured) { [unowned self] in
                after = try snapshot()
                stage.finish()
            }
        }
    }

    private func snapshot() throws -> Snapshot {
        let usages = try nodes.map { try ProcessUsage(of: $0.id) }
        return Snapshot(at: Clock.now, answered: answered, shown: shown, usages: usages)
    }

    /// What was found: rates, and processor seconds of each million of what `per` says.
    func readings(of what: String, per unit: Unit) throws(BenchmarkFault) -> [Reading] {
        guard let before, let after, after.answered > before.answered else {
            throw BenchmarkFault("nothing was answered")
        }
        let seconds = Double(after.at.since(before.at).nanosecondsClamped) / 1e9
        let (answered, shown) = (Double(after.answered - before.answered), Double(after.shown - before.shown))
        var readings = [Reading("rate", "\(what)/s", answered / seconds)]
        let millions = (unit == .deliveries ? shown : answered) / 1e6
        if unit == .deliveries { readings.append(Reading("delivered", "deliveries/s", shown / seconds)) }
        let name = unit == .deliveries ? "s per 1M deliveries" : "s per 1M \(what)"
        readings += Reading.costs(of: nodes, from: before.usages, to: after.usages, millions: millions, unit: name)
        return readings
    }

    enum Unit {
        case answers
        case deliveries
    }
}

/// The scenarios that are loads.
enum Loads {
    /// Nothing may take longer than this, start and logins included.
    private static let durationMax: Duration = .seconds(60)

    static func pings(_ workshop: Workshop) throws -> [Reading] {
        let line = ClientLine.ping(ref: 1).encoded()
        return try play(workshop, users: ["writer0"], of: "pings", per: .answers) { load, sessions in
            for session in sessions { load.addSender(session, window: 60, until: .pong) { line } }
        }
    }

    static func publicMessages(
        senders: Int, window: Int, readers: Int, _ workshop: Workshop
    ) throws -> [Reading] {
        let users = (0..<senders).map { "writer\($0)" } + (0..<readers).map { "reader\($0)" }
        let unit: Load.Unit = readers > 0 ? .deliveries : .answers
        return try play(workshop, users: users, of: "messages", per: unit) { load, sessions in
            for session in sessions {
                guard session.user.text.hasPrefix("writer") else {
                    load.addReader(session)
                    continue
                }
                var lines = try MessageLines(
                    to: .everyone, at: Clock.wallMilliseconds, body: .text(String(Workshop.text)))
                load.addSender(session, window: window, until: .delivered) { lines.next() }
            }
        }
    }

    private static func play(
        _ workshop: Workshop, users: [String], of what: String, per unit: Load.Unit,
        casting: @escaping (Load, [Session]) throws -> Void
    ) throws -> [Reading] {
        let node = try workshop.node(users: users)
        let proofs = try workshop.proofs(users)
        var played: Load?
        try Stage.run(within: durationMax) { stage in
            let load = Load(stage, nodes: [node], workshop)
            played = load
            _ = Arrivals(proofs, at: node, on: stage) { sessions in
                stage.after(.zero) {
                    try casting(load, sessions)
                    load.begin()
                }
            }
        }
        return try played?.readings(of: what, per: unit) ?? []
    }

    static func sealedAcross(_ link: Workshop.Link, _ workshop: Workshop) throws -> [Reading] {
        let (to, body) = try workshop.sealed.get()
        return try across(link, to: .direct(to), body, workshop)
    }

    static func publicAcross(_ workshop: Workshop) throws -> [Reading] {
        try across(.tls, to: .everyone, .text(String(Workshop.text)), workshop)
    }

    private static func across(
        _ link: Workshop.Link, to: Conversation, _ body: Envelope.Body, _ workshop: Workshop
    ) throws -> [Reading] {
        let (s1, s2) = try workshop.pair(link)
        let (alice, bob) = (try workshop.proofs(["alice"]), try workshop.proofs(["bob"]))
        var played: Load?
        try Stage.run(within: durationMax) { stage in
            let load = Load(stage, nodes: [s1, s2], workshop)
            played = load
            _ = Arrivals(bob, at: s2, on: stage) { readers in
                for reader in readers { load.addReader(reader) }
                _ = Arrivals(alice, at: s1, on: stage) { writers in
                    stage.after(.zero) {
                        var lines = try MessageLines(to: to, at: Clock.wallMilliseconds, body: body)
                        for writer in writers {
                            load.addSender(writer, window: 60, until: .delivered) { lines.next() }
                        }
                        load.begin()
                    }
                }
            }
        }
        return try played?.readings(of: "messages", per: .answers) ?? []
    }
}
