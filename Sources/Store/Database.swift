import CSQLite

/// One connection to one SQLite file. Not Sendable: whoever made it is its only user.
///
/// A commit is on the disk when it returns (write-ahead log with `synchronous=FULL`). Statements are prepared once per
/// SQL text, so every text must be a literal.
package final class Database {
    private var connection: OpaquePointer?
    private var statements: [String: Statement] = [:]
    private var file: DatabaseFile?

    /// How long another program, such as a backup under way, may hold up a change.
    private static let busyMillisecondsMax: Int32 = 1000
    /// What the log may keep on disk after a checkpoint.
    private static let logBytesMax = 64 << 20

    /// Of a bulk database: a large value takes fewer of them. Stands in files, so it is never changed.
    private static let bulkPageBytes = 16 << 10
    /// Of the log of a bulk database, folded into the file beyond it: a commit that has to is not held up for long.
    private static let bulkLogBytesMax = 4 << 20

    /// Opens the file at `path`, made if it is missing, with mode 0600; `:memory:` opens an empty database that lives
    /// as long as this object. A bulk database is for large values that come and go; `returnSpace` makes it smaller.
    package init(path: String, isBulk: Bool = false) throws(StoreError) {
        file = path == ":memory:" ? nil : try DatabaseFile(path: path)
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &connection, flags, nil)
        guard code == SQLITE_OK else {
            let error = StoreError(code: code, connection: connection)
            sqlite3_close_v2(connection)
            connection = nil
            throw error
        }
        sqlite3_busy_timeout(connection, Database.busyMillisecondsMax)
        if isBulk { try prepareBulk() }
        try execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA foreign_keys = ON;
            PRAGMA trusted_schema = OFF;
            PRAGMA journal_size_limit = \(Database.logBytesMax);
            """)
    }

    deinit { disconnect() }

    /// Folds the log into the file and closes it. Everything committed is safe without it; later calls throw.
    package func close() throws(StoreError) {
        guard connection != nil else { return }
        defer { disconnect() }
        try execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Bounds the file; a change that would need more throws `.full`, as a full disk does. At least one page.
    package func limitFile(bytesMax: Int64) throws(StoreError) {
        let pageBytes = try first("PRAGMA page_size") { $0.integer(0) } ?? 4096
        try execute("PRAGMA max_page_count = \(max(1, bytesMax / max(1, pageBytes)))")
    }

    /// Gives free pages of a bulk database back to the disk, at most so many; says whether some are left. The file gets
    /// smaller when the log is folded into it.
    package func returnSpace(pagesMax: Int) throws(StoreError) -> Bool {
        try execute("PRAGMA incremental_vacuum(\(max(1, pagesMax)))")
        return try first("PRAGMA freelist_count") { $0.integer(0) } ?? 0 > 0
    }

    /// Runs SQL of any number of statements without values. For schema steps and pragmas.
    package func execute(_ sql: String) throws(StoreError) {
        let connection = try open()
        let code = sqlite3_exec(connection, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw StoreError(code: code, connection: connection) }
    }

    package func run(_ sql: String, _ values: any SQLValue...) throws(StoreError) {
        try withStatement(sql, values) { _ in true }
    }

    /// Shows each row to `read` until that returns false.
    package func forEach(_ sql: String, _ values: any SQLValue..., read: (Row) -> Bool) throws(StoreError) {
        try withStatement(sql, values, read: read)
    }

    /// What `read` makes of each row; rows of which it makes nothing are left out.
    package func rows<Element>(
        _ sql: String, _ values: any SQLValue..., read: (Row) -> Element?
    ) throws(StoreError) -> [Element] {
        var elements: [Element] = []
        try withStatement(sql, values) { row in
            if let element = read(row) { elements.append(element) }
            return true
        }
        return elements
    }

    /// What `read` makes of the first row, nil if there is none.
    package func first<Element>(
        _ sql: String, _ values: any SQLValue..., read: (Row) -> Element?
    ) throws(StoreError) -> Element? {
        var element: Element?
        try withStatement(sql, values) { row in
            element = read(row)
            return false
        }
        return element
    }

    package var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(connection) }
    /// Rows that the last statement changed.
    package var changedCount: Int { Int(sqlite3_changes(connection)) }

    /// Commits what `body` changes, or nothing of it where `body` or the commit throws. Nothing else is open meanwhile.
    package func transaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try run("BEGIN IMMEDIATE")
        do throws(StoreError) {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // Some errors end the transaction by themselves (sqlite3_get_autocommit).
            if isInTransaction { try? run("ROLLBACK") }
            throw error
        }
    }

    /// Like a transaction, but may stand inside one; what it changed then lasts once the outer one commits.
    package func savepoint<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try run("SAVEPOINT part")
        do throws(StoreError) {
            let result = try body()
            try run("RELEASE part")
            return result
        } catch {
            if isInTransaction {
                try? run("ROLLBACK TO part")
                try? run("RELEASE part")
            }
            throw error
        }
    }

    /// All that is committed, as a file would hold it.
    package func contents() throws(StoreError) -> [UInt8] {
        let connection = try open()
        var bytesCount: Int64 = 0
        guard let bytes = sqlite3_serialize(connection, "main", &bytesCount, 0) else {
            // An empty database has no page yet.
            guard bytesCount == 0 else { throw StoreError(code: SQLITE_NOMEM, connection: connection) }
            return []
        }
        defer { sqlite3_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(bytesCount)))
    }

    /// Opens, in memory, a copy of a database that had these contents.
    package convenience init(contents: [UInt8], isBulk: Bool = false) throws(StoreError) {
        try self.init(path: ":memory:", isBulk: isBulk)
        guard !contents.isEmpty else { return }
        let connection = try open()
        let count = UInt64(contents.count)
        guard let copy = sqlite3_malloc64(count)?.assumingMemoryBound(to: UInt8.self) else {
            throw StoreError(code: SQLITE_NOMEM, connection: connection)
        }
        contents.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { copy.update(from: start, count: bytes.count) }
        }
        let flags = UInt32(SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE)
        // The copy is SQLite's from here on, whether this succeeds or not.
        let code = sqlite3_deserialize(connection, "main", copy, Int64(count), Int64(count), flags)
        guard code == SQLITE_OK else { throw StoreError(code: code, connection: connection) }
    }

    package var isInTransaction: Bool { connection != nil && sqlite3_get_autocommit(connection) == 0 }

    private func prepareBulk() throws(StoreError) {
        // Both have to be said before the first page is written (sqlite.org/pragma.html, "auto_vacuum", "page_size").
        if try first("PRAGMA page_count", read: { $0.integer(0) }) == 0 {
            try execute("PRAGMA page_size = \(Database.bulkPageBytes); PRAGMA auto_vacuum = INCREMENTAL")
        }
        try execute("PRAGMA wal_autocheckpoint = \(Database.bulkLogBytesMax / Database.bulkPageBytes)")
    }

    private func withStatement(
        _ sql: String, _ values: [any SQLValue], read: (Row) -> Bool
    ) throws(StoreError) {
        let connection = try open()
        if let kept = statements[sql], !kept.isRunning { return try kept.run(values, read: read) }
        // The same text inside `read` gets a statement of its own.
        let statement = try Statement(sql, connection: connection)
        statements[sql] = statement
        try statement.run(values, read: read)
    }

    private func open() throws(StoreError) -> OpaquePointer {
        guard let connection else { throw StoreError(.misuse, "the database is closed") }
        return connection
    }

    private func disconnect() {
        statements.removeAll()
        sqlite3_close_v2(connection)
        connection = nil
        file = nil
    }
}
