import Store
import Testing
import Wire

private func offer(_ name: String) -> FileOffer {
    FileOffer(
        name: name, bytes: 100_000, digest: [UInt8](repeating: 1, count: 32), key: [UInt8](repeating: 2, count: 32),
        chain: [UInt8](repeating: 3, count: 32))
}

private func file(_ number: Int64, state: String = "sending", outcome: FileOutcome? = nil) throws -> StoredTransfer {
    StoredTransfer(
        number: number, isOutgoing: number % 2 == 0, id: id(UInt64(number)), from: try address("alice@north"),
        to: .direct(try address("dora@south")), at: 7, offer: offer("grüße \(number).txt"), state: state, done: 2,
        link: [UInt8](repeating: 4, count: 32), isOffered: true, path: "/a/b", folder: "/c", target: nil,
        outcome: outcome, reason: Refusal(.busy, "not now"))
}

@Test func filesAreKeptWhole() throws {
    let folder = try TemporaryFolder()
    var store = try ClientStore(path: folder.file())
    #expect(try store.lastFileNumber() == 0)
    for number in [3, 1, 4] as [Int64] { try store.saveFile(try file(number)) }
    try store.saveFile(try file(1, state: "cancelled", outcome: .declined))
    try store.removeFile(id(4))
    try store.removeFile(id(77))
    try store.close()
    store = try ClientStore(path: folder.file())
    #expect(try store.files() == [try file(1, state: "cancelled", outcome: .declined), try file(3)])
    #expect(try store.lastFileNumber() == 4, "a number is never given twice")
}

@Test func anOfferWaitsForKeysLikeWords() throws {
    let folder = try TemporaryFolder()
    let store = try ClientStore(path: folder.file())
    let content = MessageContent.file(offer("a")).encoded()
    try store.savePending(id(1), to: .everyone, at: 5, text: nil, offer: content)
    #expect(try store.pending(id(1))?.offer == content)
    #expect(try store.pending(id(1))?.isDamaged == false)
    try store.setDraft(id(1), [1, 2])
    #expect(try store.pending(id(1))?.offer == nil)
    #expect(try store.pending(id(1))?.draft == [1, 2])
    #expect(try store.pending(id(1))?.isDamaged == false)
}

@Test func everybodyPinnedIsListed() throws {
    let store = try ClientStore(path: ":memory:")
    let key = try #require(IdentityKey(bytes: [UInt8](repeating: 1, count: 32)))
    let other = try #require(IdentityKey(bytes: [UInt8](repeating: 2, count: 32)))
    for name in ["dora@south", "alice@north"] { try store.pin(try address(name), key, at: 1) }
    try store.pin(try address("dora@south"), other, at: 1)
    #expect(try store.pinnedAddresses() == [try address("alice@north"), try address("dora@south")])
}
