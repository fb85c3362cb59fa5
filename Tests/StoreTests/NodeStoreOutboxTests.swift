import Store
import Testing
import Wire

private let week = NodeStore.retainedMillisecondsMax

private func queued(_ count: UInt64, to: String = "dora@south") throws -> NodeStore {
    let store = try openStore()
    for number in 1...count { _ = try store.accepted(try message(number, to: to)) }
    return store
}

private func change(_ number: UInt64, _ state: MessageState.State, waiting: [ServerName] = []) throws -> StateChange {
    StateChange(
        author: try address("alice@north"), state: MessageState(id: id(number), state: state, waiting: waiting))
}

@Test func acknowledgedMessagesAreDelivered() throws {
    let store = try queued(4)
    let refusal = Refusal(.unknownUser, "no dora")
    let settled = try store.acknowledge(
        through: 3, refused: [StreamRefusal(seq: 2, refusal: refusal), StreamRefusal(seq: 4, refusal: refusal)])
    #expect(settled.changes == [try change(1, .delivered), try change(2, .failed(refusal)), try change(3, .delivered)])
    #expect(settled.through == 3)
    #expect(!settled.isBeyond)
    #expect(try store.outboxPage().items.map(\.seq) == [4])
    #expect(try store.accepted(try message(2, to: "dora@south")).state.state == .failed(refusal))
    // Late and repeated acknowledgements change nothing.
    for through in [3, 1, 0, -1] as [Int64] {
        #expect(
            try store.acknowledge(through: through, refused: [StreamRefusal(seq: 1, refusal: refusal)])
                == Settlement(changes: [], through: 3, isBeyond: false))
    }
}

@Test func acknowledgingWhatWasNeverQueuedChangesNothing() throws {
    let store = try queued(2)
    #expect(try store.acknowledge(through: 3) == Settlement(changes: [], through: 0, isBeyond: true))
    #expect(try store.acknowledge(through: .max) == Settlement(changes: [], through: 0, isBeyond: true))
    #expect(try store.acknowledge(west, through: 1).isBeyond)
    #expect(try store.outboxPage().items.count == 2)
}

@Test func aPublicMessageWaitsForAll() throws {
    let store = try openStore()
    _ = try store.accepted(try message(1), peers: [south, west])
    #expect(
        try store.acknowledge(south, through: 1).changes
            == [try change(1, .accepted(seq: 1), waiting: [west])])
    #expect(try store.accepted(try message(1)).state.waiting == [west])
    #expect(try store.acknowledge(west, through: 1).changes == [try change(1, .delivered)])
}

@Test func aPublicRefusalIsNoLongerWaitedFor() throws {
    let store = try openStore()
    _ = try store.accepted(try message(1), peers: [south, west])
    let refused = [StreamRefusal(seq: 1, refusal: Refusal(.damaged, "d"))]
    #expect(try store.acknowledge(south, through: 1, refused: refused).changes.map(\.state.waiting) == [[west]])
    #expect(try store.acknowledge(west, through: 1).changes == [try change(1, .delivered)])
}

@Test func theOutboxComesInPages() throws {
    let store = try queued(5)
    let size = try message(1, to: "dora@south").encoded().count
    let byCount = try store.outboxPage(countMax: 2)
    #expect(byCount.items.map(\.seq) == [1, 2])
    #expect(byCount.items.first?.envelope == (try message(1, to: "dora@south")))
    #expect(byCount.hasMore)
    #expect(try store.outboxPage(after: 1, bytesMax: 2 * size).items.map(\.seq) == [2, 3])
    #expect(try store.outboxPage(after: 1, bytesMax: 0).items.map(\.seq) == [2], "at least one")
    let last = try store.outboxPage(after: 3)
    #expect(last.items.map(\.seq) == [4, 5])
    #expect(!last.hasMore)
    #expect(try store.outboxPage(after: 5) == OutboxPage(items: [], damaged: [], hasMore: false))
    #expect(try store.outboxPage(west).items.isEmpty)
    _ = try store.acknowledge(through: 2)
    #expect(try store.outboxPage(after: 0).items.map(\.seq) == [3, 4, 5])
}

@Test func aPeerWithANewEpochGetsEverythingRetained() throws {
    let store = try queued(4)
    #expect(try store.perform(.rewind(peer: south, epoch: epoch)) == .rewound(first: 1))
    let refusal = Refusal(.unknownUser, "no")
    _ = try store.acknowledge(through: 3, refused: [StreamRefusal(seq: 2, refusal: refusal)])
    #expect(try store.perform(.rewind(peer: south, epoch: epoch)) == .rewound(first: 1), "a known one, too")
    _ = try store.acknowledge(through: 3)
    #expect(try store.perform(.rewind(peer: south, epoch: otherEpoch)) == .rewound(first: 1))
    let page = try store.outboxPage()
    #expect(page.items.map(\.seq) == [1, 2, 3, 4])
    #expect(page.items.map { $0.envelope == nil } == [false, true, false, false], "what was refused stays refused")
    #expect(page.damaged.isEmpty)
    let stream = try #require(try store.allStreams().peers.first)
    #expect(stream.epoch == otherEpoch)
    #expect((stream.first, stream.acknowledged, stream.last) == (1, 0, 4))
    // Already told; only the one that was still waiting is news.
    #expect(try store.acknowledge(through: 4).changes == [try change(4, .delivered)])
}

@Test func aRefusalAfterARewindIsNews() throws {
    let store = try queued(1)
    _ = try store.acknowledge(through: 1)
    _ = try store.perform(.rewind(peer: south, epoch: otherEpoch))
    let refusal = Refusal(.unknownUser, "gone with the old store")
    #expect(
        try store.acknowledge(through: 1, refused: [StreamRefusal(seq: 1, refusal: refusal)]).changes
            == [try change(1, .failed(refusal))])
}

@Test func theBoundCountsWhatIsQueuedAgain() throws {
    var limits = NodeStore.Limits()
    limits.outboxRowsMax = 2
    let store = try openStore(limits: limits)
    for number in 1...2 as ClosedRange<UInt64> { _ = try store.accepted(try message(number, to: "dora@south")) }
    _ = try store.acknowledge(through: 2)
    _ = try store.perform(.rewind(peer: south, epoch: otherEpoch))
    #expect(try store.accept(try message(3, to: "dora@south")).refusalCode == .outboxFull)
    _ = try store.acknowledge(through: 1)
    #expect(try store.accepted(try message(3, to: "dora@south")).queued.map(\.seq) == [3])
}

@Test func messagesPastTheirDeadlineAreUnconfirmedOnce() throws {
    let store = try queued(2)
    #expect(try store.perform(.expire(at: 99)) == .expired([], hasMore: false))
    _ = try store.acknowledge(through: 1)
    #expect(
        try store.perform(.expire(at: 100))
            == .expired([try change(2, .unconfirmed, waiting: [south])], hasMore: false))
    #expect(try store.perform(.expire(at: 200)) == .expired([], hasMore: false))
    #expect(try store.accepted(try message(2, to: "dora@south")).state.state == .unconfirmed)
    #expect(try store.outboxPage().items.map(\.seq) == [2], "it stays queued")
    #expect(try store.acknowledge(through: 2).changes == [try change(2, .delivered)])
}

@Test func aPublicMessageExpiresOnceForAllPeers() throws {
    let store = try openStore()
    _ = try store.accepted(try message(1), peers: [south, west])
    #expect(
        try store.perform(.expire(at: 100))
            == .expired([try change(1, .unconfirmed, waiting: [south, west])], hasMore: false))
    #expect(try store.acknowledge(west, through: 1).changes == [try change(1, .unconfirmed, waiting: [south])])
}

@Test func expiryAndPurgeGoInSteps() throws {
    let store = try openStore()
    let count = UInt64(NodeStore.stepRowsMax + 1)
    _ = store.perform(
        try (1...count).map {
            .accept(try message($0, to: "dora@south"), peers: [], local: north, at: 10, deadline: 100)
        })
    guard case .expired(let some, true) = try store.perform(.expire(at: 100)) else { throw Unexpected() }
    guard case .expired(let rest, false) = try store.perform(.expire(at: 100)) else { throw Unexpected() }
    #expect((some.count, rest.count) == (NodeStore.stepRowsMax, 1))
    #expect(try store.acknowledge(through: Int64(count), at: 20).changes.count == Int(count))
    #expect(try store.perform(.purge(at: 21 + week)) == .purged(hasMore: true))
    #expect(try store.perform(.purge(at: 21 + week)) == .purged(hasMore: false))
    #expect(try store.perform(.rewind(peer: south, epoch: otherEpoch)) == .rewound(first: Int64(count) + 1))
}

@Test func acknowledgedRowsAreKeptForAWeek() throws {
    let store = try queued(3)
    _ = try store.acknowledge(through: 1, at: 20)
    _ = try store.acknowledge(through: 2, at: 30)
    #expect(try store.perform(.purge(at: 20 + week)) == .purged(hasMore: false))
    #expect(try store.perform(.purge(at: .min)) == .purged(hasMore: false))
    _ = try store.perform(.purge(at: 25 + week))
    #expect(try store.perform(.rewind(peer: south, epoch: otherEpoch)) == .rewound(first: 2))
    #expect(try store.outboxPage().items.map(\.seq) == [2, 3])
    #expect(try store.page("dora@south").entries.count == 3, "history stays")
}

@Test func startingTellsAllStreamsAndPins() throws {
    let store = try queued(2)
    let key = try device(1).account
    let changed = try #require(IdentityKey(bytes: [UInt8](repeating: 1, count: 32)))
    _ = store.perform([.pin(south, key, at: 1), .pin(west, key, at: 1), .pin(west, changed, at: 2)])
    _ = try store.perform(.beginInbound(from: west, epoch: otherEpoch, first: 9))
    let streams = try store.allStreams()
    #expect(streams.epoch == epoch)
    #expect(
        streams.pins == [
            Streams.Pin(server: south, pin: KeyPin(key)), Streams.Pin(server: west, pin: KeyPin(changed)),
        ])
    #expect(streams.peers.map(\.server) == [south, west])
    #expect(streams.peers.map(\.first) == [1, 1])
    #expect(streams.peers.map(\.last) == [2, 0])
    #expect(streams.peers.map(\.inbound) == [nil, StreamPosition.Received(epoch: otherEpoch, through: 8)])
}
