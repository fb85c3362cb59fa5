import Federation
import Testing
import Wire

private let epoch = Epoch(7)
private let other = Epoch(8)

private func stored(_ through: Int64, _ epoch: Epoch = epoch) -> StreamPosition.Received {
    StreamPosition.Received(epoch: epoch, through: through)
}

private func acknowledgement(_ through: Int64, _ refused: [Int64] = []) -> InboundStream.Step {
    .send(.acknowledgement(through: through, refused: refused.map(refusal)))
}

private func refusal(_ seq: Int64) -> StreamRefusal {
    StreamRefusal(seq: seq, refusal: Refusal(.unknownUser, ""))
}

@Suite struct InboundStreamTests {
    @Test func commitsThenAcknowledges() throws {
        var stream = InboundStream(stored: stored(3))
        #expect(stream.resume(epoch: epoch, first: 4) == [])
        #expect(try stream.receive(seq: 4, bytes: 10) == [.commit(epoch, seq: 4)])
        #expect(try stream.receive(seq: 5, bytes: 0) == [.commit(epoch, seq: 5)])
        #expect(stream.pendingCount == 2)
        #expect(stream.committed(epoch, through: 5, refused: [refusal(4)]) == [acknowledgement(5, [4])])
        #expect(stream.pendingCount == 0 && stream.stored == stored(5))
    }

    @Test func aRepetitionIsAcknowledgedAndNotCommitted() throws {
        var stream = InboundStream(stored: stored(3))
        _ = stream.resume(epoch: epoch, first: 4)
        _ = try stream.receive(seq: 4, bytes: 10)
        #expect(try stream.receive(seq: 4, bytes: 10) == [acknowledgement(3)])
        #expect(try stream.receive(seq: 1, bytes: 10) == [acknowledgement(3)])
    }

    @Test(arguments: [5, 6, 100, Int64.max - 1])
    func aGapIsAFault(seq: Int64) {
        var stream = InboundStream(stored: stored(3))
        _ = stream.resume(epoch: epoch, first: 4)
        #expect(throws: Refusal.self) { try stream.receive(seq: seq, bytes: 10) }
        #expect(stream.pendingCount == 0)
    }

    @Test(arguments: [0, -1, Int64.min, Int64.max])
    func aPlaceOutOfRangeIsAFault(seq: Int64) {
        var stream = InboundStream(stored: nil)
        _ = stream.resume(epoch: epoch, first: Int64.max)
        #expect(throws: Refusal.self) { try stream.receive(seq: seq, bytes: 10) }
    }

    @Test func nothingComesBeforeResume() {
        var stream = InboundStream(stored: stored(3))
        #expect(throws: Refusal.self) { try stream.receive(seq: 4, bytes: 10) }
    }

    @Test func anotherEpochBeginsWithItsFirstEnvelope() throws {
        var stream = InboundStream(stored: stored(30))
        _ = stream.resume(epoch: other, first: 100)
        // A rewind of the peer takes the beginning back before anything came.
        _ = stream.resume(epoch: other, first: 5)
        #expect(throws: Refusal.self) { try stream.receive(seq: 6, bytes: 10) }
        let steps = try stream.receive(seq: 5, bytes: 10)
        #expect(steps == [.begin(other, first: 5, nil), .commit(other, seq: 5)])
        #expect(try stream.receive(seq: 6, bytes: 10) == [.commit(other, seq: 6)])
        #expect(stream.committed(epoch, through: 31, refused: []) == [])
        #expect(stream.committed(other, through: 6, refused: []) == [acknowledgement(6)])
        #expect(stream.stored == stored(6, other))
    }

    @Test func placesThatThePeerNoLongerHasArePassedOver() throws {
        var stream = InboundStream(stored: stored(3))
        _ = stream.resume(epoch: epoch, first: 10)
        let steps = try stream.receive(seq: 10, bytes: 10)
        #expect(steps == [.begin(epoch, first: 10, nil), .commit(epoch, seq: 10)])
        #expect(stream.committed(epoch, through: 10, refused: []) == [acknowledgement(10)])
    }

    @Test func refusalsOfTheLastLinkComeFirst() throws {
        var stream = InboundStream(stored: stored(9))
        #expect(stream.resume(epoch: epoch, first: 4) == [.readRefusals(epoch, after: 3, through: 9)])
        _ = try stream.receive(seq: 10, bytes: 10)
        #expect(stream.committed(epoch, through: 10, refused: [refusal(10)]) == [])
        #expect(try stream.receive(seq: 10, bytes: 10) == [])
        let steps = stream.refusalsRead(epoch, after: 3, through: 9, [refusal(5)], hasMore: false)
        #expect(steps == [acknowledgement(10, [5, 10])])
        _ = try stream.receive(seq: 11, bytes: 10)
        #expect(stream.committed(epoch, through: 11, refused: []) == [acknowledgement(11)])
    }

    @Test func manyRefusalsComeInParts() throws {
        var stream = InboundStream(stored: stored(9))
        _ = stream.resume(epoch: epoch, first: 1)
        let first = stream.refusalsRead(epoch, after: 0, through: 9, [refusal(2), refusal(4)], hasMore: true)
        #expect(first == [acknowledgement(4, [2, 4]), .readRefusals(epoch, after: 4, through: 9)])
        #expect(
            stream.refusalsRead(epoch, after: 4, through: 9, [refusal(9)], hasMore: false) == [acknowledgement(9, [9])])
    }

    @Test func answersToOtherQuestionsAreDropped() {
        var stream = InboundStream(stored: stored(9))
        _ = stream.resume(epoch: epoch, first: 1)
        #expect(stream.refusalsRead(epoch, after: 1, through: 9, [], hasMore: false) == [])
        #expect(stream.refusalsRead(epoch, after: 0, through: 8, [], hasMore: false) == [])
        #expect(stream.refusalsRead(other, after: 0, through: 9, [], hasMore: false) == [])
        stream.end()
        #expect(stream.refusalsRead(epoch, after: 0, through: 9, [], hasMore: false) == [])
    }

    @Test func commitsGoOnWithoutALink() throws {
        var stream = InboundStream(stored: stored(3))
        _ = stream.resume(epoch: epoch, first: 4)
        _ = try stream.receive(seq: 4, bytes: 10)
        stream.end()
        #expect(stream.committed(epoch, through: 4, refused: [refusal(4)]) == [])
        #expect(stream.stored == stored(4))
        #expect(stream.resume(epoch: epoch, first: 4) == [.readRefusals(epoch, after: 3, through: 4)])
    }

    @Test func aFailedCommitComesAgain() throws {
        var stream = InboundStream(stored: stored(3))
        _ = stream.resume(epoch: epoch, first: 4)
        for seq in 4...6 { _ = try stream.receive(seq: Int64(seq), bytes: 10) }
        _ = stream.committed(epoch, through: 4, refused: [])
        stream.commitFailed(epoch)
        stream.end()
        #expect(stream.pendingCount == 0)
        _ = stream.resume(epoch: epoch, first: 5)
        #expect(try stream.receive(seq: 5, bytes: 10) == [.commit(epoch, seq: 5)])
        #expect(stream.committed(epoch, through: 5, refused: []) == [acknowledgement(5)])
    }

    @Test func theWindowIsKeptByForce() throws {
        var stream = InboundStream(stored: nil)
        _ = stream.resume(epoch: epoch, first: 1)
        for seq in 1...InboundStream.pendingCountMax { _ = try stream.receive(seq: Int64(seq), bytes: 10) }
        #expect(throws: Refusal.self) { try stream.receive(seq: 513, bytes: 10) }
        _ = stream.committed(epoch, through: 1, refused: [])
        #expect(throws: Never.self) { try stream.receive(seq: 513, bytes: 10) }

        var heavy = InboundStream(stored: nil)
        _ = heavy.resume(epoch: epoch, first: 1)
        for seq in 1...4 { _ = try heavy.receive(seq: Int64(seq), bytes: 1 << 20) }
        #expect(throws: Refusal.self) { try heavy.receive(seq: 5, bytes: 1) }
    }
}
