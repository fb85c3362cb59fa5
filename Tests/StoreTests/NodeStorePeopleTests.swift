import Store
import Testing
import Wire

private let month = NodeStore.tokenMillisecondsMax

@Test func accountsAreSavedChangedAndDisabled() throws {
    let store = try openStore(people: [])
    let alice = try user("alice")
    #expect(try store.perform(.accounts) == .accounts([]))
    _ = try store.perform(.saveAccount(alice, verifier: "v1", entryDigest: [1], at: 1))
    _ = try store.perform(.saveAccount(alice, verifier: "v2", entryDigest: [2], at: 2))
    _ = try store.perform(.saveAccount(try user("bob"), verifier: "w", entryDigest: [], at: 2))
    _ = try store.perform(.disableAccount(try user("bob")))
    let first = Account(user: alice, verifier: "v2", entryDigest: [2], isDisabled: false)
    let second = Account(user: try user("bob"), verifier: "w", entryDigest: [], isDisabled: true)
    #expect(try store.perform(.accounts) == .accounts([first, second]))
    _ = try store.perform(.saveAccount(try user("bob"), verifier: "w", entryDigest: [], at: 3))
    #expect(try store.accepted(try message(1, to: "bob@north")).seq == 1, "enabled again")
    #expect(try store.perform(.disableAccount(try user("nobody"))) == .done)
}

@Test func devicesKeepTheirOrder() throws {
    let store = try openStore()
    let alice = try user("alice")
    let keys = try [3, 1, 2].map { try device($0) }
    for key in keys + [keys[0]] { #expect(try store.perform(.publish(alice, key, at: 1)) == .done) }
    _ = try store.perform(.publish(try user("bob"), keys[1], at: 1))
    #expect(try store.perform(.devices) == .devices([alice: keys, try user("bob"): [keys[1]]]))
}

@Test func devicesAreCountedAndNeedAnAccount() throws {
    let store = try openStore()
    let alice = try user("alice")
    let count = UInt8(DeviceKey.devicesPerAccountMax)
    for number in 1...count { #expect(try store.perform(.publish(alice, try device(number), at: 1)) == .done) }
    #expect(try store.perform(.publish(alice, try device(count + 1), at: 1)).refusalCode == .tooManyDevices)
    #expect(try store.perform(.publish(alice, try device(count), at: 2)) == .done, "registered already")
    #expect(try store.perform(.publish(try user("carol"), try device(1), at: 1)).refusalCode == .unknownUser)
}

private func save(_ id: UInt8, replaces: UInt8? = nil, user name: String = "alice", at: Int64 = 10) throws
    -> NodeRequest
{
    .saveToken(id: [id], user: try user(name), verifier: "t\(id)", replaces: replaces.map { [$0] }, at: at)
}

private func isValid(_ store: NodeStore, _ id: UInt8, at: Int64 = 11) throws -> Bool {
    guard case .token(let token) = try store.perform(.token(id: [id], at: at)) else { throw Unexpected() }
    return token != nil
}

@Test func aTokenReplacesAnotherWhenItIsUsed() throws {
    let store = try openStore()
    _ = store.perform([try save(1), try save(2, replaces: 1)])
    #expect(
        try store.perform(.token(id: [1], at: 11))
            == .token(StoredToken(user: try user("alice"), verifier: "t1")))
    #expect(try store.perform(.tokenUsed(id: [2], at: 12)) == .done)
    #expect(try (isValid(store, 1), isValid(store, 2)) == (false, true))
    // A token cannot end somebody else's.
    _ = store.perform([try save(3, replaces: 2, user: "bob"), .tokenUsed(id: [3], at: 13)])
    #expect(try isValid(store, 2))
    #expect(try store.perform(try save(9, user: "carol")).refusalCode == .unknownUser)
    #expect(try store.perform(.tokenUsed(id: [77], at: 13)) == .done)
}

@Test func unusedTokensEnd() throws {
    let store = try openStore()
    _ = store.perform([try save(1), try save(2), .tokenUsed(id: [2], at: 20)])
    #expect(try (isValid(store, 1, at: 10 + month), isValid(store, 1, at: 11 + month)) == (true, false))
    #expect(try isValid(store, 2, at: 20 + month))
    _ = try store.perform(.purge(at: 15 + month))
    #expect(try (isValid(store, 1, at: 11), isValid(store, 2, at: 11)) == (false, true))
}

@Test func aNewPasswordEndsTokens() throws {
    let store = try openStore()
    let alice = try user("alice")
    _ = store.perform([try save(1), try save(2, user: "bob")])
    _ = try store.perform(.saveAccount(alice, verifier: "v", entryDigest: [2], at: 2))
    #expect(try isValid(store, 1), "the same verifier")
    _ = try store.perform(.saveAccount(alice, verifier: "new", entryDigest: [3], at: 3))
    #expect(try (isValid(store, 1), isValid(store, 2)) == (false, true))
    _ = try store.perform(.disableAccount(try user("bob")))
    #expect(try !isValid(store, 2))
    #expect(try store.perform(try save(3, user: "bob")).refusalCode == .unknownUser)
}

@Test func tokensOfAnAccountAreCounted() throws {
    let store = try openStore()
    let count = UInt8(NodeStore.tokensPerAccountMax)
    for number in 1...(count + 2) { _ = try store.perform(try save(number, at: Int64(number))) }
    let valid = try (1...(count + 2)).filter { try isValid(store, $0, at: 100) }
    #expect(valid == Array(3...(count + 2)))
}
