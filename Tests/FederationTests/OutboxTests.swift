import Federation
import Testing
import Wire

private func rows(_ range: ClosedRange<Int64>, text: String = "hello") -> [OutboxRow] {
    range.map { OutboxRow(seq: $0, envelope: envelope(Int($0), text: text)) }
}

private func sent(_ steps: [Outbox.Step]) -> [Int64] {
    steps.compactMap { step in
        switch step {
        case .send(.envelope(let seq, _)): seq
        case .send(.skip(let seq, _)): -seq
        default: nil
        }
    }
}

private func reads(_ steps: [Outbox.Step]) -> [Int64] {
    steps.compactMap { if case .read(let after, _, _) = $0 { after } else { nil } }
}

@Suite struct OutboxTests {
    @Test func sendsWhatTheStoreHolds() throws {
        var outbox = Outbox(acknowledged: 3, last: 5)
        #expect(reads(try outbox.begin(at: 3)) == [3])
        #expect(sent(outbox.read(after: 3, rows(4...5), hasMore: false)) == [4, 5])
        #expect(reads(outbox.queued(through: 6)) == [5])
        #expect(sent(outbox.read(after: 5, rows(6...6), hasMore: false)) == [6])
        #expect(outbox.waiting == 3)
        let steps = try outbox.acknowledge(through: 6, refused: [])
        #expect(steps == [.acknowledge(through: 6, refused: [])])
        #expect(outbox.first == 7 && outbox.waiting == 0)
    }

    @Test func goesOnWhereThePeerStands() throws {
        var outbox = Outbox(acknowledged: 3, last: 9)
        #expect(reads(try outbox.begin(at: 7)) == [7])
        #expect(sent(outbox.read(after: 7, rows(8...9), hasMore: false)) == [8, 9])
        // The position is no acknowledgement: what became of 4 to 7 is told by name.
        let refused = [StreamRefusal(seq: 5, refusal: Refusal(.unknownUser, ""))]
        #expect(
            try outbox.acknowledge(through: 7, refused: refused).first == .acknowledge(through: 7, refused: refused))
    }

    @Test func aPeerThatWentBackGetsWhatIsLeft() throws {
        var outbox = Outbox(acknowledged: 3, last: 9)
        #expect(reads(try outbox.begin(at: 1)) == [3])
    }

    @Test func damagedAndExpiredPlacesAreSkipped() throws {
        var outbox = Outbox(acknowledged: 0, last: 6)
        _ = try outbox.begin(at: nil)
        let rows = [
            OutboxRow(seq: 1, envelope: envelope(1)), OutboxRow(seq: 2, envelope: nil),
            OutboxRow(seq: 5, envelope: envelope(5)), OutboxRow(seq: 6, envelope: nil),
        ]
        #expect(sent(outbox.read(after: 0, rows, hasMore: false)) == [1, -2, -3, -4, 5, -6])
    }

    @Test func theWindowBoundsTheCount() throws {
        var outbox = Outbox(acknowledged: 0, last: 1000)
        _ = try outbox.begin(at: nil)
        let steps = outbox.read(after: 0, rows(1...300), hasMore: true)
        #expect(sent(steps) == Array(1...256))
        #expect(reads(steps) == [])
        #expect(outbox.unacknowledgedCount == Outbox.windowCountMax)
        #expect(sent(try outbox.acknowledge(through: 10, refused: [])) == Array(257...266))
        let more = try outbox.acknowledge(through: 110, refused: [])
        #expect(sent(more) == Array(267...300))
        #expect(reads(more) == [300])
    }

    @Test func theWindowBoundsTheBytes() throws {
        var outbox = Outbox(acknowledged: 0, last: 100)
        _ = try outbox.begin(at: nil)
        let large = rows(1...100, text: String(repeating: "x", count: 32 << 10))
        let first = sent(outbox.read(after: 0, large, hasMore: false))
        #expect(first.count == Outbox.windowBytesMax / (large[0].envelope?.linkBytes ?? 0))
        #expect(sent(try outbox.acknowledge(through: 1, refused: [])).count == 1)
    }

    @Test func aReadAsksForNoMoreThanTheWindow() throws {
        var outbox = Outbox(acknowledged: 0, last: 100)
        let expected = Outbox.Step.read(
            after: 0, countMax: Outbox.windowCountMax, bytesMax: Outbox.windowBytesMax)
        #expect(try outbox.begin(at: nil) == [expected])
        #expect(outbox.queued(through: 101) == [])
    }

    @Test func rowsThatCameDuringAReadAreRead() throws {
        var outbox = Outbox(acknowledged: 0, last: 1)
        _ = try outbox.begin(at: nil)
        #expect(outbox.queued(through: 2) == [])
        let steps = outbox.read(after: 0, rows(1...1), hasMore: false)
        #expect(sent(steps) == [1] && reads(steps) == [1])
        // An empty answer is not asked for again, unless something came.
        #expect(outbox.read(after: 1, [], hasMore: false) == [])
        #expect(reads(outbox.queued(through: 3)) == [1])
    }

    @Test func theAnswerToAnEarlierLinkIsDropped() throws {
        var outbox = Outbox(acknowledged: 0, last: 9)
        _ = try outbox.begin(at: nil)
        outbox.end()
        #expect(try outbox.begin(at: 4) == [])
        let steps = outbox.read(after: 0, rows(1...9), hasMore: false)
        #expect(sent(steps) == [] && reads(steps) == [4])
        outbox.end()
        #expect(outbox.read(after: 4, rows(5...9), hasMore: false) == [])
    }

    @Test func aNewLinkSendsAgain() throws {
        var outbox = Outbox(acknowledged: 0, last: 2)
        _ = try outbox.begin(at: nil)
        _ = outbox.read(after: 0, rows(1...2), hasMore: false)
        outbox.end()
        #expect(outbox.unacknowledgedCount == 0)
        #expect(reads(try outbox.begin(at: 1)) == [1])
        #expect(sent(outbox.read(after: 1, rows(2...2), hasMore: false)) == [2])
    }

    @Test(arguments: [10, Int64.max])
    func lyingAcknowledgementsAreFaults(through: Int64) throws {
        var outbox = Outbox(acknowledged: 0, last: 9)
        #expect(throws: Refusal.self) { try outbox.acknowledge(through: 1, refused: []) }
        _ = try outbox.begin(at: nil)
        _ = outbox.read(after: 0, rows(1...9), hasMore: false)
        #expect(throws: Refusal.self) { try outbox.acknowledge(through: through, refused: []) }
        #expect(outbox.acknowledged == 0)
    }

    @Test(arguments: [[0], [4], [2, 2], [3, 2], [1, 4], [Int64.max]])
    func refusedPlacesAreOfTheAcknowledgement(seqs: [Int64]) throws {
        var outbox = Outbox(acknowledged: 0, last: 9)
        _ = try outbox.begin(at: nil)
        _ = outbox.read(after: 0, rows(1...9), hasMore: false)
        let refused = seqs.map { StreamRefusal(seq: $0, refusal: Refusal(.unknownUser, "")) }
        #expect(throws: Refusal.self) { try outbox.acknowledge(through: 3, refused: refused) }
        #expect(outbox.acknowledged == 0)
        _ = try outbox.acknowledge(through: 3, refused: [])
        let late = [StreamRefusal(seq: 3, refusal: Refusal(.unknownUser, ""))]
        #expect(throws: Refusal.self) { try outbox.acknowledge(through: 4, refused: late) }
    }

    @Test func anOldAcknowledgementChangesNothing() throws {
        var outbox = Outbox(acknowledged: 0, last: 9)
        _ = try outbox.begin(at: nil)
        _ = outbox.read(after: 0, rows(1...9), hasMore: false)
        _ = try outbox.acknowledge(through: 5, refused: [])
        #expect(try outbox.acknowledge(through: 5, refused: []) == [])
        #expect(try outbox.acknowledge(through: 2, refused: []) == [])
        #expect(outbox.acknowledged == 5)
    }

    @Test func aPositionNeverSentIsAFault() throws {
        var outbox = Outbox(acknowledged: 0, last: 0)
        _ = outbox.queued(through: 5)
        #expect(throws: Refusal.self) { try outbox.begin(at: 1) }
        // After a restart nobody knows what was sent; beyond what was given out it is a lie all the same.
        var restarted = Outbox(acknowledged: 0, last: 5)
        #expect(throws: Refusal.self) { try restarted.begin(at: 6) }
        #expect(throws: Never.self) { try restarted.begin(at: 5) }
    }

    @Test func aRewindOnlyGoesBack() throws {
        var outbox = Outbox(acknowledged: 7, last: 9)
        outbox.rewound(first: 9)
        #expect(outbox.acknowledged == 7)
        outbox.rewound(first: 3)
        #expect(outbox.first == 3)
        #expect(reads(try outbox.begin(at: nil)) == [2])
    }
}
