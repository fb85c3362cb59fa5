import Store
import Synchronization

/// A database as a new node finds it. To open one and to make its tables costs more than most of what a run does with it,
/// so those of earlier runs are emptied and used again.
final class EmptyDatabase {
    enum Kind: CaseIterable {
        case messages, spool
    }

    /// Its last user has given it back, and the lock hands it to the next.
    private struct Spare: @unchecked Sendable {
        let database: EmptyDatabase
    }

    private static let spares = Mutex<[Kind: [Spare]]>([:])
    private static let sparesMax = 64

    let database: Database
    private let kind: Kind
    /// With the tables that others refer to first.
    private let tables: [String]

    private init(_ kind: Kind) throws {
        self.kind = kind
        database = try Database(path: ":memory:", isBulk: kind == .spool)
        try (kind == .spool ? Schema.spool : Schema.node).apply(to: database)
        tables = try database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid") { $0.text(0) }
        for table in tables {
            try database.execute("CREATE TEMP TABLE new_\(table) AS SELECT * FROM main.\(table)")
        }
    }

    static func take(_ kind: Kind) throws -> EmptyDatabase {
        guard let spare = spares.withLock({ $0[kind]?.popLast() }) else { return try EmptyDatabase(kind) }
        try spare.database.empty()
        return spare.database
    }

    func giveBack() {
        let spare = Spare(database: self)
        EmptyDatabase.spares.withLock { spares in
            if spares[kind, default: []].count < EmptyDatabase.sparesMax { spares[kind, default: []].append(spare) }
        }
    }

    /// What is in it is what the schema puts there.
    private func empty() throws {
        try database.transaction { () throws(StoreError) in
            for table in tables.reversed() { try database.run("DELETE FROM main.\(table)") }
            for table in tables { try database.run("INSERT INTO main.\(table) SELECT * FROM temp.new_\(table)") }
        }
    }
}
