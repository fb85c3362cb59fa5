import Store
import Testing
import Wire

private let everyone = Conversation.everyone
private func dora() throws -> Conversation { .direct(try address("dora@south")) }

private func draft(_ number: UInt64) throws -> [UInt8] {
    Draft(id: id(number), to: .everyone, at: 5, body: .text("needle \(number)")).encoded()
}

@Test func pendingMessagesKeepTheirOrder() throws {
    let folder = try TemporaryFolder()
    var store = try ClientStore(path: folder.file())
    try store.savePending(id(9), to: try dora(), at: 1, text: "first")
    try store.savePending(id(3), to: everyone, at: 0, text: nil, draft: try draft(3))
    try store.savePending(id(5), to: everyone, at: 0, text: nil, draft: try draft(5))
    try store.removePending(id(5))
    try store.savePending(id(1), to: everyone, at: 0, text: "", draft: nil)
    try store.setDraft(id(9), try draft(9))
    try store.setDraft(id(77), [1])
    try store.close()
    store = try ClientStore(path: folder.file())
    let pending = try store.pendingInOrder()
    #expect(pending.map(\.id) == [id(9), id(3), id(1)])
    #expect(pending.map(\.text) == [nil, nil, ""])
    #expect(pending.map(\.draft) == [try draft(9), try draft(3), nil])
    #expect(pending.map(\.to) == [try dora(), everyone, everyone])
    #expect(pending.map(\.at) == [1, 0, 0])
    #expect(pending.allSatisfy { !$0.isDamaged })
    #expect(try Draft(decoding: try #require(pending[1].draft)).id == id(3))
    #expect(throws: StoreError.self) { try store.savePending(id(9), to: everyone, at: 1, text: "again") }
}

@Test func acceptedMessagesAreKeptWhole() throws {
    let folder = try TemporaryFolder()
    var store = try ClientStore(path: folder.file())
    for number in 1...4 as ClosedRange<UInt64> {
        try store.savePending(id(number), to: everyone, at: 1, text: nil, draft: try draft(number))
    }
    try store.setAccepted(id(1), isUnconfirmed: false, waiting: [south, west], at: 10)
    try store.setAccepted(id(2), isUnconfirmed: false, waiting: [south], at: 11)
    try store.setAccepted(id(2), isUnconfirmed: true, waiting: [], at: 99)
    try store.setAccepted(id(3), isUnconfirmed: true, waiting: [south], at: 12)
    try store.setNotAccepted(id(3))
    try store.setAccepted(id(77), isUnconfirmed: false, waiting: [], at: 1)
    try store.setNotAccepted(id(77))
    try store.close()
    store = try ClientStore(path: folder.file())
    let all = try store.pendingInOrder()
    #expect(all.map(\.id) == [id(1), id(2), id(3), id(4)])
    #expect(all.map(\.acceptance?.at) == [10, 11, nil, nil])
    #expect(all.map(\.acceptance?.isUnconfirmed) == [false, true, nil, nil])
    #expect(all.map(\.acceptance?.waiting) == [[south, west], [], nil, nil])
    #expect(all.map(\.position) == all.map(\.position).sorted())
    #expect(try all.map(\.draft) == (1...4).map { try draft($0) })
    #expect(try store.pending(id(2)) == all[1])
    #expect(try store.pending(id(77)) == nil)
}

@Test func aDamagedPendingMessageIsNotSent() throws {
    let folder = try TemporaryFolder()
    let before = try ClientStore(path: folder.file())
    for number in 1...3 as ClosedRange<UInt64> {
        try before.savePending(id(number), to: everyone, at: 1, text: nil, draft: try draft(number))
    }
    try before.close()
    var bytes = try readFile(folder.file())
    let needle = Array("needle 2".utf8)
    let place = try #require(
        (0..<(bytes.count - needle.count)).first { Array(bytes[$0..<($0 + needle.count)]) == needle })
    bytes[place + 3] ^= 4
    try writeFile(folder.file(), bytes)
    let pending = try ClientStore(path: folder.file()).pendingInOrder()
    #expect(pending.map(\.isDamaged) == [false, true, false])
    #expect(pending[1].draft == nil)
    #expect(pending[1].id == id(2))
}

@Test func cursorsAreKept() throws {
    let store = try ClientStore(path: ":memory:")
    #expect(try store.cursor(everyone) == nil)
    try store.setCursor(everyone, 4)
    try store.setCursor(try dora(), 9)
    try store.setCursor(everyone, 5)
    #expect(try store.cursor(everyone) == 5)
    #expect(try store.allCursors() == [everyone: 5, try dora(): 9])
}

@Test func aTransactionIsAllOrNothing() throws {
    let store = try ClientStore(path: ":memory:")
    #expect(throws: StoreError.self) {
        try store.transaction { () throws(StoreError) in
            try store.setCursor(everyone, 4)
            try store.addGap(everyone, 1...3)
            throw StoreError(.misuse, "the test changes its mind")
        }
    }
    #expect(try store.allCursors().isEmpty)
    #expect(try store.gaps(everyone).isEmpty)
    let result = try store.transaction { () throws(StoreError) in
        try store.addGap(everyone, 1...3)
        return 7
    }
    #expect(result == 7)
    #expect(try store.gaps(everyone) == [1...3])
}

@Test func aTransactionIsOnTheDiskWhenItReturns() throws {
    let folder = try TemporaryFolder()
    let store = try ClientStore(path: folder.file())
    try store.transaction { () throws(StoreError) in
        try store.setCursor(everyone, 4)
        try store.setValue("a", for: "b")
    }
    let other = try TemporaryFolder()
    try writeFile(other.file(), try readFile(folder.file()))
    try writeFile(other.file("node.db-wal"), try readFile(folder.file("node.db-wal")))
    let crashed = try ClientStore(path: other.file())
    #expect(try crashed.cursor(everyone) == 4)
    #expect(try crashed.value(for: "b") == "a")
}

@Test func oneProfileHasOneClient() throws {
    let folder = try TemporaryFolder()
    let store = try ClientStore(path: folder.file())
    let error = #expect(throws: StoreError.self) { try ClientStore(path: folder.file()) }
    #expect(error?.kind == .inUse)
    try store.close()
}

@Test func keysOfOthersAreKept() throws {
    let store = try ClientStore(path: ":memory:")
    let dora = try address("dora@south")
    let keys = try [5, 2, 4].map { try #require(IdentityKey(bytes: [UInt8](repeating: $0, count: 32))) }
    #expect(try store.pins(dora).isEmpty)
    for key in keys + [keys[0]] { try store.pin(dora, key, at: 1) }
    #expect(try store.pins(dora) == keys)
    try store.replacePins(dora, [keys[2]], at: 2)
    #expect(try store.pins(dora) == [keys[2]])
    #expect(try store.pins(try address("dora@west")).isEmpty)

    let devices = try [3, 1].map { try device($0) }
    try store.saveDeviceKeys(dora, try [9, 8, 7].map { try device($0) })
    try store.saveDeviceKeys(dora, devices)
    #expect(try store.deviceKeys(dora) == devices)
    try store.saveDeviceKeys(dora, [])
    #expect(try store.deviceKeys(dora).isEmpty)

    #expect(try store.serverKey(south) == nil)
    try store.pinServer(south, keys[0], at: 1)
    try store.pinServer(south, keys[1], at: 2)
    #expect(try store.serverKey(south) == keys[1])
}

@Test func tokenAndValuesAreKept() throws {
    let store = try ClientStore(path: ":memory:")
    #expect(try store.token() == nil)
    try store.setToken(ResumeToken(id: [1], secret: [2]))
    try store.setToken(ResumeToken(id: [3], secret: [4]))
    #expect(try store.token() == ResumeToken(id: [3], secret: [4]))
    try store.setToken(nil)
    #expect(try store.token() == nil)
    #expect(try store.value(for: "device") == nil)
    try store.setValue("a", for: "device")
    try store.setValue("b", for: "device")
    #expect(try store.value(for: "device") == "b")
}
