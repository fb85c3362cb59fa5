import Glibc
import Store
import Testing
import Wire

// MARK: Crashes

private func crashed(_ folder: TemporaryFolder, logBytes: Int, into other: TemporaryFolder) throws -> NodeStore {
    try crash(folder.file(), logBytes: logBytes, into: other.file())
    return try openStore(other.file(), people: [])
}

@Test func everythingAnsweredSurvivesACrashAtAnyPoint() throws {
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file())
    var logBytes = [try readFile(folder.file("node.db-wal")).count]
    for number in 1...12 as ClosedRange<UInt64> {
        // A batch of two, so that a torn commit would show as half a batch.
        let replies = store.perform([
            .accept(try message(2 * number), peers: [south], local: north, at: 1, deadline: 9),
            .accept(try message(2 * number + 1), peers: [south], local: north, at: 1, deadline: 9),
        ])
        #expect(replies.allSatisfy { $0.failureCode == nil })
        logBytes.append(try readFile(folder.file("node.db-wal")).count)
    }
    let total = try #require(logBytes.last)
    var random = SplitMix64(seed: 4)
    let cuts =
        logBytes + logBytes.dropFirst().map { $0 - 1 }
        + (0..<20).map { _ in
            Int.random(in: logBytes[0]...total, using: &random)
        }
    for cut in cuts {
        let batches = try #require(logBytes.lastIndex { $0 <= cut })
        let after = try crashed(folder, logBytes: cut, into: try TemporaryFolder())
        let page = try after.page()
        #expect(page.last == Int64(2 * batches), "cut at \(cut) of \(total)")
        #expect(page.entries.count == 2 * batches)
        #expect(page.damaged.isEmpty)
        #expect(try after.outboxPage().items.count == 2 * batches)
        #expect(try after.accepted(try message(99), peers: [south]).seq == Int64(2 * batches + 1))
    }
}

@Test func aDroppedStoreOpensAgain() throws {
    let folder = try TemporaryFolder()
    for number in 1...3 as ClosedRange<UInt64> {
        let store = try openStore(folder.file())
        #expect(try store.accepted(try message(number)).seq == Int64(number))
        #expect(try store.allStreams().epoch == epoch)
    }
}

@Test func aClosedStoreRefuses() throws {
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file())
    try store.close()
    #expect(try readFile(folder.file()).isEmpty == false)
    #expect(access(folder.file("node.db-wal"), F_OK) != 0, "the log is folded in")
    #expect(try store.accept(try message(1)).failureCode == .storeFailed)
    #expect(try store.perform(.accounts).failureCode == .storeFailed)
}

// MARK: Damage

@Test(arguments: 0..<48)
func aFlippedBitIsNeverAMessage(bit: Int) throws {
    let folder = try TemporaryFolder()
    let before = try openStore(folder.file())
    for number in 1...3 as ClosedRange<UInt64> {
        _ = try before.accepted(try message(number, number == 2 ? "needle" : "hay"), peers: [south])
    }
    try before.close()
    try flip(folder.file(), "needle", bit: bit)

    let store = try openStore(folder.file())
    let page = try store.page()
    #expect(page.entries.map(\.seq) == [1, 3])
    #expect(page.damaged == [2])
    #expect(try store.accept(try message(2, "needle")).refusalCode == .damaged)

    let outbox = try store.outboxPage()
    #expect(outbox.items.map { $0.envelope?.id } == [id(1), nil, id(3)])
    #expect(outbox.items.map(\.seq) == [1, 2, 3])
    let lost = StateChange(
        author: try address("alice@north"), state: MessageState(id: id(2), state: .unconfirmed))
    #expect(outbox.damaged == [lost])
    let again = try store.outboxPage()
    #expect(again.items == outbox.items)
    #expect(again.damaged.isEmpty, "told once")
    #expect(try store.acknowledge(through: 3).changes.map(\.state.id) == [id(1), id(3)])
}

@Test func damageInAnyByteOfAMessageRowIsNoticed() throws {
    let folder = try TemporaryFolder()
    let before = try openStore(folder.file())
    let envelope = try message(2, "needle")
    for number in [1, 2, 3] as [UInt64] { _ = try before.accepted(number == 2 ? envelope : try message(number)) }
    try before.close()
    let sound = try readFile(folder.file())
    let text = String(decoding: envelope.encoded(), as: UTF8.self)
    for bit in stride(from: 0, to: 8 * text.utf8.count, by: 13) {
        try writeFile(folder.file(), sound)
        try flip(folder.file(), text, bit: bit)
        let store = try openStore(folder.file())
        #expect(try store.page().entries.map(\.seq) == [1, 3])
        #expect(try store.page().damaged == [2])
        try store.close()
    }
}

@Test func aDamagedCopyIsNotTakenForTheMessageOfAPeer() throws {
    let folder = try TemporaryFolder()
    let before = try openStore(folder.file())
    let envelope = try message(1, from: "dora@south", "needle")
    _ = try before.perform(.beginInbound(from: south, epoch: epoch, first: 1))
    _ = try before.receive(envelope, seq: 1)
    try before.close()
    try flip(folder.file(), "needle", bit: 3)
    let store = try openStore(folder.file())
    _ = try store.perform(.beginInbound(from: south, epoch: otherEpoch, first: 1))
    #expect(try store.receive(envelope, seq: 1, epoch: otherEpoch).refusalCode == .damaged)
}

// MARK: Full and failing disks

@Test func aFullDiskFailsTheBatchAndPassesOver() throws {
    var limits = NodeStore.Limits()
    limits.fileBytesMax = 400_000
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file(), limits: limits)
    let big = String(repeating: "x", count: 30_000)
    var number: UInt64 = 0
    var failed = false
    while !failed {
        number += 1
        try #require(number < 100)
        let before = try store.allStreams()
        let last = try store.page(count: 1).last
        let replies = store.perform([
            .accept(try message(number, big), peers: [south], local: north, at: 1, deadline: 9),
            .pin(west, try device(UInt8(number)).account, at: 1),
        ])
        failed = replies[0].failureCode == .storeFailed
        guard failed else { continue }
        #expect(replies[1].failureCode == .storeFailed)
        #expect(try store.allStreams() == before)
        #expect(try store.page(count: 1).last == last)
    }
    #expect(number > 3)
    #expect(store.broken == nil)
    #expect(try store.page(bytesMax: .max).entries.count == Int(number - 1), "reading works")
    // What fits is taken, and the file is sound after a restart with more room.
    #expect(try store.perform(.pin(west, try device(1).account, at: 2)) == .done)
    try store.close()
    let roomier = try openStore(folder.file())
    #expect(try roomier.accepted(try message(number, big), peers: [south]).seq == Int64(number))
}

@Test func aNearlyFullDiskTakesNoNewMessages() throws {
    var limits = NodeStore.Limits()
    limits.freeBytesMin = .max
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file(), limits: limits)
    let replies = store.perform([
        .accept(try message(1), peers: [], local: north, at: 1, deadline: 9),
        .pin(south, try device(1).account, at: 1), .accounts,
    ])
    #expect(replies[0].failureCode == .storeFailed)
    #expect(replies[1] == .done)
    #expect(try store.receive(try message(1, from: "dora@south"), seq: 1).failureCode == .storeFailed)
    #expect(try store.page().last == 0)
}

@Test func aRetryIsAnsweredOnANearlyFullDisk() throws {
    let folder = try TemporaryFolder()
    let before = try openStore(folder.file())
    let first = try before.accepted(try message(1), peers: [])
    try before.close()
    var limits = NodeStore.Limits()
    limits.freeBytesMin = .max
    let store = try openStore(folder.file(), limits: limits)
    let again = try store.accepted(try message(1), peers: [])
    #expect(again.isDuplicate)
    #expect(again.seq == first.seq)
    let other = try message(1, "other words")
    #expect(try store.perform(.accept(other, peers: [], local: north, at: 1, deadline: 9)).refusalCode == .idReused)
}

@Test func aRetryIsAnsweredThoughItsBatchFails() throws {
    var limits = NodeStore.Limits()
    limits.fileBytesMax = 400_000
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file(), limits: limits)
    let first = try store.accepted(try message(1), peers: [])
    let big = String(repeating: "x", count: 30_000)
    let more = try (2...40).map { number -> NodeRequest in
        .accept(try message(UInt64(number), big), peers: [south], local: north, at: 1, deadline: 9)
    }
    let retry = NodeRequest.accept(try message(1), peers: [], local: north, at: 1, deadline: 9)
    let replies = store.perform([retry] + more)
    #expect(replies.last?.failureCode == .storeFailed)
    guard case .accepted(let again)? = replies.first else {
        Issue.record("the retry was answered with \(String(describing: replies.first))")
        return
    }
    #expect(again.isDuplicate)
    #expect(again.seq == first.seq)
}

@Test func aWriteErrorEndsAllChangesUntilRestart() throws {
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file())
    _ = try store.accepted(try message(1), peers: [south])
    let log = folder.file("node.db-wal")
    try replaceDescriptor(of: log, by: log, O_RDONLY)
    let replies = store.perform([
        .accept(try message(2), peers: [south], local: north, at: 1, deadline: 9), .accounts,
    ])
    #expect(replies[0].failureCode == .storeFailed)
    #expect(store.broken?.kind == .inputOutput)
    #expect(try store.perform(.pin(south, try device(1).account, at: 1)).failureCode == .storeFailed)
    #expect(try store.page().entries.map(\.seq) == [1], "reads go on")
    #expect(try store.outboxPage().items.map(\.seq) == [1])
    guard case .accounts(let accounts) = replies[1] else { throw Unexpected() }
    #expect(accounts.count == 2)
    try? store.close()
    let restarted = try openStore(folder.file())
    #expect(try restarted.accepted(try message(2), peers: [south]).seq == 2)
}

@Test func aFailedSyncIsNotTriedAgain() throws {
    let folder = try TemporaryFolder()
    let store = try openStore(folder.file())
    // /dev/null takes every byte, but cannot be synced.
    try replaceDescriptor(of: folder.file("node.db-wal"), by: "/dev/null", O_RDWR)
    #expect(try store.accept(try message(1)).failureCode == .storeFailed)
    #expect(store.broken?.kind == .inputOutput)
    #expect(try store.accept(try message(1)).failureCode == .storeFailed)
}
