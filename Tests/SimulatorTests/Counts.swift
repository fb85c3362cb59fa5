/// How often what happened in a run, or in many.
struct Counts {
    var seeds = 0
    var messages = 0
    var files = 0
    /// Sent to a node or received from one.
    var chunks = 0
    var cuts = 0
    var crashes = 0
    var backups = 0
    /// Nodes that were put back from a backup…
    var restores = 0
    /// …and noticed when they started, or were shown it by others.
    var noticedByMark = 0
    var noticedByPeers = 0
    /// Messages that clients sent again because their node had lost them, and that servers sent again to one that had.
    var recalls = 0
    var replays = 0
    /// Of clocks on walls.
    var jumps = 0
    /// What a hostile server said.
    var lies = 0
    var duplicates = 0
    var reorders = 0
    var alarms = 0
    /// Of all that happened, in whatever order the seeds were played: equal seeds give equal runs on every machine.
    var digest: UInt64 = 0

    static func += (left: inout Counts, right: Counts) {
        left.seeds += right.seeds
        left.messages += right.messages
        left.files += right.files
        left.chunks += right.chunks
        left.cuts += right.cuts
        left.crashes += right.crashes
        left.backups += right.backups
        left.restores += right.restores
        left.noticedByMark += right.noticedByMark
        left.noticedByPeers += right.noticedByPeers
        left.recalls += right.recalls
        left.replays += right.replays
        left.jumps += right.jumps
        left.lies += right.lies
        left.duplicates += right.duplicates
        left.reorders += right.reorders
        left.alarms += right.alarms
        left.digest ^= right.digest
    }

    var line: String {
        "seeds \(seeds), messages \(messages), files \(files), chunks \(chunks), cuts \(cuts), crashes \(crashes), "
            + "backups \(backups), restores \(restores) (by mark \(noticedByMark), by peers \(noticedByPeers)), "
            + "recalls \(recalls), replays \(replays), duplicates \(duplicates), reorders \(reorders), jumps \(jumps), "
            + "lies \(lies), alarms \(alarms), digest \(String(digest, radix: 16))"
    }
}
