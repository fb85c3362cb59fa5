import Wire

/// Runs of this store: each begins when it is opened, and is told to everybody who may have to find out, later, that the
/// store was put back from a backup.
extension NodeStore {
    /// More than a year of daily restarts; 40 bytes each.
    package static let runsMax: Int64 = 1000

    func beginRun(_ run: Run) throws(StoreError) {
        try database.run(
            "INSERT INTO run (run, position) VALUES (?, (SELECT coalesce(max(position), 0) FROM message))",
            Int64(bitPattern: run.value))
        let number = database.lastInsertedRow
        try database.run(
            """
            INSERT INTO run_place (peer, run, seq) SELECT id, ?, last_seq FROM peer WHERE last_seq > coalesce(
                (SELECT seq FROM run_place WHERE peer = peer.id ORDER BY run DESC LIMIT 1), 0)
            """, number)
        let oldest = number - NodeStore.runsMax + 1
        try database.run("DELETE FROM run WHERE number < ?", oldest)
        // The last of those is where the oldest run that is kept began.
        try database.run(
            """
            DELETE FROM run_place WHERE run < ?1 AND run < (SELECT max(run) FROM run_place later
                WHERE later.peer = run_place.peer AND later.run <= ?1)
            """, oldest)
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

    /// The last place of the stream to each peer that each earlier run gave out. What a peer says it has beyond that, it has
    /// from a past that this store has lost, and so whatever it has from a run that is not among them.
    func lastPlaces() throws(StoreError) -> [ServerName: [Run: Int64]] {
        let runs = try database.rows("SELECT number, run FROM run ORDER BY number") { row in
            (number: row.integer(0), run: Run(UInt64(bitPattern: row.integer(1))))
        }.dropLast()
        var begins: [ServerName: [(run: Int64, seq: Int64)]] = [:]
        try database.forEach(
            "SELECT p.name, r.run, r.seq FROM peer p LEFT JOIN run_place r ON r.peer = p.id ORDER BY r.run"
        ) { row in
            guard let name = try? ServerName(row.text(0)) else { return true }
            begins[name, default: []] += row.isNull(1) ? [] : [(row.integer(1), row.count(2))]
            return true
        }
        return begins.mapValues { begins in
            var places: [Run: Int64] = [:]
            var (next, last) = (0, Int64(0))
            for run in runs {
                while next < begins.count, begins[next].run <= run.number + 1 {
                    last = begins[next].seq
                    next += 1
                }
                places[run.run] = last
            }
            return places
        }
    }
}
