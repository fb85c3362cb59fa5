import Glibc
import Store
import Testing
import Wire

// MARK: Crashes

@Test func everyChunkAnsweredSurvivesACrashAtAnyPoint() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("spool.db")
    let store = try openSpool(path)
    #expect(try store.begin(1, chunks: 24) == status(1, 0, of: 24))
    var logBytes = [try readFile(path + "-wal").count]
    for batch in 0..<12 as Range<Int64> {
        // A batch of two, so that a torn commit would show as half a batch.
        let replies = store.perform([try .write(1, 2 * batch), try .write(1, 2 * batch + 1)])
        #expect(replies == [status(1, 2 * batch + 1, of: 24), status(1, 2 * batch + 2, of: 24)])
        logBytes.append(try readFile(path + "-wal").count)
    }
    let total = try #require(logBytes.last)
    var random = SplitMix64(seed: 5)
    let cuts =
        logBytes + logBytes.dropFirst().map { $0 - 1 }
        + (0..<20).map { _ in Int.random(in: logBytes[0]...total, using: &random) }
    for cut in cuts {
        let held = 2 * Int64(try #require(logBytes.lastIndex { $0 <= cut }))
        let other = try TemporaryFolder()
        try crash(path, logBytes: cut, into: other.file("spool.db"))
        let after = try openSpool(other.file("spool.db"))
        #expect(try after.begin(1, chunks: 24) == status(1, held, of: 24), "cut at \(cut) of \(total)")
        #expect(try after.usage() == [1, 24])
        for index in held..<24 { #expect(try after.write(1, index) == status(1, index + 1, of: 24)) }
        for index in 0..<24 as Range<Int64> { #expect(try after.read(1, index) == .chunk(chunk(1, index))) }
    }
}

@Test func anEndSurvivesACrash() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("spool.db")
    let store = try openSpool(path)
    try store.upload(1, chunks: 3)
    let before = try readFile(path + "-wal").count
    #expect(try store.end(1, .received, by: "bob@south") == ended(1, 3, of: 3, .received))
    let after = try readFile(path + "-wal").count
    for (logBytes, outcome) in [(after, .received), (after - 1, nil), (before, nil)] as [(Int, FileOutcome?)] {
        let other = try TemporaryFolder()
        try crash(path, logBytes: logBytes, into: other.file("spool.db"))
        let reopened = try openSpool(other.file("spool.db"))
        #expect(try reopened.begin(1, chunks: 3) == status(1, 3, of: 3, outcome))
        #expect(try reopened.usage() == [outcome == nil ? 1 : 0, 3])
    }
}

@Test func aClosedSpoolRefuses() throws {
    let folder = try TemporaryFolder()
    let store = try openSpool(folder.file("spool.db"))
    try store.upload(1, chunks: 1)
    try store.close()
    #expect(access(folder.file("spool.db-wal"), F_OK) != 0, "the log is folded in")
    #expect(try store.begin(1, chunks: 1).failureCode == .storeFailed)
    #expect(try store.read(1, 0).failureCode == .storeFailed)
    #expect(try store.perform(.usage).failureCode == .storeFailed)
}

// MARK: Damage

@Test(arguments: 0..<48)
func aFlippedBitIsNeverAChunk(bit: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("spool.db")
    let before = try openSpool(path)
    #expect(try before.begin(1, chunks: 3) == status(1, 0, of: 3))
    for index in 0..<3 as Range<Int64> {
        let data = index == 1 ? Array("a needle of forty-eight bits".utf8) : nil
        #expect(try before.write(1, index, data) == status(1, index + 1, of: 3))
    }
    try before.close()
    try flip(path, "needle", bit: bit)

    let store = try openSpool(path)
    #expect(try store.read(1, 1).refusalCode == .damaged)
    #expect(try store.read(1, 1, as: "zoe@west").refusalCode == .noFile, "nothing is told to strangers")
    for index in [0, 2] as [Int64] { #expect(try store.read(1, index) == .chunk(chunk(1, index))) }
    #expect(try store.end(1, .cancelled, by: "alice@north") == ended(1, 3, of: 3, .cancelled))
    #expect(try store.purgeAll(at: 30).isEmpty)
    #expect(try store.usage() == [0, 0])
}

@Test(arguments: [
    "UPDATE chunk SET number = 9 - number; UPDATE chunk SET number = number - 7",
    "UPDATE chunk SET file = file + 10; UPDATE chunk SET file = 13 - file",
    "UPDATE chunk SET file = file + 7", "DELETE FROM chunk", "UPDATE chunk SET data = x''",
    "UPDATE chunk SET checksum = checksum + 1", "UPDATE owner SET name = 'carol'",
])
func soundBytesInTheWrongPlaceAreNoChunk(_ harm: String) throws {
    let folder = try TemporaryFolder()
    let before = try openSpool(folder.file("spool.db"))
    try before.upload(1, chunks: 3)
    try before.upload(2, chunks: 3)
    try before.close()
    let database = try Database(path: folder.file("spool.db"))
    try database.execute(harm)
    try database.close()
    let store = try openSpool(folder.file("spool.db"))
    let owner = harm.contains("carol") ? "carol" : "alice"
    for number in 1...2 as ClosedRange<UInt64> {
        // A swap of three leaves the middle one where it was.
        for index in [0, 2] as [Int64] {
            #expect(try store.read(number, index, from: "\(owner)@north").refusalCode == .damaged)
        }
        _ = try store.end(number, .cancelled, by: "\(owner)@north", owner: owner)
    }
    #expect(try store.purgeAll(at: 30).isEmpty)
    #expect(try store.usage() == [0, 0], "room does not depend on the chunks being there")
}

// MARK: Full and failing disks

@Test func aFullDiskFailsTheBatchOfChunks() throws {
    let folder = try TemporaryFolder()
    var limits = SpoolLimits()
    limits.databaseBytesMax = 1 << 20
    let store = try openSpool(folder.file("spool.db"), limits: limits)
    #expect(try store.begin(1, chunks: 100) == status(1, 0, of: 100))
    var held: Int64 = 0
    while true {
        try #require(held < 100)
        let replies = store.perform([
            try .write(1, held, chunk(1, held, bytes: 40_000)), .usage,
            try .write(1, held + 1, chunk(1, held + 1, bytes: 40_000)),
        ])
        if replies[2].failureCode != nil {
            #expect(replies[0].failureCode == .storeFailed, "half a batch")
            #expect(replies[1] == .usage(files: 1, bytes: 100 * sealedBytesMax))
            break
        }
        #expect(replies[2] == status(1, held + 2, of: 100))
        held += 2
    }
    #expect(held > 4)
    #expect(store.broken == nil)
    #expect(try store.begin(1, chunks: 100) == status(1, held, of: 100))
    #expect(try store.end(1, .cancelled, by: "alice@north") == ended(1, held, of: 100, .cancelled))
    #expect(try store.purgeAll(at: 30).isEmpty)
    try store.upload(2, chunks: 2, bytes: 40_000)
}

@Test func aNearlyFullDiskTakesNoFiles() throws {
    let folder = try TemporaryFolder()
    let before = try openSpool(folder.file("spool.db"))
    try before.upload(1, chunks: 2)
    try before.upload(2, chunks: 3, held: 1)
    try before.close()
    var limits = SpoolLimits()
    limits.freeBytesMin = .max
    let store = try openSpool(folder.file("spool.db"), limits: limits)
    let file = SpooledFile(id: id(3), to: .everyone, chunks: 1)
    let replies = store.perform([
        .begin(owner: try user("alice"), file, at: 1), try .write(2, 1), try .write(2, 0), try .write(9, 0), .usage,
    ])
    #expect(replies[0].refusalCode == .spoolFull)
    #expect(replies[1].refusalCode == .spoolFull)
    #expect(replies[2] == status(2, 1, of: 3), "is here already")
    #expect(replies[3].refusalCode == .spoolFull)
    #expect(replies[4] == .usage(files: 2, bytes: 5 * sealedBytesMax))
    #expect(try store.begin(1, chunks: 2) == status(1, 2, of: 2))
    #expect(try store.begin(1, chunks: 3).refusalCode == .idReused)
    #expect(try store.read(1, 0) == .chunk(chunk(1, 0)))
    #expect(try store.end(1, .received, by: "bob@south") == ended(1, 2, of: 2, .received))
    #expect(try store.purgeAll(at: 30).isEmpty)
    #expect(try store.usage() == [1, 3])
}

@Test func aWriteErrorEndsUploadsUntilRestart() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("spool.db")
    let store = try openSpool(path)
    try store.upload(1, chunks: 1)
    try store.upload(2, chunks: 2, held: 1)
    try store.upload(3, chunks: 1)
    _ = try store.end(3, .received, by: "bob@south")
    try replaceDescriptor(of: path + "-wal", by: path + "-wal", O_RDONLY)
    #expect(try store.write(2, 1).failureCode == .storeFailed)
    #expect(store.broken?.kind == .inputOutput)
    #expect(try store.begin(4, chunks: 1).failureCode == .storeFailed)
    #expect(try store.end(1, .received, by: "bob@south").failureCode == .storeFailed)
    #expect(try store.perform(.purge(at: 30)).failureCode == .storeFailed)
    // Reads go on, and what was done before is not called failed.
    #expect(try store.read(1, 0) == .chunk(chunk(1, 0)))
    #expect(try store.usage() == [2, 4])
    #expect(try store.begin(2, chunks: 2) == status(2, 1, of: 2))
    #expect(try store.write(2, 0) == status(2, 1, of: 2))
    #expect(try store.end(3, .declined, by: "bob@south") == ended(3, 1, of: 1, .received, isNew: false))
    #expect(try store.end(3, .declined, by: "zoe@south").failureCode == .storeFailed)
    try? store.close()
    let restarted = try openSpool(path)
    #expect(try restarted.write(2, 1) == status(2, 2, of: 2))
}

@Test func aFailedSyncOfTheSpoolIsNotTriedAgain() throws {
    let folder = try TemporaryFolder()
    let store = try openSpool(folder.file("spool.db"))
    // /dev/null takes every byte, but cannot be synced.
    try replaceDescriptor(of: folder.file("spool.db-wal"), by: "/dev/null", O_RDWR)
    #expect(try store.begin(1, chunks: 1).failureCode == .storeFailed)
    #expect(store.broken?.kind == .inputOutput)
    #expect(try store.begin(1, chunks: 1).failureCode == .storeFailed)
}
