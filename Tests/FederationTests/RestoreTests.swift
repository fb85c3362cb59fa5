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
        let position = StreamPosition(epoch: Epoch(7), first: 41, received: received, run: MeshBench.run)
        #expect(after.sent(next).last == .resume(position))
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

    /// To whom this epoch is news, it will send again what we have not: we need not begin anew once more. Who knows none of
    /// our epochs is heard once.
    @Test(arguments: [nil, 9] as [UInt64?])
    func aPeerThatDoesNotKnowThisEpochChangesNothing(epoch: UInt64?) {
        let bench = MeshBench.pinned(record)
        let (id, _) = bench.acceptProven(from: "north")
        let actions = bench.feed(.received(id, resume(first: 30, received: epoch.map { (Epoch($0), 99) })))
        #expect(!actions.contains(.renewEpoch))
        #expect(actions.notes.contains(.ownStoreRestored(north)) == (epoch == nil))
        let (next, _) = bench.acceptProven(from: "north")
        let notes = bench.feed(.received(next, resume(first: 30))).notes
        #expect(notes.contains(.ownStoreRestored(north)) == (epoch != nil))
    }

    private func resume(_ received: StreamPosition.Received?) -> LinkMessage {
        .resume(StreamPosition(epoch: Epoch(1), first: 1, received: received))
    }

    /// It has given out the same places anew since it was put back: what the peer has of them is from a run that it lost.
    @Test(arguments: [
        // The run is not known, or ended earlier here, or this is the present one; nobody minds what was acknowledged.
        (UInt64(9), Int64(45), true), (3, 46, true), (3, 45, false), (4, 50, false),
        // Whoever was put back themselves may remember again what we have lost, and acknowledged anew since.
        (9, 40, true), (1, 40, true), (1, 20, false),
    ])
    func placesFromALostRunShowIt(run: UInt64, through: Int64, isShown: Bool) {
        let record = PeerRecord(
            peerEpoch: Epoch(1), acknowledged: 40, last: 50, lastPlaces: [Run(1): 30, Run(2): 42, Run(3): 45])
        let bench = MeshBench.pinned(record)
        let (id, _) = bench.acceptProven(from: "north")
        let received = StreamPosition.Received(epoch: Epoch(2), through: through, run: Run(run))
        let actions = bench.feed(.received(id, resume(received)))
        #expect(actions.contains(.renewEpoch) == isShown)
        #expect(actions.closes(id) == (isShown ? .restored : nil))
    }

    /// A peer that has less than it acknowledged was put back itself, whether or not it knows.
    @Test(arguments: [nil, 39, 40] as [Int64?])
    func aPeerThatKnowsLessThanItAcknowledgedIsSentAllAgain(through: Int64?) {
        let bench = MeshBench.pinned(PeerRecord(peerEpoch: Epoch(1), acknowledged: 40, last: 50))
        let (id, _) = bench.acceptProven(from: "north")
        let received = through.map { StreamPosition.Received(epoch: Epoch(2), through: $0, run: MeshBench.run) }
        let actions = bench.feed(.received(id, resume(received)))
        #expect(actions.contains(.rewind(north, Epoch(1))) == (through != 40))
        // Its epoch is the one we know.
        #expect(actions.notes == [])
        guard through != 40 else { return }
        let rewound = bench.feed(.rewound(north, Epoch(1), first: 3)).sent(id)
        #expect(rewound == [.resume(StreamPosition(epoch: Epoch(2), first: 3, received: nil, run: MeshBench.run))])
    }

    /// Two links in a row asked for it: the stream begins behind the last answer, so that nothing that the peer
    /// acknowledges is rewound afterwards.
    @Test func theLastOfTwoRewindsCounts() {
        let bench = MeshBench.pinned(PeerRecord(acknowledged: 2, last: 2))
        func ask(_ received: StreamPosition.Received?) -> LinkID {
            let (id, _) = bench.acceptProven(from: "north")
            #expect(bench.feed(.received(id, resume(received))).contains(.rewind(north, Epoch(1))))
            return id
        }
        _ = ask(nil)
        // Its epoch is known by now, and what it has; but the first answer is still to come.
        let id = ask(StreamPosition.Received(epoch: Epoch(2), through: 2, run: MeshBench.run))
        #expect(bench.feed(.rewound(north, Epoch(1), first: 1)).sent(id) == [])
        let position = StreamPosition(epoch: Epoch(2), first: 1, received: nil, run: MeshBench.run)
        #expect(bench.feed(.rewound(north, Epoch(1), first: 1)).sent(id) == [.resume(position)])
        bench.feed(.received(id, .acknowledgement(through: 2, refused: [])))
        #expect(bench.mesh.linkStates[0].queued == 0)
    }

    /// The store answers between our resume and the peer's: the peer has to hear that the stream begins earlier now, to
    /// acknowledge those places once more.
    @Test func aRewindThatComesLateIsTold() {
        let bench = MeshBench.pinned(PeerRecord(acknowledged: 2, last: 2))
        let (before, _) = bench.acceptProven(from: "north")
        #expect(bench.feed(.received(before, resume(nil))).contains(.rewind(north, Epoch(1))))
        let (id, _) = bench.acceptProven(from: "north")
        bench.feed(.rewound(north, Epoch(1), first: 1))
        let received = StreamPosition.Received(epoch: Epoch(2), through: 2, run: MeshBench.run)
        let position = StreamPosition(epoch: Epoch(2), first: 1, received: nil, run: MeshBench.run)
        #expect(bench.feed(.received(id, resume(received))).sent(id).first == .resume(position))
        bench.feed(.received(id, .acknowledgement(through: 2, refused: [])))
        #expect(bench.mesh.linkStates[0].queued == 0)
    }

    @Test func aRewindThatFailedIsAskedForAgain() {
        let bench = MeshBench.pinned(PeerRecord(last: 2))
        for _ in 1...2 {
            let (id, _) = bench.acceptProven(from: "north")
            #expect(bench.feed(.received(id, resume(nil))).contains(.rewind(north, Epoch(1))))
            #expect(bench.feed(.rewindFailed(north, Epoch(1))).closes(id) == .storeFailed)
        }
        let id = bench.link()
        #expect(bench.mesh.linkStates[0].state == .up)
        let rows = [OutboxRow(seq: 1, envelope: envelope(1))]
        #expect(bench.feed(.outboxRead(north, after: 0, rows, hasMore: false)).sent(id).count == 1)
    }

    /// A store that found out by itself needs nobody to show it, and takes nobody's word for it.
    @Test func aNodeThatKnowsOfItsRestoreIsNotShownIt() {
        let bench = MeshBench.pinned(record, isRestored: true)
        let (id, _) = bench.acceptProven(from: "north")
        // North cannot know the new epoch yet, only what it acknowledged.
        #expect(!bench.feed(.received(id, resume(first: 22))).contains(.renewEpoch))
        let (next, _) = bench.acceptProven(from: "north")
        let lie = bench.feed(.received(next, resume(received: (Epoch(2), 51))))
        #expect(lie.closes(next) == .outOfOrder && !lie.contains(.renewEpoch))
    }

    /// Told to the store with the first place of a link: the run that the sender is in by then.
    @Test func theRunOfTheSenderIsKept() {
        let known = StreamPosition.Received(epoch: Epoch(1), through: 20, run: Run(5))
        let bench = MeshBench.pinned(PeerRecord(peerEpoch: Epoch(1), received: known))
        let (id, _) = bench.acceptProven(from: "north")
        bench.feed(.received(id, .resume(StreamPosition(epoch: Epoch(1), first: 21, received: nil, run: Run(6)))))
        let first = bench.feed(.received(id, .envelope(seq: 21, envelope(21))))
        #expect(first.contains(.beginInbound(north, Epoch(1), first: 1, Run(6))))
        #expect(
            !bench.feed(.received(id, .envelope(seq: 22, envelope(22)))).contains { action in
                if case .beginInbound = action { true } else { false }
            })
        bench.feed(.committed(north, Epoch(1), through: 22, refused: []))
        let received = StreamPosition.Received(epoch: Epoch(1), through: 22, run: Run(6))
        let next = bench.acceptProven(from: "north")
        let position = StreamPosition(epoch: Epoch(2), first: 1, received: received, run: MeshBench.run)
        #expect(next.actions.sent(next.id).last == .resume(position))
    }

    /// As on a full disk. A link that ends for it is a failure, so that peers wait longer and longer.
    @Test func aStoreThatCannotBeginAnewIsAskedAgain() {
        let bench = MeshBench.pinned(record)
        func show() -> (LinkID, [MeshAction]) {
            let (id, _) = bench.acceptProven(from: "north")
            return (id, bench.feed(.received(id, resume(received: (Epoch(2), 51)))))
        }
        #expect(show().1.contains(.renewEpoch))
        bench.feed(.renewalFailed)
        let (id, again) = show()
        #expect(again.contains(.renewEpoch))
        #expect(again.closes(id) == .storeFailed)
        #expect(!again.notes.contains(.ownStoreRestored(north)))
        #expect(bench.mesh.linkStates[0].failures == 1)
        #expect(!show().1.contains(.renewEpoch))
        bench.feed(.renewed(Epoch(7)))
        #expect(bench.mesh.epoch == Epoch(7))
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
