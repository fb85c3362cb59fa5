import Store
import Testing
import Wire

private func store(with count: UInt64) throws -> NodeStore {
    let store = try openStore()
    for number in 1...count { _ = try store.accepted(try message(number, "words \(number)")) }
    return store
}

@Test(
    arguments: [
        (nil, nil, 3, [8, 9, 10], true), (8, nil, 3, [5, 6, 7], true), (3, nil, 9, [1, 2], false),
        (1, nil, 9, [], false), (nil, 0, 4, [1, 2, 3, 4], true), (nil, 7, 4, [8, 9, 10], false),
        (nil, 10, 4, [], false), (6, 2, 2, [3, 4], true), (6, 2, 9, [3, 4, 5], false), (3, 2, 9, [], false),
        (99, 99, 9, [], false), (Int64.min, nil, 5, [], false), (Int64.max, Int64.max, 5, [], false),
        (Int64.max, Int64.min, 2, [1, 2], true), (nil, nil, 10, Array(1...10), false), (nil, nil, 0, [10], true),
    ] as [(Int64?, Int64?, Int, [Int64], Bool)])
func historyPages(before: Int64?, after: Int64?, count: Int, expected: [Int64], hasMore: Bool) throws {
    let page = try store(with: 10).page(before: before, after: after, count: count)
    #expect(page.entries.map(\.seq) == expected)
    #expect(page.hasMore == hasMore)
    #expect(page.last == 10)
    #expect(page.damaged.isEmpty)
    for entry in page.entries {
        #expect(entry.envelope == (try message(UInt64(entry.seq), "words \(entry.seq)")))
    }
}

@Test func historyEndsAPageWhereItGrowsLarge() throws {
    let store = try store(with: 5)
    let size = try message(1, "words 1").encoded().count
    let back = try store.page(bytesMax: 2 * size)
    #expect(back.entries.map(\.seq) == [4, 5])
    #expect(back.hasMore)
    let forth = try store.page(after: 0, bytesMax: 2 * size)
    #expect(forth.entries.map(\.seq) == [1, 2])
    #expect(forth.hasMore)
    #expect(try store.page(after: 4, bytesMax: 0).entries.map(\.seq) == [5], "at least one")
}

@Test func bothEndsSeeTheSameConversationAndNobodyElse() throws {
    let store = try openStore(people: ["alice", "bob", "carol"])
    _ = try store.accepted(try message(1, to: "bob@north"))
    _ = try store.accepted(try message(2, from: "bob@north", to: "alice@north"))
    let alices = try store.page("bob@north", of: "alice@north")
    let bobs = try store.page("alice@north", of: "bob@north")
    #expect(alices.entries == bobs.entries)
    #expect(alices.entries.map(\.seq) == [1, 2])
    #expect(alices.conversation == .direct(try address("bob@north")))
    for other in ["alice@north", "bob@north", "carol@north"] {
        #expect(try store.page(other, of: "carol@north").entries.isEmpty)
    }
}

@Test func aMissingRecordIsDamage() throws {
    let folder = try TemporaryFolder()
    let before = try openStore(folder.file())
    for number in 1...6 as ClosedRange<UInt64> { _ = try before.accepted(try message(number)) }
    try before.close()
    let database = try Database(path: folder.file())
    try database.execute("DELETE FROM message WHERE seq IN (2, 3, 6)")
    // An intact envelope in the place of another.
    try database.execute("UPDATE message SET envelope = (SELECT envelope FROM message WHERE seq = 1) WHERE seq = 5")
    try database.close()
    let store = try openStore(folder.file())
    for after in [nil, 0] as [Int64?] {
        let page = try store.page(after: after)
        #expect(page.entries.map(\.seq) == [1, 4])
        #expect(page.damaged == [2, 3, 5, 6])
    }
    #expect(try store.page(before: 4, count: 2).damaged == [2, 3])
}

@Test func headsNameTheLiveliestFirst() throws {
    let store = try openStore(people: ["alice", "bob", "carol"])
    let alice = try address("alice@north")
    #expect(try store.perform(.heads(owner: alice, countMax: 10)) == .heads([]))
    _ = try store.accepted(try message(1, to: "carol@north"))
    _ = try store.accepted(try message(2))
    _ = try store.accepted(try message(3, to: "alice@north"))
    _ = try store.accepted(try message(4, from: "carol@north", to: "bob@north"))
    _ = try store.accepted(try message(5, from: "bob@north", to: "alice@north"))
    _ = try store.accepted(try message(6, from: "bob@north", to: "alice@north"))
    func head(_ text: String, _ seq: Int64) throws -> Welcome.Head {
        Welcome.Head(conversation: try Conversation(parsing: text), seq: seq)
    }
    let heads = [
        try head("bob@north", 2), try head("alice@north", 1), try head("public", 1), try head("carol@north", 1),
    ]
    #expect(try store.perform(.heads(owner: alice, countMax: 10)) == .heads(heads))
    #expect(try store.perform(.heads(owner: alice, countMax: 2)) == .heads(Array(heads.prefix(2))))
    #expect(try store.perform(.heads(owner: alice, countMax: -1)) == .heads([]))
}
