import Store
import Wire

/// What time does to files in the spool, as the hub asks for it.
extension Hub {
    enum FilePurge {
        /// `again`: something has ended since it was asked for.
        case idle, underWay, again
    }

    /// One step at a time, however often it is called.
    mutating func purgeFiles(wall: Int64) {
        guard filePurge == .idle else { return filePurge = .again }
        filePurge = .underWay
        askSpool(.purge(at: wall), for: .purge)
    }

    mutating func purgedFiles(_ reply: SpoolReply, wall: Int64) {
        let isWanted = filePurge == .again
        filePurge = .idle
        guard case .purged(let changes, let hasMore) = reply else { return }
        for change in changes { send(.file(ref: nil, change.status), to: change.owner) }
        if hasMore || isWanted { purgeFiles(wall: wall) }
    }
}
