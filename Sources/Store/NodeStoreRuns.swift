import Wire

/// Runs of this store: each begins when it is opened, and is told to everybody who may have to find out, later, that the
/// store was put back from a backup.
extension NodeStore {
    /// More than a year of daily restarts; 40 bytes each.
    static let runsMax: Int64 = 1000

    func beginRun(_ run: Run) throws(StoreError) {
        try database.run(
            "INSERT INTO run (run, position) VALUES (?, (SELECT coalesce(max(position), 0) FROM message))",
            Int64(bitPattern: run.value))
        try database.run("DELETE FROM run WHERE number <= ?", database.lastInsertedRow - NodeStore.runsMax)
    }

    /// The present one.
    func run() throws(StoreError) -> Run {
        let run = try database.first("SELECT run FROM run ORDER BY number DESC LIMIT 1") {
            Run(UInt64(bitPattern: $0.integer(0)))
        }
        guard let run else { throw StoreError(.damaged, "the store knows no run of its own") }
        return run
    }

    /// How far somebody who met these runs, the last one first, and this store have the same past.
    enum Agreement {
        /// The whole: they met the present run.
        case all
        /// Up to the message at `through`. `known` is the last run that both know.
        case partly(known: MetRun?, through: Int64)
    }

    func agreement(with met: [MetRun]) throws(StoreError) -> Agreement {
        for run in met {
            let found = try database.first(
                """
                SELECT next.position FROM run LEFT JOIN run next ON next.number = run.number + 1
                WHERE run.run = ? ORDER BY run.number DESC LIMIT 1
                """, Int64(bitPattern: run.run.value)
            ) { (end: $0.optionalInteger(0), isThere: true) }
            guard let found else { continue }
            guard let through = [run.through, found.end].compactMap({ $0 }).min() else { return .all }
            return .partly(known: MetRun(run: run.run, through: through), through: through)
        }
        return .partly(known: nil, through: 0)
    }

    /// The last place of the stream to each peer that each run gave out, for those runs of which the peer need not have
    /// acknowledged all. What a peer says it has beyond that, it has from a run that this store has lost.
    func lastPlaces() throws(StoreError) -> [ServerName: [Run: Int64]] {
        var places: [ServerName: [Run: Int64]] = [:]
        try database.forEach(
            """
            SELECT p.name, run.run, (SELECT o.seq FROM outbox o WHERE o.peer = p.id AND o.message <= next.position
                ORDER BY o.seq DESC LIMIT 1)
            FROM peer p JOIN outbox open ON open.peer = p.id
                AND open.seq = (SELECT min(seq) FROM outbox WHERE peer = p.id AND seq > p.acknowledged)
            JOIN run next ON next.position >= open.message JOIN run ON run.number = next.number - 1
            """
        ) { row in
            guard let name = try? ServerName(row.text(0)) else { return true }
            places[name, default: [:]][Run(UInt64(bitPattern: row.integer(1)))] = row.count(2)
            return true
        }
        return places
    }
}
