import Bytes
import Federation
import Testing
import Wire

private let place = ChunkPlace(from: address("ann@north"), id: messageID(1), index: 0)
private let bob = user("bob")

/// Questions about files on links: ours to `north`, and those of `north` to us, `south`.
@Suite struct MeshFilesTests {
    private func chunk(_ index: Int64, from: String = "ann@north") -> ChunkPlace {
        ChunkPlace(from: address(from), id: messageID(1), index: index)
    }

    private func answers(_ actions: [MeshAction]) -> [UInt64: Refusal.Code?] {
        var answers: [UInt64: Refusal.Code?] = [:]
        for case .fileAnswered(let token, _, let refusal) in actions { answers[token] = .some(refusal?.code) }
        return answers
    }

    private func ask(_ bench: MeshBench, _ token: UInt64) -> [MeshAction] {
        bench.feed(.askFile(.chunk(chunk(Int64(token)), reader: bob), token: token))
    }

    // MARK: We ask

    @Test func aChunkAndAnOutcomeAreAskedForAndAnsweredOnce() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        #expect(
            bench.feed(.askFile(.chunk(place, reader: bob), token: 3)).sent(id)
                == [.chunkWanted(ref: 1, place, reader: bob)])
        let outcome = FileQuestion.outcome(from: place.from, id: place.id, reader: bob, .received)
        #expect(
            bench.feed(.askFile(outcome, token: 4)).sent(id)
                == [.outcome(ref: 2, from: place.from, id: place.id, reader: bob, .received)])
        // The answers may overtake each other.
        let kept = LinkMessage.outcomeKept(ref: 2, refusal: nil)
        #expect(bench.feed(.received(id, kept)).contains(.fileAnswered(token: 4, data: [], nil)))
        let chunk = LinkMessage.chunk(ref: 1, data: [1, 2], refusal: nil)
        #expect(bench.feed(.received(id, chunk)).contains(.fileAnswered(token: 3, data: [1, 2], nil)))
        for message in [kept, chunk] {
            let actions = bench.feed(.received(id, message))
            #expect(answers(actions) == [:] && actions.closes(id) == nil)
            #expect(actions.notes == [.ignored(server("north"), .timedOut)])
        }
    }

    @Test func aRefusalIsHandedOn() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        _ = ask(bench, 1)
        let refusal = Refusal(.noFile, "there is none")
        let answer = bench.feed(.received(id, .chunk(ref: 1, data: [], refusal: refusal)))
        #expect(answer.contains(.fileAnswered(token: 1, data: [], refusal)))
    }

    @Test func withoutALinkTheAnswerComesAtOnce() {
        let bench = MeshBench.pinned()
        #expect(answers(ask(bench, 1)) == [1: .timedOut])
        let elsewhere = FileQuestion.chunk(chunk(0, from: "a@nowhere"), reader: bob)
        #expect(answers(bench.feed(.askFile(elsewhere, token: 2))) == [2: .unknownServer])
        // Proven is not enough: resume comes first.
        let (id, _) = bench.acceptProven(from: "north")
        #expect(answers(ask(bench, 3)) == [3: .timedOut])
        #expect(bench.feed(.closed(id, nil)).notes.count == 1)
    }

    @Test func sixteenAreOnTheirWayAndTheRestWaits() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        for token: UInt64 in 1...16 { #expect(ask(bench, token).sent(id).count == 1) }
        for token: UInt64 in 17...272 { #expect(ask(bench, token).isEmpty) }
        #expect(answers(ask(bench, 273)) == [273: .busy])
        let actions = bench.feed(.received(id, .chunk(ref: 5, data: [5], refusal: nil)))
        #expect(answers(actions) == [5: nil])
        #expect(actions.sent(id) == [.chunkWanted(ref: 17, chunk(17), reader: bob)])
        // A session leaves: one of its questions is on its way, and one is not.
        #expect(answers(bench.feed(.withdrawFiles(tokens: [6, 18]))) == [18: .timedOut])
        let next = bench.feed(.received(id, .chunk(ref: 6, data: [5], refusal: nil)))
        #expect(next.sent(id) == [.chunkWanted(ref: 18, chunk(19), reader: bob)])
        // The link goes down, and whoever waits hears of it.
        #expect(answers(bench.feed(.closed(id, nil))).count == 269)
    }

    @Test func whatIsNotAnsweredTimesOutAndMakesRoom() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        for token: UInt64 in 1...17 { _ = ask(bench, token) }
        bench.now = seconds(9)
        #expect(answers(ask(bench, 18)) == [:])
        for time in [9.0, 18] {
            bench.now = seconds(time)
            bench.feed(.heard(id))
        }
        bench.now = seconds(20)
        let actions = bench.feed(.tick)
        #expect(answers(actions).count == 17 && answers(actions).values.allSatisfy { $0 == .timedOut })
        #expect(actions.sent(id) == [.chunkWanted(ref: 17, chunk(18), reader: bob)])
        // A late answer is nobody's; the eighteenth question has its own twenty seconds.
        #expect(answers(bench.feed(.received(id, .chunk(ref: 1, data: [1], refusal: nil)))) == [:])
        for time in [29.0, 38] {
            bench.now = seconds(time)
            bench.feed(.heard(id))
        }
        bench.now = seconds(39)
        #expect(answers(bench.feed(.tick)) == [:])
        bench.now = seconds(40)
        #expect(answers(bench.feed(.tick)) == [18: .timedOut])
    }

    @Test(arguments: [true, false])
    func anAnswerOfTheWrongKindEndsTheLink(isChunkWanted: Bool) {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let outcome = FileQuestion.outcome(from: place.from, id: place.id, reader: bob, .declined)
        bench.feed(.askFile(isChunkWanted ? .chunk(place, reader: bob) : outcome, token: 1))
        let wrong: LinkMessage =
            isChunkWanted ? .outcomeKept(ref: 1, refusal: nil) : .chunk(ref: 1, data: [1], refusal: nil)
        let actions = bench.feed(.received(id, wrong))
        #expect(actions.closes(id) == .badValue)
        #expect(answers(actions) == [1: .timedOut])
    }

    @Test func draining() {
        let bench = MeshBench.pinned()
        _ = bench.link()
        for token: UInt64 in 1...20 { _ = ask(bench, token) }
        #expect(answers(bench.feed(.draining(retrySeconds: 5))).count == 20)
    }

    // MARK: The peer asks

    @Test func ourFilesAreFoundForTheirPeopleAlone() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let ours = chunk(3, from: "bob@south")
        let ann = address("ann@north")
        #expect(
            bench.feed(.received(id, .chunkWanted(ref: 4, ours, reader: ann.user)))
                == [.findChunk(id, ref: 4, ours, reader: ann)])
        #expect(
            bench.feed(.received(id, .outcome(ref: 5, from: ours.from, id: ours.id, reader: ann.user, .declined)))
                == [.keepOutcome(id, ref: 5, from: ours.from, id: ours.id, by: ann, .declined)])
        let kept = MeshEvent.outcomeAnswer(id, ref: 5, refusal: nil)
        #expect(bench.feed(kept).sent(id) == [.outcomeKept(ref: 5, refusal: nil)])
        #expect(bench.feed(kept) == [])
        let found = MeshEvent.chunkAnswer(id, ref: 4, data: [9], refusal: nil)
        #expect(bench.feed(found).sent(id) == [.chunk(ref: 4, data: [9], refusal: nil)])
        #expect(bench.feed(found) == [])
    }

    @Test(arguments: ["ann@north", "eve@west"])
    func filesOfOthersAreNotForUs(author: String) {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let theirs = chunk(0, from: author)
        let wanted = bench.feed(.received(id, .chunkWanted(ref: 4, theirs, reader: bob)))
        guard case .chunk(4, [], let refusal?)? = wanted.sent(id).first else { return #expect(Bool(false)) }
        #expect(refusal.code == .notForUs && wanted.count == 1)
        // The ref is free again.
        let outcome = LinkMessage.outcome(ref: 4, from: theirs.from, id: theirs.id, reader: bob, .received)
        let refused = bench.feed(.received(id, outcome)).sent(id)
        guard case .outcomeKept(4, let second?)? = refused.first else { return #expect(Bool(false)) }
        #expect(second.code == .notForUs)
    }

    @Test func theSeventeenthIsBusyAndARefThatWaitsEndsTheLink() {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let ours = chunk(0, from: "bob@south")
        for ref: Int64 in 1...16 {
            #expect(bench.feed(.received(id, .chunkWanted(ref: ref, ours, reader: bob))).count == 1)
        }
        let seventeenth = bench.feed(.received(id, .chunkWanted(ref: 17, ours, reader: bob))).sent(id)
        guard case .chunk(17, [], let refusal?)? = seventeenth.first else { return #expect(Bool(false)) }
        #expect(refusal.code == .busy)
        let outcome = LinkMessage.outcome(ref: 18, from: ours.from, id: ours.id, reader: bob, .received)
        guard case .outcomeKept(18, let second?)? = bench.feed(.received(id, outcome)).sent(id).first else {
            return #expect(Bool(false))
        }
        #expect(second.code == .busy)
        bench.feed(.chunkAnswer(id, ref: 3, data: [1], refusal: nil))
        #expect(bench.feed(.received(id, .chunkWanted(ref: 3, ours, reader: bob))).sent(id) == [])
        // One numbering for both questions.
        let again = LinkMessage.outcome(ref: 7, from: ours.from, id: ours.id, reader: bob, .received)
        #expect(bench.feed(.received(id, again)).closes(id) == .badID)
    }

    @Test(arguments: [FileOutcome.cancelled, .expired])
    func whatOnlyTheAuthorsSideSaysEndsTheLink(outcome: FileOutcome) {
        let bench = MeshBench.pinned()
        let id = bench.link()
        let message = LinkMessage.outcome(
            ref: 1, from: address("bob@south"), id: messageID(1), reader: user("ann"), outcome)
        #expect(bench.feed(.received(id, message)).closes(id) == .badValue)
    }

    @Test func answersForALinkThatIsGoneAreDropped() {
        let bench = MeshBench.pinned()
        let first = bench.link()
        bench.feed(.received(first, .chunkWanted(ref: 1, chunk(0, from: "bob@south"), reader: bob)))
        bench.feed(.closed(first, nil))
        let second = bench.link()
        for id in [first, second] {
            #expect(bench.feed(.chunkAnswer(id, ref: 1, data: [1], refusal: nil)) == [])
        }
    }
}
