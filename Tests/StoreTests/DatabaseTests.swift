import Glibc
import Store
import Testing
import Wire

@Test func valuesComeBackAsTheyWere() throws {
    let database = try Database(path: ":memory:")
    try database.execute("CREATE TABLE t (i INTEGER, s TEXT, b BLOB)")
    let text = "naïve\u{0}\u{1F600}"
    try database.run("INSERT INTO t VALUES (?, ?, ?)", Int64.min, text, [0, 255] as [UInt8])
    try database.run("INSERT INTO t VALUES (?, ?, ?)", 3, "", [] as [UInt8])
    try database.run("INSERT INTO t VALUES (?, ?, ?)", Int64?.none, String?.none, [UInt8]?.none)
    let rows = try database.rows("SELECT i, s, b FROM t ORDER BY rowid") { row in
        "\(row.optionalInteger(0) ?? 0)|\(row.optionalText(1) ?? "-")|\(row.optionalBytes(2) ?? [1])"
    }
    #expect(rows == ["\(Int64.min)|\(text)|[0, 255]", "3||[]", "0|-|[1]"])
}

@Test(arguments: [false, true])
func aCopyHoldsWhatWasThere(isBulk: Bool) throws {
    let database = try Database(path: ":memory:", isBulk: isBulk)
    let empty = try Database(contents: try database.contents(), isBulk: isBulk)
    #expect(try empty.first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) } == 0)
    try database.execute("CREATE TABLE t (i INTEGER); INSERT INTO t VALUES (1), (2)")
    let contents = try database.contents()
    try database.execute("DELETE FROM t")
    let copy = try Database(contents: contents, isBulk: isBulk)
    try copy.run("INSERT INTO t VALUES (?)", 3)
    #expect(try copy.rows("SELECT i FROM t ORDER BY i") { $0.integer(0) } == [1, 2, 3])
    #expect(try Database(contents: contents, isBulk: isBulk).first("SELECT count(*) FROM t") { $0.integer(0) } == 2)
}

@Test func contentsThatAreNoDatabaseAreRefused() throws {
    let database = try Database(contents: [UInt8](repeating: 1, count: 4096))
    #expect(throws: StoreError.self) { try database.first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) } }
}

@Test func countsAreClamped() throws {
    let database = try Database(path: ":memory:")
    #expect(try database.first("SELECT ?", Int64.max) { $0.count(0) } == 1 << 53)
    #expect(try database.first("SELECT ?", -5) { $0.count(0) } == 0)
}

@Test func aStatementCanRunInsideItself() throws {
    let database = try Database(path: ":memory:")
    try database.execute("CREATE TABLE t (i INTEGER); INSERT INTO t VALUES (1), (2), (3)")
    var seen: [Int64] = []
    try database.forEach("SELECT i FROM t") { outer in
        let inner = try? database.rows("SELECT i FROM t") { $0.integer(0) }
        seen.append(outer.integer(0) * 10 + Int64(inner?.count ?? 0))
        return outer.integer(0) < 2
    }
    #expect(seen == [13, 23])
}

@Test func aThrowingTransactionLeavesNothing() throws {
    let database = try Database(path: ":memory:")
    try database.execute("CREATE TABLE t (i INTEGER UNIQUE)")
    let error = #expect(throws: StoreError.self) {
        try database.transaction { () throws(StoreError) in
            try database.run("INSERT INTO t VALUES (1)")
            try database.run("INSERT INTO t VALUES (1)")
        }
    }
    #expect(error?.kind == .constraint)
    try database.transaction { () throws(StoreError) in
        try database.run("INSERT INTO t VALUES (2)")
        do throws(StoreError) {
            try database.savepoint { () throws(StoreError) in
                try database.run("INSERT INTO t VALUES (3)")
                try database.run("INSERT INTO t VALUES (2)")
            }
        } catch {
            #expect(error.kind == .constraint)
        }
    }
    #expect(!database.isInTransaction)
    #expect(try database.rows("SELECT i FROM t") { $0.integer(0) } == [2])
}

@Test func aWrongNumberOfValuesIsRefused() throws {
    let database = try Database(path: ":memory:")
    #expect(throws: StoreError.self) { try database.run("SELECT ?, ?", 1) }
    #expect(throws: StoreError.self) { try database.run("SELECT no_such_column") }
}

@Test func theFileIsPrivateAndHeldByOneProgram() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.file(), [])
    chmod(folder.file(), 0o644)
    let database = try Database(path: folder.file())
    try database.execute("CREATE TABLE t (i INTEGER)")
    for name in ["node.db", "node.db-wal", "node.db.lock"] {
        var status = stat()
        #expect(stat(folder.file(name), &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600, "\(name)")
    }
    let error = #expect(throws: StoreError.self) { try Database(path: folder.file()) }
    #expect(error?.kind == .inUse)
    #expect(error?.advice.isEmpty == false)
    try database.close()
    try database.close()
    #expect(throws: StoreError.self) { try database.run("SELECT 1") }
    _ = try Database(path: folder.file())
}

@Test func commitsAreSynchronous() throws {
    let folder = try TemporaryFolder()
    let database = try Database(path: folder.file())
    #expect(try database.first("PRAGMA journal_mode") { $0.text(0) } == "wal")
    #expect(try database.first("PRAGMA synchronous") { $0.integer(0) } == 2)
    #expect(try database.first("PRAGMA foreign_keys") { $0.integer(0) } == 1)
}

@Test func whatCannotBeOpenedSaysSo() throws {
    let folder = try TemporaryFolder()
    #expect(throws: StoreError.self) { try Database(path: "\(folder.path)/missing/node.db") }
    try writeFile(folder.file("text.db"), Array(repeating: UInt8(ascii: "x"), count: 5000))
    let error = #expect(throws: StoreError.self) { try Database(path: folder.file("text.db")) }
    #expect(error?.kind == .damaged)
}

@Test func aBoundedFileGetsFull() throws {
    let database = try Database(path: ":memory:")
    try database.execute("CREATE TABLE t (b BLOB)")
    try database.limitFile(bytesMax: 40_000)
    let error = #expect(throws: StoreError.self) {
        try database.run("INSERT INTO t VALUES (?)", [UInt8](repeating: 1, count: 100_000))
    }
    #expect(error?.kind == .full)
    #expect(error?.refusal.code == .storeFailed)
}
