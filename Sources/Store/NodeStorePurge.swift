import Wire

/// What is kept only for a while.
extension NodeStore {
    /// Deletes settled outbox rows and unused tokens that are old enough, at most `stepRowsMax` of each kind.
    func purge(at now: Int64) throws(StoreError) -> NodeReply {
        let tokensDeleted = try purgeTokens(at: now)
        var rowsLeft = NodeStore.stepRowsMax
        let peers = try database.rows("SELECT id, acknowledged FROM peer ORDER BY id") {
            (id: $0.integer(0), acknowledged: $0.integer(1))
        }
        for peer in peers where rowsLeft > 0 {
            rowsLeft -= try purgeOutbox(of: peer.id, acknowledged: peer.acknowledged, rowsMax: rowsLeft, at: now)
        }
        return .purged(hasMore: rowsLeft == 0 || tokensDeleted == NodeStore.stepRowsMax)
    }

    /// Deletes from the oldest on and stops at the first row to keep, so that what remains is a stream without holes.
    private func purgeOutbox(
        of peer: Int64, acknowledged: Int64, rowsMax: Int, at now: Int64
    ) throws(StoreError) -> Int {
        var count = 0
        var through: Int64 = 0
        try database.forEach(
            "SELECT seq, settled_at FROM outbox WHERE peer = ? AND seq <= ? ORDER BY seq LIMIT ?",
            peer, acknowledged, rowsMax
        ) { row in
            guard NodeStore.isOlder(row.integer(1), than: NodeStore.retainedMillisecondsMax, at: now) else {
                return false
            }
            through = row.integer(0)
            count += 1
            return true
        }
        if count > 0 { try database.run("DELETE FROM outbox WHERE peer = ? AND seq <= ?", peer, through) }
        return count
    }

    private func purgeTokens(at now: Int64) throws(StoreError) -> Int {
        let (cutoff, overflow) = now.subtractingReportingOverflow(NodeStore.tokenMillisecondsMax)
        guard !overflow else { return 0 }
        try database.run(
            "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE used_at < ? ORDER BY used_at LIMIT ?)",
            cutoff, NodeStore.stepRowsMax)
        return database.changedCount
    }

    static func isOlder(_ time: Int64, than age: Int64, at now: Int64) -> Bool {
        let (passed, overflow) = now.subtractingReportingOverflow(time)
        return !overflow && passed > age
    }
}
