import Wire

/// What time does to files, each only some at a time.
extension SpoolStore {
    func purge(at now: Int64) throws(StoreError) -> SpoolReply {
        let rowsMax = SpoolStore.stepRowsMax
        var changes = try expire(.uploading, after: SpoolStore.incompleteMillisecondsMax, rowsMax: rowsMax, at: now)
        changes += try expire(.complete, after: limits.keepMilliseconds, rowsMax: rowsMax - changes.count, at: now)
        let deletedCount = try deleteChunks(rowsMax: rowsMax)
        let forgottenCount = try forget(rowsMax: rowsMax, at: now)
        let isSpaceLeft = try database.returnSpace(pagesMax: SpoolStore.stepPagesMax)
        let isStepFull = [changes.count, deletedCount, forgottenCount].contains(rowsMax)
        return .purged(changes, hasMore: isStepFull || isSpaceLeft)
    }

    private func expire(
        _ state: StoredFile.State, after milliseconds: Int64, rowsMax: Int, at now: Int64
    ) throws(StoreError) -> [SpoolChange] {
        guard let cutoff = SpoolStore.cutoff(milliseconds, before: now) else { return [] }
        let files = try database.rows(
            """
            SELECT \(StoredFile.columns), o.name FROM file f JOIN owner o ON o.id = f.owner
            WHERE f.state = ? AND f.changed_at < ? ORDER BY f.changed_at, f.position LIMIT ?
            """, state.rawValue, cutoff, rowsMax
        ) { row in StoredFile(row).flatMap { file in (try? UserName(row.text(7))).map { (file: file, owner: $0) } } }
        var changes: [SpoolChange] = []
        for (file, owner) in files {
            changes.append(SpoolChange(owner: owner, status: try settle(file, .expired, at: now)))
        }
        return changes
    }

    /// Returns how many it deleted.
    private func deleteChunks(rowsMax: Int) throws(StoreError) -> Int {
        let files = try database.rows(
            "SELECT position, owner, kept FROM file WHERE state >= 2 AND kept > 0 ORDER BY position LIMIT ?", rowsMax
        ) { (position: $0.integer(0), owner: $0.integer(1), kept: $0.count(2)) }
        var rowsLeft = rowsMax
        for file in files where rowsLeft > 0 {
            try database.run(
                "DELETE FROM chunk WHERE position IN (SELECT position FROM chunk WHERE file = ? ORDER BY number LIMIT ?)",
                file.position, rowsLeft)
            // If fewer went than were asked for, none is left, whatever damage made of the count.
            let kept = database.changedCount < rowsLeft ? 0 : max(0, file.kept - Int64(database.changedCount))
            rowsLeft -= database.changedCount
            try database.run("UPDATE file SET kept = ? WHERE position = ?", kept, file.position)
            try count(files: 0, chunks: kept - file.kept, of: file.owner)
        }
        return rowsMax - rowsLeft
    }

    /// Returns how many it forgot.
    private func forget(rowsMax: Int, at now: Int64) throws(StoreError) -> Int {
        guard let cutoff = SpoolStore.cutoff(SpoolStore.endedMillisecondsMax, before: now) else { return 0 }
        var count = 0
        for state in [StoredFile.State.received, .declined, .cancelled, .expired] {
            try database.run(
                """
                DELETE FROM file WHERE position IN (SELECT position FROM file
                    WHERE state = ? AND changed_at < ? AND kept = 0 ORDER BY changed_at LIMIT ?)
                """, state.rawValue, cutoff, rowsMax - count)
            count += database.changedCount
        }
        return count
    }

    private static func cutoff(_ milliseconds: Int64, before now: Int64) -> Int64? {
        let (cutoff, overflow) = now.subtractingReportingOverflow(milliseconds)
        return overflow ? nil : cutoff
    }
}
