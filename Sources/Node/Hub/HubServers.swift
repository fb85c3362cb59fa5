import Bytes
import Federation
import Store
import Wire

/// What this node's people are told of other servers: which cannot be reached, and since when.
extension Hub {
    /// A server without a link.
    struct Absence {
        /// Milliseconds since 1970.
        let since: Int64
        /// Links end and begin again all the time; only what lasts is news.
        let tellAt: Instant
        var isTold = false
    }

    /// Presence may be wrong for 30 s after a fault; noticing a dead link takes up to 20 of them.
    static let absenceDurationMin: Duration = .seconds(5)

    /// Nothing is linked at the start.
    mutating func awaitServers(at now: Instant, wall: Int64) {
        for state in mesh.linkStates { absent(state.name, at: now, wall: wall) }
    }

    mutating func noteLink(_ note: MeshNote, at now: Instant, wall: Int64) {
        switch note {
        case .linkUp(let server, _):
            guard absences.removeValue(forKey: server)?.isTold ?? false else { return }
            sendToAll(.servers([ServerStatus(server: server, isReachable: true, since: wall)], isWhole: false))
        case .linkDown(let server, _, _): absent(server, at: now, wall: wall)
        default: break
        }
    }

    mutating func tellAbsences(at now: Instant) {
        let due = absences.filter { !$0.value.isTold && $0.value.tellAt <= now }.keys.sorted()
        guard !due.isEmpty else { return }
        for server in due { absences[server]?.isTold = true }
        sendToAll(.servers(due.compactMap { status(of: $0) }, isWhole: false))
    }

    /// For somebody who has just come.
    func absenceLine() -> NodeLine {
        let told = absences.filter(\.value.isTold).keys.sorted().prefix(ServerStatus.countMax)
        return .servers(told.compactMap { status(of: $0) }, isWhole: true)
    }

    private func status(of server: ServerName) -> ServerStatus? {
        absences[server].map { ServerStatus(server: server, isReachable: false, since: $0.since) }
    }

    mutating func absent(_ server: ServerName, at now: Instant, wall: Int64) {
        guard absences[server] == nil else { return }
        let tellAt = now.advanced(by: Hub.absenceDurationMin)
        absences[server] = Absence(since: wall, tellAt: tellAt)
        actions.append(.wake(at: tellAt))
    }
}
