import Store
import Testing
import Wire

@Test func anUploadGoesOnWhereItStopped() throws {
    let folder = try TemporaryFolder()
    let before = try openSpool(folder.file("spool.db"))
    #expect(try before.begin(1, chunks: 3) == status(1, 0, of: 3))
    #expect(try before.write(1, 0) == status(1, 1, of: 3))
    try before.close()
    let store = try openSpool(folder.file("spool.db"))
    #expect(try store.begin(1, chunks: 3) == status(1, 1, of: 3))
    #expect(store.perform(try (1...2).map { try .write(1, $0) }) == [status(1, 2, of: 3), status(1, 3, of: 3)])
    for index in 0..<3 as Range<Int64> { #expect(try store.read(1, index) == .chunk(chunk(1, index))) }
}

@Test func whatIsHeldIsNotWrittenAgain() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 3, held: 2)
    for index in 0...1 as ClosedRange<Int64> {
        #expect(try store.write(1, index, [1]) == status(1, 2, of: 3))
    }
    #expect(try store.write(1, 2) == status(1, 3, of: 3))
    #expect(try store.write(1, 2, [1]) == status(1, 3, of: 3))
    for index in 0..<3 as Range<Int64> { #expect(try store.read(1, index) == .chunk(chunk(1, index))) }
}

@Test func aChunkNeedsItsFileItsTurnAndItsSize() throws {
    let store = try openSpool()
    #expect(try store.write(1, 0).refusalCode == .noFile)
    try store.upload(1, chunks: 3, held: 1)
    #expect(try store.write(1, 0, owner: "bob").refusalCode == .noFile)
    #expect(try store.write(1, 2).refusalCode == .outOfOrder)
    for index in [-1, 3, .min, .max] as [Int64] { #expect(try store.write(1, index).refusalCode == .badValue) }
    #expect(try store.write(1, 1, []).refusalCode == .badValue)
    let longest = [UInt8](repeating: 7, count: FileChunk.sealedBytesMax)
    #expect(try store.write(1, 1, longest + [7]).refusalCode == .badValue)
    #expect(try store.write(1, 1, longest) == status(1, 2, of: 3))
    #expect(try store.write(1, 2, [9]) == status(1, 3, of: 3))
    #expect(try store.read(1, 1) == .chunk(longest))
    #expect(try store.read(1, 2) == .chunk([9]))
}

@Test func anEmptyFileIsCompleteAtOnce() throws {
    let store = try openSpool()
    #expect(try store.begin(1, chunks: 0) == status(1, 0, of: 0))
    #expect(try store.write(1, 0).refusalCode == .badValue)
    #expect(try store.read(1, 0).refusalCode == .noFile)
    #expect(try store.usage() == [1, 0])
    #expect(try store.end(1, .received, by: "bob@south") == ended(1, 0, of: 0, .received))
}

@Test func anIDBelongsToOneFileOfItsAuthor() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 3, held: 1)
    #expect(try store.begin(1, chunks: 4).refusalCode == .idReused)
    #expect(try store.begin(1, chunks: 3, to: "bob@north").refusalCode == .idReused)
    #expect(try store.begin(1, chunks: 3, to: "public").refusalCode == .idReused)
    #expect(try store.begin(1, chunks: 5, to: "public", owner: "bob") == status(1, 0, of: 5))
    #expect(try store.begin(1, chunks: 3) == status(1, 1, of: 3))
    #expect(try store.usage() == [2, 8])
    _ = try store.end(1, .cancelled, by: "alice@north")
    #expect(try store.begin(1, chunks: 4).refusalCode == .idReused)
    #expect(try store.begin(1, chunks: 3) == status(1, 1, of: 3, .cancelled))
    for index in [0, 1, 3] as [Int64] { #expect(try store.write(1, index) == status(1, 1, of: 3, .cancelled)) }
}

// MARK: Limits

@Test func theSizeOfOneFileIsBounded() throws {
    var limits = SpoolLimits()
    limits.fileBytesMax = Int64(2 * FileChunk.bytesMax)
    let store = try openSpool(limits: limits)
    #expect(try store.begin(1, chunks: 3).refusalCode == .fileTooLarge)
    #expect(try store.begin(1, chunks: .max).refusalCode == .fileTooLarge)
    #expect(try store.begin(1, chunks: -1).refusalCode == .badValue)
    #expect(try store.begin(1, chunks: .min).refusalCode == .badValue)
    #expect(try store.begin(1, chunks: 2) == status(1, 0, of: 2))
    // One byte more is a third chunk, which has to be taken.
    limits.fileBytesMax += 1
    #expect(try openSpool(limits: limits).begin(1, chunks: 3) == status(1, 0, of: 3))
    limits.fileBytesMax = 0
    let closed = try openSpool(limits: limits)
    #expect(try closed.begin(1, chunks: 0).refusalCode == .fileTooLarge)
    #expect(try closed.begin(1, chunks: 1).refusalCode == .fileTooLarge)
}

@Test func theLargestLimitsOverflowNothing() throws {
    var limits = SpoolLimits()
    (limits.fileBytesMax, limits.accountBytesMax, limits.spoolBytesMax) = (.max, .max, .max)
    let store = try openSpool(limits: limits)
    #expect(try store.begin(1, chunks: .max).refusalCode == .fileTooLarge)
    #expect(try store.begin(1, chunks: FileChunk.countMax + 1).refusalCode == .fileTooLarge)
    #expect(try store.begin(1, chunks: FileChunk.countMax) == status(1, 0, of: FileChunk.countMax))
    #expect(try store.begin(2, chunks: FileChunk.countMax) == status(2, 0, of: FileChunk.countMax))
    (limits.accountBytesMax, limits.spoolBytesMax) = (.min, -1)
    #expect(try openSpool(limits: limits).begin(1, chunks: 1).refusalCode == .spoolFull)
}

@Test(arguments: [0, -1] as [Int64])
func anAccountHasSoMuchRoom(_ spare: Int64) throws {
    var limits = SpoolLimits()
    limits.accountBytesMax = 10 * sealedBytesMax + spare
    let store = try openSpool(limits: limits)
    let last: Int64 = spare < 0 ? 5 : 6
    #expect(try store.begin(1, chunks: 11).refusalCode == .spoolFull)
    #expect(try store.begin(1, chunks: 4) == status(1, 0, of: 4))
    #expect(try store.begin(2, chunks: last + 1).refusalCode == .spoolFull)
    #expect(try store.begin(2, chunks: last) == status(2, 0, of: last))
    #expect(try store.begin(3, chunks: 1).refusalCode == .spoolFull)
    #expect(try store.begin(4, chunks: 0) == status(4, 0, of: 0), "takes none")
    #expect(try store.begin(2, chunks: last) == status(2, 0, of: last), "is known")
    #expect(try store.begin(3, chunks: 1, owner: "bob") == status(3, 0, of: 1), "others have their own")
    #expect(try store.usage() == [4, 4 + last + 1])
    for index in 0..<4 as Range<Int64> { #expect(try store.write(1, index) == status(1, index + 1, of: 4)) }
}

@Test func whatEndedTakesRoomUntilItIsDeleted() throws {
    var limits = SpoolLimits()
    limits.accountBytesMax = 10 * sealedBytesMax
    let store = try openSpool(limits: limits)
    try store.upload(1, chunks: 10, held: 3)
    #expect(try store.end(1, .cancelled, by: "alice@north") == ended(1, 3, of: 10, .cancelled))
    #expect(try store.usage() == [0, 3])
    #expect(try store.begin(2, chunks: 8).refusalCode == .spoolFull)
    #expect(try store.begin(2, chunks: 7) == status(2, 0, of: 7))
    #expect(try store.purgeAll(at: 20).isEmpty)
    #expect(try store.usage() == [1, 7])
    #expect(try store.begin(3, chunks: 4).refusalCode == .spoolFull)
    #expect(try store.begin(3, chunks: 3) == status(3, 0, of: 3))
}

@Test func theNodeHasSoMuchRoom() throws {
    var limits = SpoolLimits()
    limits.spoolBytesMax = 10 * sealedBytesMax
    let store = try openSpool(limits: limits)
    #expect(try store.begin(1, chunks: 6) == status(1, 0, of: 6))
    #expect(try store.begin(1, chunks: 5, owner: "bob").refusalCode == .spoolFull)
    #expect(try store.begin(1, chunks: 4, owner: "bob") == status(1, 0, of: 4))
    #expect(try store.begin(1, chunks: 1, owner: "carol").refusalCode == .spoolFull)
    _ = try store.end(1, .cancelled, by: "bob@north", owner: "bob")
    #expect(try store.begin(1, chunks: 5, owner: "carol").refusalCode == .spoolFull)
    #expect(try store.begin(1, chunks: 4, owner: "carol") == status(1, 0, of: 4))
}

@Test func anAccountHasSoManyOpenFiles() throws {
    var limits = SpoolLimits()
    limits.openFilesPerAccountMax = 2
    let store = try openSpool(limits: limits)
    try store.upload(1, chunks: 1)
    #expect(try store.begin(2, chunks: 0) == status(2, 0, of: 0))
    #expect(try store.begin(3, chunks: 0).refusalCode == .spoolFull)
    #expect(try store.begin(3, chunks: 0, owner: "bob") == status(3, 0, of: 0))
    #expect(try store.begin(2, chunks: 0) == status(2, 0, of: 0))
    _ = try store.end(1, .received, by: "bob@south")
    #expect(try store.begin(3, chunks: 0) == status(3, 0, of: 0))
    #expect(try store.begin(4, chunks: 0).refusalCode == .spoolFull)
}
