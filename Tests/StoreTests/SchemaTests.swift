import Store
import Testing
import Wire

private let first = "CREATE TABLE a (i INTEGER); INSERT INTO a VALUES (1)"
private let second = "ALTER TABLE a ADD COLUMN j INTEGER NOT NULL DEFAULT 7"

@Test func stepsAreAppliedOnceAndInOrder() throws {
    let database = try Database(path: ":memory:")
    try Schema(applicationID: 5, steps: [first]).apply(to: database)
    try Schema(applicationID: 5, steps: [first, second]).apply(to: database)
    try Schema(applicationID: 5, steps: [first, second]).apply(to: database)
    #expect(try database.rows("SELECT i, j FROM a") { [$0.integer(0), $0.integer(1)] } == [[1, 7]])
    #expect(try database.first("PRAGMA user_version") { $0.integer(0) } == 2)
}

@Test func aFailedStepLeavesTheDatabaseAsItWas() throws {
    let database = try Database(path: ":memory:")
    try Schema(applicationID: 5, steps: [first]).apply(to: database)
    #expect(throws: StoreError.self) {
        try Schema(applicationID: 5, steps: [first, second, "CREATE TABLE a (i)"]).apply(to: database)
    }
    #expect(try database.first("PRAGMA user_version") { $0.integer(0) } == 1)
    #expect(try database.rows("SELECT * FROM pragma_table_info('a')") { $0.text(1) } == ["i"])
}

@Test func newerAndForeignFilesAreRefused() throws {
    let database = try Database(path: ":memory:")
    try Schema(applicationID: 5, steps: [first, second]).apply(to: database)
    let newer = #expect(throws: StoreError.self) { try Schema(applicationID: 5, steps: [first]).apply(to: database) }
    #expect(newer?.kind == .foreignSchema)
    #expect(newer?.text == "the file has version 2, this program knows versions up to 1")
    let foreign = #expect(throws: StoreError.self) {
        try Schema(applicationID: 6, steps: [first, second]).apply(to: database)
    }
    #expect(foreign?.kind == .foreignSchema)
    let unnamed = try Database(path: ":memory:")
    try unnamed.execute("CREATE TABLE somebody_elses (i INTEGER)")
    #expect(throws: StoreError.self) { try Schema.node.apply(to: unnamed) }
}

@Test func aNodeDoesNotOpenAProfile() throws {
    let folder = try TemporaryFolder()
    try ClientStore(path: folder.file()).close()
    let error = #expect(throws: StoreError.self) { try NodeStore(path: folder.file(), epoch: epoch, now: 1) }
    #expect(error?.kind == .foreignSchema)
    let other = #expect(throws: StoreError.self) { try SpoolStore(path: folder.file()) }
    #expect(other?.kind == .foreignSchema)
}

@Test func releasedStepsAreFrozen() {
    #expect(Schema.node.steps.prefix(4) == [storedNodeStep1, storedNodeStep2, storedNodeStep3, storedNodeStep4])
    #expect(Schema.client.steps.prefix(2) == [storedClientStep1, storedClientStep2])
    #expect(Schema.spool.steps.first == storedSpoolStep1)
}

/// The oldest form in which a profile was ever stored, read and gone on with by the present program.
@Test func theOldestProfileOpens() throws {
    let folder = try TemporaryFolder()
    let old = try Database(path: folder.file())
    try old.execute(storedClientStep1)
    try old.execute(storedClientRows)
    try old.execute("PRAGMA application_id = 0x50524331; PRAGMA user_version = 1")
    try old.close()

    let store = try ClientStore(path: folder.file())
    let message = try #require(try store.pending(id(1)))
    #expect(message.draft == Array("draft".utf8))
    #expect(message.acceptance == nil)
    #expect(try store.cursor(.everyone) == 7)
    try store.setAccepted(id(1), isUnconfirmed: false, waiting: [south], at: 9)
    #expect(try store.pendingInOrder().map(\.acceptance?.waiting) == [[south]])
}

/// The form before files, which kept a list of addresses beside the pins themselves.
@Test func aProfileWithoutFilesOpens() throws {
    let folder = try TemporaryFolder()
    let old = try Database(path: folder.file())
    try old.execute(storedClientStep1)
    try old.execute(storedClientStep2)
    try old.execute(storedClientRows)
    try old.execute("UPDATE pending SET accepted_at = 9; INSERT INTO value VALUES ('pinned-addresses', 'dora@south')")
    try old.execute("INSERT INTO pin (address, key, pinned_at) VALUES ('dora@south', zeroblob(32), 1)")
    try old.execute("PRAGMA application_id = 0x50524331; PRAGMA user_version = 2")
    try old.close()

    let store = try ClientStore(path: folder.file())
    let message = try #require(try store.pending(id(1)))
    #expect(message.draft == Array("draft".utf8))
    #expect(message.acceptance?.at == 9)
    #expect(message.offer == nil)
    #expect(try store.pinnedAddresses() == [try address("dora@south")])
    #expect(try store.value(for: "pinned-addresses") == nil)
    #expect(try store.files().isEmpty)
}

/// The oldest form in which a node's database was ever stored, read by the present program.
@Test func theOldestNodeDatabaseOpens() throws {
    let folder = try TemporaryFolder()
    let old = try Database(path: folder.file())
    try old.execute(storedNodeStep1)
    try old.execute(storedNodeRows)
    try old.execute("INSERT INTO pin VALUES ('south', zeroblob(32), 1)")
    try old.execute("PRAGMA application_id = 0x50524E31; PRAGMA user_version = 1")
    try old.close()

    let store = try NodeStore(path: folder.file(), epoch: otherEpoch, now: 99)
    #expect(try store.allStreams().epoch == epoch)
    let pinned = try #require(IdentityKey(bytes: [UInt8](repeating: 0, count: 32)))
    #expect(try store.allStreams().pins == [Streams.Pin(server: south, pin: KeyPin(pinned))])
    #expect(try store.perform(.peerDecisions) == .peerDecisions(PeerDecisions(added: [], paused: [])))
    let page = try store.page()
    #expect(page.entries == [Entry(seq: 1, envelope: try message(1))])
    #expect(page.damaged == [])
    let again = try store.accepted(try message(1))
    #expect(again.isDuplicate)
    #expect(again.state.waiting == [south])
    #expect(try store.outboxPage().items.map(\.envelope) == [try message(1)])
    #expect(
        try store.perform(.accounts)
            == .accounts([Account(user: try user("alice"), verifier: "v", entryDigest: [1], isDisabled: false)]))
}

/// The oldest form in which files were ever spooled, gone on with by the present program.
@Test func theOldestSpoolOpens() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("spool.db")
    let old = try Database(path: path, isBulk: true)
    try old.execute(storedSpoolStep1)
    try old.execute(storedSpoolRows)
    try old.execute("PRAGMA application_id = 0x50525331; PRAGMA user_version = 1")
    try old.close()

    let store = try openSpool(path)
    #expect(try store.usage() == [3, 6])
    #expect(try store.read(1, 0) == .chunk(Array("sealed".utf8)))
    #expect(try store.begin(1, chunks: 1) == status(1, 1, of: 1))
    #expect(try store.read(2, 0, as: "zoe@west").refusalCode == .noFile)
    #expect(try store.write(2, 1) == status(2, 2, of: 2))
    #expect(try store.read(2, 1, as: "zoe@west") == .chunk(chunk(2, 1)))
    for (number, outcome) in zip(3...6 as ClosedRange<UInt64>, FileOutcome.allCases) {
        #expect(try store.begin(number, chunks: 1) == status(number, 1, of: 1, outcome))
    }
    #expect(try store.begin(1, chunks: 2, owner: "bob") == status(1, 0, of: 2))
    _ = try store.purgeAll(at: 30)
    #expect(try store.usage() == [3, 5])
}
