import Glibc
import Store
import Testing
import Wire

@Test func aCompleteFileWaitsSoLong() throws {
    var limits = SpoolLimits()
    limits.keepMilliseconds = 1000
    let store = try openSpool(limits: limits)
    try store.upload(1, chunks: 2, held: 1, at: 10)
    #expect(try store.write(1, 1, at: 500) == status(1, 2, of: 2))
    try store.upload(2, chunks: 0, to: "public", at: 501)
    #expect(try store.purgeAll(at: 1500).isEmpty)
    #expect(try store.read(1, 1) == .chunk(chunk(1, 1)))
    let first = SpoolChange(owner: try user("alice"), status: fileStatus(1, 2, of: 2, .expired))
    let second = SpoolChange(owner: try user("alice"), status: fileStatus(2, 0, of: 0, .expired))
    #expect(try store.purgeAll(at: 1501) == [first])
    #expect(try store.purgeAll(at: 1502) == [second])
    #expect(try store.purgeAll(at: 1502).isEmpty, "told once")
    #expect(try store.read(1, 1).refusalCode == .noFile)
    #expect(try store.end(1, .received, by: "bob@south") == ended(1, 2, of: 2, .expired, isNew: false))
    #expect(try store.usage() == [0, 0])
}

@Test func anUploadThatStopsIsGivenUp() throws {
    let store = try openSpool()
    let dayMax = SpoolStore.incompleteMillisecondsMax
    #expect(try store.begin(1, chunks: 2, at: 0) == status(1, 0, of: 2))
    #expect(try store.begin(2, chunks: 2, owner: "bob", at: 0) == status(2, 0, of: 2))
    #expect(try store.write(1, 0, at: dayMax) == status(1, 1, of: 2))
    #expect(try store.purgeAll(at: dayMax).isEmpty)
    let stopped = SpoolChange(owner: try user("bob"), status: fileStatus(2, 0, of: 2, .expired))
    #expect(try store.purgeAll(at: dayMax + 1) == [stopped])
    #expect(try store.purgeAll(at: 2 * dayMax).isEmpty)
    #expect(try store.purgeAll(at: 2 * dayMax + 1).map(\.status) == [fileStatus(1, 1, of: 2, .expired)])
}

@Test func anOutcomeIsKnownForAMonth() throws {
    let store = try openSpool()
    let month = SpoolStore.endedMillisecondsMax
    try store.upload(1, chunks: 1)
    _ = try store.end(1, .received, by: "bob@south", at: 100)
    _ = try store.purgeAll(at: 100 + month)
    #expect(try store.begin(1, chunks: 1) == status(1, 1, of: 1, .received))
    _ = try store.purgeAll(at: 101 + month)
    #expect(try store.begin(1, chunks: 7) == status(1, 0, of: 7), "another file")
}

@Test func timesAtTheEndsOfTheRangeDoNoHarm() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 1, at: .max)
    try store.upload(2, chunks: 1, at: .min)
    #expect(try store.purgeAll(at: .min).isEmpty)
    #expect(try store.purgeAll(at: .max).map(\.status.id) == [id(2)])
}

@Test func chunksGoInSteps() throws {
    let store = try openSpool()
    let step = Int64(SpoolStore.stepRowsMax)
    try store.upload(1, chunks: 2 * step)
    try store.upload(2, chunks: 5)
    try store.upload(3, chunks: 2, owner: "bob")
    for number in 1...2 as ClosedRange<UInt64> { _ = try store.end(number, .received, by: "bob@south") }
    var taken: [Int64] = []
    var hasMore = true
    while hasMore {
        hasMore = try store.purge(at: 30).hasMore
        taken.append(try store.usage()[1])
    }
    #expect(Array(taken.prefix(3)) == [step + 7, 7, 2])
    #expect(taken.last == 2)
    #expect(try store.read(3, 1, from: "bob@north") == .chunk(chunk(3, 1)))
}

@Test func filesExpireInSteps() throws {
    let store = try openSpool()
    let count = UInt64(SpoolStore.stepRowsMax)
    for number in 0..<count { #expect(try store.begin(number, chunks: 1, at: 0) == status(number, 0, of: 1)) }
    #expect(try store.begin(count, chunks: 0, at: 0) == status(count, 0, of: 0))
    let first = try store.purge(at: 30 * day)
    #expect(first.changes.map(\.status.id) == (0..<count).map { id($0) })
    #expect(first.hasMore)
    #expect(try store.purge(at: 30 * day).changes.map(\.status.id) == [id(count)])
    #expect(try store.usage() == [0, 0])
}

@Test func anEmptiedSpoolGivesItsSpaceBack() throws {
    let folder = try TemporaryFolder()
    let store = try openSpool(folder.file("spool.db"))
    for number in 1...4 as ClosedRange<UInt64> {
        try store.upload(number, chunks: 25, bytes: FileChunk.sealedBytesMax)
    }
    try store.upload(5, chunks: 2, bytes: FileChunk.sealedBytesMax)
    for number in 1...4 as ClosedRange<UInt64> { _ = try store.end(number, .received, by: "bob@south") }
    try store.close()
    let full = try fileBytes(folder.file("spool.db"))
    #expect(full > 100 * sealedBytesMax)

    let again = try openSpool(folder.file("spool.db"))
    #expect(try again.purgeAll(at: 30).isEmpty)
    for index in 0...1 as ClosedRange<Int64> {
        #expect(try again.read(5, index) == .chunk(chunk(5, index, bytes: FileChunk.sealedBytesMax)))
    }
    try again.close()
    #expect(try fileBytes(folder.file("spool.db")) < 10 * sealedBytesMax)
}

private func fileBytes(_ path: String) throws -> Int64 {
    var information = stat()
    try #require(stat(path, &information) == 0)
    return Int64(information.st_size)
}

@Test func soManyEndedFilesOfAnAccountAreKnown() throws {
    let store = try openSpool()
    let known = UInt64(SpoolStore.endedPerAccountMax)
    let (alice, bob) = (try user("alice"), try user("bob"))
    func beginAndCancel(_ number: UInt64, _ owner: UserName) throws {
        let file = SpooledFile(id: id(number), to: .everyone, chunks: 0)
        let (at, author) = (Int64(number), Address(user: owner, server: north))
        let replies = store.perform([
            .begin(owner: owner, file, at: at),
            .end(owner: owner, id: file.id, by: author, .cancelled, local: north, at: at),
        ])
        try #require(replies == [status(number, 0, of: 0), ended(number, 0, of: 0, .cancelled)])
    }
    try beginAndCancel(1, bob)
    for number in 1...known + 2 { try beginAndCancel(number, alice) }
    #expect(try store.begin(3, chunks: 0, to: "public") == status(3, 0, of: 0, .cancelled))
    #expect(try store.begin(2, chunks: 0, to: "public") == status(2, 0, of: 0), "forgotten")
    #expect(try store.begin(1, chunks: 0, to: "public", owner: "bob") == status(1, 0, of: 0, .cancelled))
}
