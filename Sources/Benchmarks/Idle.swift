import Bytes
import Net
import Wire

/// Sessions that log in and say nothing: what each costs the node in memory, and how fast they come.
final class Idle {
    private let stage: Stage
    private let node: NodeProcess
    private let proofs: [(UserName, Session.Proof)]
    private var counts: ArraySlice<Int>
    private var sessions: [Session] = []
    private var empty = 0.0
    private(set) var readings: [Reading] = []

    /// What the node does after the last login, such as telling the store, is over by then.
    private static let settling: Duration = .milliseconds(300)
    private static let durationMax: Duration = .seconds(60)

    /// Few, so that what the node once needed to read its setup does not hide what sessions need; and with so few
    /// sessions each that an account keeps the tokens of before and after they come back.
    private static let accounts = 80

    /// `counts` ascend.
    static func measure(counts: [Int], _ workshop: Workshop) throws -> [Reading] {
        let users = (0..<accounts).map { "user\($0)" }
        let node = try workshop.node(users: users)
        let all = try workshop.proofs(users)
        let proofs = (0..<(counts.last ?? 0)).map { all[$0 % all.count] }
        var played: Idle?
        try Stage.run(within: durationMax) { stage in
            let idle = Idle(stage, node, proofs, counts)
            played = idle
            idle.empty = try ProcessUsage(of: node.id).privateBytes
            idle.grow()
        }
        return played?.readings ?? []
    }

    private init(_ stage: Stage, _ node: NodeProcess, _ proofs: [(UserName, Session.Proof)], _ counts: [Int]) {
        self.stage = stage
        self.node = node
        self.proofs = proofs
        self.counts = counts[...]
    }

    private func grow() {
        guard let count = counts.popFirst() else { return comeBack() }
        let coming = Array(proofs[sessions.count..<count])
        arrive(coming, "by password") { [unowned self] arrived in
            sessions += arrived
            stage.after(Idle.settling) { [unowned self] in
                let bytes = try ProcessUsage(of: node.id).privateBytes - empty
                readings.append(Reading("memory of \(count)", "bytes/session", bytes / Double(count)))
                grow()
            }
        }
    }

    /// All lose their connections and log in by their tokens.
    private func comeBack() {
        let tokens = sessions.compactMap { session in session.token.map { (session.user, Session.Proof.token($0)) } }
        for session in sessions { session.close() }
        stage.after(Idle.settling) { [unowned self] in
            arrive(tokens, "by token") { [unowned self] _ in stage.finish() }
        }
    }

    private func arrive(
        _ proofs: [(UserName, Session.Proof)], _ how: String, done: @escaping ([Session]) -> Void
    ) {
        let begun = Clock.now
        do {
            let before = try ProcessUsage(of: node.id).seconds
            _ = Arrivals(proofs, at: node, on: stage) { [unowned self] arrived in
                let seconds = Double(Clock.now.since(begun).nanosecondsClamped) / 1e9
                let spent = ((try? ProcessUsage(of: node.id).seconds) ?? before) - before
                let count = Double(arrived.count)
                if counts.isEmpty {
                    readings.append(Reading("logins \(how)", "logins/s", count / seconds))
                    readings.append(Reading("logins \(how), node", "CPU-s per 1,000", spent / count * 1000))
                }
                done(arrived)
            }
        } catch { stage.fail("the node has ended") }
    }
}
