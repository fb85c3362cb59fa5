import Store
import Testing
import Wire

@Test func aLocalDirectMessageIsDelivered() throws {
    let store = try openStore()
    let first = try store.accepted(try message(1, to: "bob@north"))
    #expect(first.seq == 1)
    #expect(!first.isDuplicate)
    #expect(first.state == MessageState(id: id(1), state: .delivered))
    #expect(first.queued.isEmpty)
    #expect(try store.accepted(try message(2, from: "bob@north", to: "alice@north")).seq == 2)
    #expect(try store.accepted(try message(3, to: "alice@north")).seq == 1, "a conversation with oneself")
}

@Test func unknownAndDisabledPeopleGetNothing() throws {
    let store = try openStore()
    #expect(try store.accept(try message(1, to: "carol@north")).refusalCode == .unknownUser)
    _ = try store.perform(.disableAccount(try user("bob")))
    #expect(try store.accept(try message(2, to: "bob@north")).refusalCode == .unknownUser)
    // A refusal leaves the id free.
    #expect(try store.accepted(try message(2, to: "alice@north")).seq == 1)
}

@Test func aRemoteDirectMessageIsQueuedForItsServer() throws {
    let store = try openStore()
    let one = try store.accepted(try message(1, to: "dora@south"))
    #expect(one.state == MessageState(id: id(1), state: .accepted(seq: 1), waiting: [south]))
    #expect(one.queued == [Acceptance.Queued(peer: south, seq: 1)])
    let two = try store.accepted(try message(2, from: "bob@north", to: "dora@south"))
    #expect(two.seq == 1)
    #expect(two.queued.map(\.seq) == [2])
    #expect(try store.outboxPage().items.map(\.seq) == [1, 2])
}

@Test func aPublicMessageGoesToEveryPeer() throws {
    let store = try openStore()
    #expect(try store.accepted(try message(1)).state.state == .delivered)
    let two = try store.accepted(try message(2), peers: [west, south, west])
    #expect(two.seq == 2)
    #expect(two.state.waiting == [south, west])
    #expect(two.queued.map(\.peer) == [south, west])
}

@Test func aRepeatedRequestGetsTheSameAnswer() throws {
    let store = try openStore()
    let original = try store.accepted(try message(1, to: "dora@south"))
    var again = try store.accepted(try message(1, to: "dora@south"))
    #expect(again.isDuplicate)
    #expect(again.seq == original.seq)
    #expect(again.state == original.state)
    #expect(again.queued.isEmpty)
    _ = try store.acknowledge(through: 1)
    again = try store.accepted(try message(1, to: "dora@south"))
    #expect(again.state == MessageState(id: id(1), state: .delivered))
    #expect(try store.allStreams().peers.map(\.last) == [1])
    // Also within one batch, and after the recipient's account is gone.
    let local = NodeRequest.accept(
        try message(5, to: "bob@north"), peers: [], local: north, at: 1, deadline: 9)
    let replies = store.perform([local, .disableAccount(try user("bob")), local])
    guard case .accepted(let last) = replies[2] else { throw Unexpected() }
    #expect(last.isDuplicate)
    #expect(last.seq == 1)
}

@Test func statesAreToldToTheAuthorAlone() throws {
    let store = try openStore()
    _ = try store.accepted(try message(1, to: "bob@north"))
    for number in 2...5 as ClosedRange<UInt64> { _ = try store.accepted(try message(number, to: "dora@south")) }
    let refusal = Refusal(.unknownUser, "no")
    _ = try store.acknowledge(through: 2, refused: [StreamRefusal(seq: 2, refusal: refusal)])
    func states(_ author: String, _ numbers: [UInt64]) throws -> NodeReply {
        try store.perform(.states(author: try address(author), ids: numbers.map { id($0) }))
    }
    let open = MessageState(id: id(4), state: .accepted(seq: 3), waiting: [south])
    #expect(
        try states("alice@north", [4, 9, 3, 2, 8, 1])
            == .states(
                [
                    open, MessageState(id: id(3), state: .failed(refusal)), MessageState(id: id(2), state: .delivered),
                    MessageState(id: id(1), state: .delivered),
                ], unknown: [id(9), id(8)]))
    #expect(try states("bob@north", [1, 2]) == .states([], unknown: [id(1), id(2)]))
    guard case .expired(_, false) = try store.perform(.expire(at: 101)) else { throw Unexpected() }
    #expect(
        try states("alice@north", [5])
            == .states([MessageState(id: id(5), state: .unconfirmed, waiting: [south])], unknown: []))
    // They are what a retry is answered with.
    #expect(try store.accepted(try message(4, to: "dora@south")).state.state == .unconfirmed)
}

@Test func anIdBelongsToOneMessageOfOneAuthor() throws {
    let store = try openStore()
    _ = try store.accepted(try message(1))
    #expect(try store.accept(try message(1, "other words")).refusalCode == .idReused)
    #expect(try store.accept(try message(1, to: "bob@north")).refusalCode == .idReused)
    #expect(try store.accepted(try message(1, from: "bob@north")).seq == 2, "another author's own id")
    #expect(try store.page().last == 2)
}

@Test func aFullOutboxRefusesOrSkips() throws {
    var limits = NodeStore.Limits()
    limits.outboxRowsMax = 2
    let store = try openStore(limits: limits)
    for number in 1...2 as ClosedRange<UInt64> { _ = try store.accepted(try message(number, to: "dora@south")) }
    #expect(try store.accept(try message(3, to: "dora@south")).refusalCode == .outboxFull)
    let partly = try store.accepted(try message(4), peers: [south, west])
    #expect(partly.skipped == [south])
    #expect(partly.queued.map(\.peer) == [west])
    #expect(try store.accepted(try message(4), peers: [south, west]).skipped == [south])
    // Nobody waits any more, but south will never have it.
    let settled = try store.acknowledge(west, through: 1)
    #expect(settled.changes.map(\.state) == [MessageState(id: id(4), state: .accepted(seq: 1))])
    _ = try store.acknowledge(through: 1)
    #expect(try store.accepted(try message(3, to: "dora@south")).queued.map(\.seq) == [3])
}

@Test func theOutboxIsBoundedInBytes() throws {
    var limits = NodeStore.Limits()
    let size = Int64(try message(1).encoded().count)
    limits.outboxBytesMax = 2 * size
    let store = try openStore(limits: limits)
    for number in 1...3 as ClosedRange<UInt64> {
        #expect(try store.accepted(try message(number), peers: [south]).skipped == (number == 3 ? [south] : []))
    }
}

@Test func eachConversationHasItsOwnNumbers() throws {
    let store = try openStore()
    for number in 1...9 as ClosedRange<UInt64> {
        let to = ["public", "bob@north", "dora@south"][Int(number % 3)]
        #expect(try store.accepted(try message(number, to: to)).seq == Int64((number + 2) / 3))
    }
}

@Test func oneFailingRequestLeavesTheOthersAlone() throws {
    let folder = try TemporaryFolder()
    try openStore(folder.file()).close()
    let database = try Database(path: folder.file())
    try database.execute(
        """
        CREATE TRIGGER part BEFORE INSERT ON outbox
        WHEN (SELECT sender FROM message WHERE position = NEW.message) = 'bob@north'
        BEGIN SELECT RAISE(ABORT, 'after the message is in'); END;
        CREATE TRIGGER whole BEFORE INSERT ON pin WHEN NEW.server = 'west' BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
        """)
    try database.close()
    let store = try openStore(folder.file())
    func accept(_ number: UInt64, from: String) throws -> NodeRequest {
        .accept(try message(number, from: from), peers: [south], local: north, at: 1, deadline: 9)
    }
    let key = try device(1).account
    let replies = store.perform([
        try accept(1, from: "alice@north"), try accept(2, from: "bob@north"), try accept(3, from: "alice@north"),
    ])
    #expect(replies[1].failureCode == .storeFailed)
    #expect(try store.page().entries.map(\.envelope.id) == [id(1), id(3)])
    #expect(try store.outboxPage().items.map(\.seq) == [1, 2])

    // What ends the transaction fails every change of the batch, and reads see what is truly there.
    let owner = try address("alice@north")
    let failed = store.perform([
        try accept(4, from: "alice@north"), .heads(owner: owner, countMax: 9), .pin(west, key, at: 1),
        .pin(south, key, at: 1),
    ])
    #expect(failed.map(\.failureCode) == [.storeFailed, nil, .storeFailed, .storeFailed])
    #expect(failed[1] == .heads([Welcome.Head(conversation: .everyone, seq: 2)]))
    #expect(try store.allStreams().pins.isEmpty)
    #expect(store.broken == nil)
    #expect(try store.accepted(try message(4)).seq == 3)
}
