import Store
import Testing
import Wire

private func begun(_ first: Int64 = 1) throws -> NodeStore {
    let store = try openStore()
    let reply = try store.perform(.beginInbound(from: south, epoch: epoch, first: first))
    #expect(reply == .inbound(through: first - 1))
    return store
}

private func inbound(_ number: UInt64, to: String = "alice@north", _ text: String = "hi") throws -> Envelope {
    try message(number, from: "dora@south", to: to, text)
}

@Test func aStreamIsCommittedInOrder() throws {
    let store = try begun()
    #expect(try store.receive(try inbound(1), seq: 1) == .committed(seq: 1, isDuplicate: false))
    #expect(try store.receive(try inbound(3), seq: 3) == .gap(through: 1))
    #expect(try store.receive(try inbound(2, to: "public"), seq: 2) == .committed(seq: 1, isDuplicate: false))
    #expect(try store.receive(try inbound(2, to: "public"), seq: 2) == .replay(through: 2, refusal: nil))
    #expect(try store.receive(try inbound(9), seq: -4) == .replay(through: 2, refusal: nil))
    #expect(try store.receive(try inbound(9), seq: .max) == .gap(through: 2))
    #expect(try store.page("dora@south").entries.map(\.envelope) == [try inbound(1)])
    #expect(try store.page("public").last == 1)
    #expect(try store.allStreams().peers.first?.inbound == StreamPosition.Received(epoch: epoch, through: 2))
}

@Test func aStreamHasToBegin() throws {
    let store = try openStore()
    #expect(try store.receive(try inbound(1), seq: 1) == .gap(through: nil))
    #expect(try store.perform(.beginInbound(from: south, epoch: epoch, first: 0)).refusalCode == .badValue)
    _ = try store.perform(.beginInbound(from: south, epoch: epoch, first: 41))
    #expect(try store.receive(try inbound(1), seq: 1, epoch: otherEpoch) == .gap(through: nil))
    #expect(try store.receive(try inbound(1), seq: 41) == .committed(seq: 1, isDuplicate: false))
}

@Test func theSameEpochOnlyMovesForward() throws {
    let store = try begun(5)
    #expect(try store.perform(.beginInbound(from: south, epoch: epoch, first: 2)) == .inbound(through: 4))
    #expect(try store.perform(.beginInbound(from: south, epoch: epoch, first: 8)) == .inbound(through: 7))
}

@Test func aNewEpochStartsAnewWithoutDuplicates() throws {
    let store = try begun()
    _ = try store.receive(try inbound(1), seq: 1)
    _ = try store.perform(.refuse(from: south, epoch: epoch, seq: 2, Refusal(.damaged, "d"), at: 1))
    #expect(try store.perform(.beginInbound(from: south, epoch: otherEpoch, first: 1)) == .inbound(through: 0))
    #expect(try store.perform(.refusals(peer: south, after: 0)) == .refusals([]))
    #expect(try store.receive(try inbound(1), seq: 1, epoch: otherEpoch) == .committed(seq: 1, isDuplicate: true))
    #expect(try store.receive(try inbound(2), seq: 2) == .gap(through: nil), "the old epoch is over")
    #expect(try store.receive(try inbound(2), seq: 2, epoch: otherEpoch) == .committed(seq: 2, isDuplicate: false))
}

@Test func refusedMessagesAreRememberedAndPassed() throws {
    let store = try begun()
    let cases: [(Envelope, Refusal.Code)] = [
        (try inbound(1, to: "carol@north"), .unknownUser),
        (try message(2, from: "dora@west", to: "alice@north"), .forgedFrom),
        (try inbound(3, to: "alice@west"), .notForUs),
    ]
    for (index, (envelope, code)) in cases.enumerated() {
        let seq = Int64(index + 1)
        let reply = try store.receive(envelope, seq: seq)
        #expect(reply.refusalCode == code)
        guard case .refused(let refusal) = reply else { throw Unexpected() }
        #expect(try store.receive(envelope, seq: seq) == .replay(through: seq, refusal: refusal))
    }
    _ = try store.receive(try inbound(4), seq: 4)
    #expect(try store.receive(try inbound(4, "other"), seq: 5).refusalCode == .idReused)
    let reason = Refusal(.damaged, "the sender's record is damaged")
    #expect(try store.perform(.refuse(from: south, epoch: epoch, seq: 6, reason, at: 1)) == .refused(reason))
    #expect(try store.perform(.refuse(from: south, epoch: epoch, seq: 8, reason, at: 1)) == .gap(through: 6))
    guard case .refusals(let refusals) = try store.perform(.refusals(peer: south, after: 2)) else { throw Unexpected() }
    #expect(refusals.map(\.seq) == [3, 5, 6])
    #expect(refusals.map(\.refusal.code) == [.notForUs, .idReused, .damaged])
    #expect(try store.page("dora@south").last == 1)
}

@Test func onlyTheNewestRefusalsAreKept() throws {
    let store = try begun()
    let count = NodeStore.refusalsPerPeerMax + 10
    let refusal = Refusal(.damaged, "d")
    let replies = store.perform(
        (1...count).map { .refuse(from: south, epoch: epoch, seq: Int64($0), refusal, at: 1) })
    #expect(replies.allSatisfy { $0 == .refused(refusal) })
    guard case .refusals(let kept) = try store.perform(.refusals(peer: south, after: 0)) else { throw Unexpected() }
    #expect(kept.map(\.seq) == (11...Int64(count)).map { $0 })
}
