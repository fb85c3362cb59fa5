import Store
import Testing
import Wire

/// Stores that are opened again and again, and put back, as those who met their runs see it.
@Suite struct NodeStoreRunsTests {
    private final class Marks: LifeMarkKeeper {
        func read() -> LifeMark? { nil }
        func write(_ mark: LifeMark, isSynced: Bool) {}
    }

    private func open(_ database: Database, run: UInt64) throws -> NodeStore {
        let store = try NodeStore(database, marks: Marks(), epoch: Epoch(run), now: 1)
        for name in ["alice", "bob"] {
            _ = try store.perform(.saveAccount(try user(name), verifier: "v", entryDigest: [1], at: 1))
        }
        return store
    }

    private func copy(_ database: Database) throws -> Database { try Database(contents: try database.contents()) }

    private func say(_ numbers: ClosedRange<UInt64>, in store: NodeStore) throws {
        for number in numbers { _ = try store.accepted(try message(number, to: "bob@north")) }
    }

    private func met(_ runs: (UInt64, Int64?)...) -> [MetRun] { runs.map { MetRun(run: Run($0.0), through: $0.1) } }

    /// The base of the conversation with bob, and the last run in common.
    private func heads(_ store: NodeStore, _ met: [MetRun]) throws -> (base: Int64?, known: MetRun?) {
        let alice = try Address(parsing: "alice@north")
        guard case .heads(let heads, let known) = try store.perform(.heads(owner: alice, countMax: 9, met: met)),
            heads.count == 1
        else { throw Unexpected() }
        return (heads[0].base, known)
    }

    @Test func whoMetAnEarlierRunHearsHowFarItGoes() throws {
        let database = try Database(path: ":memory:")
        try say(1...3, in: try open(database, run: 1))
        let store = try open(database, run: 2)
        #expect(try store.allStreams().run == Run(2))
        try say(4...5, in: store)
        #expect(try heads(store, met((1, nil))) == (3, MetRun(run: Run(1), through: 3)))
        #expect(try heads(store, met((2, nil), (1, 3))) == (nil, MetRun(run: Run(2))))
        #expect(try heads(store, []) == (nil, nil))
        #expect(try heads(store, met((7, nil))) == (0, nil))
    }

    @Test func aStoreThatWasPutBackGoesAsFarAsItsBackup() throws {
        let database = try Database(path: ":memory:")
        let first = try open(database, run: 1)
        try say(1...3, in: first)
        let backup = try copy(database)
        try say(4...6, in: first)
        try say(7...7, in: try open(database, run: 2))
        let restored = try open(backup, run: 3)
        try say(8...13, in: restored)
        // Three messages of the first run are left, whatever the client saw of it; the second is gone.
        for runs in [met((1, nil)), met((2, nil), (1, 6))] {
            #expect(try heads(restored, runs) == (3, MetRun(run: Run(1), through: 3)))
        }
    }

    /// A client knows a branch of the first run that ends early; the store has another, that goes on.
    @Test func theShorterBranchIsWhatBothHave() throws {
        let database = try Database(path: ":memory:")
        let first = try open(database, run: 1)
        try say(1...2, in: first)
        let early = try copy(database)
        try say(3...5, in: first)
        let late = try copy(database)
        let branch = try open(early, run: 2)
        try say(8...13, in: branch)
        let known = try heads(branch, met((1, nil))).known
        #expect(known == MetRun(run: Run(1), through: 2))
        let restored = try open(late, run: 3)
        #expect(try heads(restored, met((2, nil), (1, 2))) == (2, MetRun(run: Run(1), through: 2)))
    }

    @Test func onlySoManyRunsAreKept() throws {
        let database = try Database(path: ":memory:")
        for run in 1...UInt64(1001) { _ = try NodeStore(database, marks: Marks(), epoch: Epoch(run), now: 1) }
        #expect(
            try database.first("SELECT count(*), min(run) FROM run") { [$0.integer(0), $0.integer(1)] } == [1000, 2])
    }

    // MARK: Streams

    private func send(_ numbers: ClosedRange<UInt64>, in store: NodeStore) throws {
        for number in numbers {
            let envelope = try message(number, to: "carol@south")
            _ = try store.perform(
                .accept(envelope, peers: [], local: north, at: 10, deadline: Int64.max))
        }
    }

    @Test func eachRunHasItsLastPlaceInAStream() throws {
        let database = try Database(path: ":memory:")
        try send(1...3, in: try open(database, run: 1))
        try say(4...5, in: try open(database, run: 2))
        let store = try open(database, run: 3)
        try send(6...7, in: store)
        #expect(try store.allStreams().peers.map(\.lastPlaces) == [[Run(1): 3, Run(2): 3]])
        _ = try store.acknowledge(through: 5)
        let places = [Run(1): Int64(3), Run(2): 3, Run(3): 5]
        #expect(try open(database, run: 4).allStreams().peers.map(\.lastPlaces) == [places])
    }

    @Test func theOldestRunsAreForgotten() throws {
        let database = try Database(path: ":memory:")
        try send(1...3, in: try open(database, run: 1))
        try send(4...5, in: try open(database, run: 2))
        let count = UInt64(NodeStore.runsMax)
        for run in 3...(count + 2) { _ = try open(database, run: run) }
        let places = try #require(try open(database, run: count + 3).allStreams().peers.first?.lastPlaces)
        #expect(places.count == Int(count) - 1)
        #expect(places[Run(3)] == nil)
        #expect(places[Run(4)] == 5)
    }

    @Test func theRunOfAPeerIsKeptWithItsPlace() throws {
        let store = try open(try Database(path: ":memory:"), run: 1)
        let begin = NodeRequest.beginInbound(from: south, epoch: Epoch(8), first: 1, run: Run(5))
        #expect(try store.perform(begin) == .inbound(through: 0))
        _ = try store.perform(.refuse(from: south, epoch: Epoch(8), seq: 1, Refusal(.damaged, "x"), at: 1))
        let next = NodeRequest.beginInbound(from: south, epoch: Epoch(8), first: 1, run: Run(6))
        #expect(try store.perform(next) == .inbound(through: 1))
        let received = StreamPosition.Received(epoch: Epoch(8), through: 1, run: Run(6))
        #expect(try store.allStreams().peers.map(\.inbound) == [received])
    }
}
