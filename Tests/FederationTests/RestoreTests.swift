import Bytes
import Federation
import Testing
import Wire

private let north = server("north")

/// A store that was put back from a backup, as its peers show it.
@Suite struct RestoreTests {
    /// What the restored store remembers: 50 places of ours, 20 of north's.
    private let record = PeerRecord(
        peerEpoch: Epoch(1), acknowledged: 40, last: 50, received: StreamPosition.Received(epoch: Epoch(1), through: 20)
    )

    private func resume(first: Int64 = 1, received: (Epoch, Int64)? = nil) -> LinkMessage {
        let received = received.map { StreamPosition.Received(epoch: $0.0, through: $0.1) }
        return .resume(StreamPosition(epoch: Epoch(1), first: first, received: received))
    }

    @Test(arguments: [
        // Places of ours that we never gave out, and our acknowledgement of places that we do not have.
        (Int64(1), Int64(51)), (22, 50), (22, 0),
    ])
    func aPeerThatRemembersMoreMakesTheStreamsBeginAnew(first: Int64, through: Int64) throws {
        let bench = MeshBench.pinned(record)
        let (id, _) = bench.acceptProven(from: "north")
        let actions = bench.feed(.received(id, resume(first: first, received: (Epoch(2), through))))
        #expect(actions.closes(id) == .restored)
        #expect(actions.contains(.renewEpoch))
        #expect(actions.notes.contains(.ownStoreRestored(north)))
        // Until the store has it, nobody is told the old one.
        let (early, _) = bench.acceptProven(from: "north")
        let waiting = bench.feed(.received(early, resume(first: first, received: (Epoch(2), through))))
        #expect(waiting.closes(early) == .restored)
        #expect(!waiting.contains(.renewEpoch))
        bench.feed(.renewed(Epoch(7)))
        let (next, after) = bench.acceptProven(from: "north")
        let received = StreamPosition.Received(epoch: Epoch(1), through: 20)
        #expect(after.sent(next).last == .resume(StreamPosition(epoch: Epoch(7), first: 41, received: received)))
        // North sends what it still has behind 20, wherever that begins now.
        #expect(bench.feed(.received(next, resume(first: first))).closes(next) == nil)
        let seq = max(first, 21)
        let words = bench.feed(.received(next, .envelope(seq: seq, envelope(Int(seq)))))
        #expect(words.contains(.commit(north, Epoch(1), seq: seq, envelope(Int(seq)), refusal: nil)))
    }

    @Test(arguments: [(Int64(1), Int64(50)), (21, 41), (21, 50), (1, 0)])
    func aPeerThatRemembersWhatWeDoChangesNothing(first: Int64, through: Int64) {
        let bench = MeshBench.pinned(record)
        let (id, _) = bench.acceptProven(from: "north")
        let actions = bench.feed(.received(id, resume(first: first, received: (Epoch(2), through))))
        #expect(actions.closes(id) == nil)
        #expect(!actions.contains(.renewEpoch))
    }

    @Test func otherLinksBeginAnewToo() throws {
        let west = server("west")
        let bench = MeshBench(
            peers: [
                PeerSetup(name: north, address: nil, key: MeshBench.key("north")),
                PeerSetup(name: west, address: nil, key: MeshBench.key("west")),
            ], records: [north: record])
        bench.feed(.started)
        let (other, _) = bench.acceptProven(from: "west")
        let (id, _) = bench.acceptProven(from: "north")
        bench.feed(.received(id, resume(received: (Epoch(2), 51))))
        #expect(bench.feed(.renewed(Epoch(7))).closes(other) == .restored)
    }

    /// Nobody counts it as a failure, on either side.
    @Test func theEndOfThatLinkIsNoFailure() throws {
        let bench = MeshBench()
        let id = try #require(bench.feed(.started).dialled.first)
        _ = bench.answerDial(id, as: "north")
        bench.feed(.pinned(north, MeshBench.key("north")))
        bench.feed(.closed(id, Refusal(.restored, "begin anew")))
        #expect(bench.mesh.linkStates[0].failures == 0)
        bench.now = bench.now.advanced(by: Backoff.pause)
        #expect(bench.feed(.tick).dialled.count == 1)
    }
}
