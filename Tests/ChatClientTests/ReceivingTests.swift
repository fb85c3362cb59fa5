import ChatClient
import Testing
import Wire

@Suite struct ReceivingTests {
    /// Logged in, with `public` read up to 10.
    private func ready() -> Play {
        var play = Play()
        play.login([(.everyone, 10)])
        play.answerKeys(of: alice, [key(alice)])
        return play
    }

    @Test func theFirstLoginBringsNoFlood() {
        let play = ready()
        #expect(play.lastHistory == nil)
        #expect(play.actions.contains(.saveCursor(.everyone, 10)))
    }

    @Test func aProfileThatHasLoggedInBeforeReadsNewConversationsFromTheirBeginning() throws {
        var stored = StoredState()
        stored.cursors = [.everyone: 0]
        var play = Play(stored)
        play.login([(.direct(bob), 2)])
        let range = try #require(play.lastHistory?.range)
        #expect(range.conversation == .direct(bob))
        #expect(range.after == 0)
    }

    @Test func showsLiveLinesInOrderAndOnce() {
        var play = ready()
        for seq in [11, 11, 12, 10, 12, 13] as [Int64] { play.give(.line(.message(spoken(seq), in: .everyone))) }
        #expect(play.shown == [11, 12, 13])
    }

    @Test func theCursorIsStoredBehindTheEvent() throws {
        var play = ready()
        let actions = play.give(.line(.message(spoken(11), in: .everyone)))
        let shown = try #require(actions.firstIndex { if case .emit(.message) = $0 { true } else { false } })
        let stored = try #require(actions.firstIndex(of: .saveCursor(.everyone, 11)))
        #expect(shown < stored)
    }

    @Test func aHoleIsFilledBeforeWhatLiesBehindIt() throws {
        var play = ready()
        play.give(.line(.message(spoken(13), in: .everyone)))
        #expect(play.shown.isEmpty)
        #expect(play.lastHistory?.range.after == 10)
        play.give(.line(.message(spoken(14), in: .everyone)))
        play.answerHistory([spoken(11), spoken(12)], last: 13, hasMore: true)
        #expect(play.shown == [11, 12])
        #expect(play.lastHistory?.range.after == 12)
        play.answerHistory([spoken(13), spoken(14)], last: 14)
        #expect(play.shown == [11, 12, 13, 14])
        play.give(.line(.message(spoken(15), in: .everyone)))
        #expect(play.shown.last == 15)
    }

    @Test func absenceIsMadeUpForAfterTheNextLogin() {
        var play = ready()
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 12)])
        play.answerHistory([spoken(11), spoken(12)], last: 12)
        #expect(play.shown == [11, 12])
    }

    @Test func aCutWhileFillingStartsOverWhereItStopped() {
        var play = ready()
        play.give(.line(.message(spoken(14), in: .everyone)))
        play.answerHistory([spoken(11)], last: 14, hasMore: true)
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 14)])
        #expect(play.lastHistory?.range.after == 11)
        play.answerHistory([spoken(12), spoken(13), spoken(14)], last: 14)
        #expect(play.shown == [11, 12, 13, 14])
    }

    @Test func aLongAbsenceLeavesAGap() {
        var play = ready()
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 5000)])
        #expect(play.gaps == [11...4000])
        #expect(play.actions.contains(.saveGap(.everyone, 11...4000)))
        #expect(play.lastHistory?.range.after == 4000)
    }

    @Test func damagedRecordsAndMissingOnesAreGaps() {
        var play = ready()
        play.give(.line(.message(spoken(16), in: .everyone)))
        play.answerHistory([spoken(11), spoken(13), spoken(16)], damaged: [12], last: 16)
        #expect(play.shown == [11, 13, 16])
        #expect(play.gaps == [12...12, 14...15])
    }

    @Test func keysThatCannotBeAskedForNowMakeNothingUnreadable() throws {
        var play = ready()
        play.give(.line(.message(whispered(1), in: .direct(bob))))
        let ref = try #require(play.ref { if case .keys(_, bob) = $0 { true } else { false } })
        play.give(.line(.refused(Refusal(.timedOut, "no link"), ref: ref, id: nil)))
        play.give(.line(.message(whispered(2), in: .direct(bob))))
        #expect(play.errors == [])
        for _ in 0..<3 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.errors == [])
        #expect(play.shown == [1, 2])
    }

    @Test func gapsOfEarlierRunsAreToldOnce() {
        var stored = StoredState()
        stored.cursors = [.everyone: 9]
        stored.gaps = [.everyone: [2...4]]
        var play = Play(stored)
        play.login([(.everyone, 9)])
        #expect(play.gaps == [2...4])
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 9)])
        #expect(play.gaps == [2...4])
    }

    @Test func aNodeThatWentBackIsToldAndHeard() {
        var play = ready()
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 4)])
        #expect(play.errors == ["node-went-back"])
        play.give(.line(.message(spoken(5), in: .everyone)))
        #expect(play.shown == [5])
    }

    /// A store that was put back may have come further again: its numbers mean other messages from the base on.
    @Test func aRestoredNodeIsReadFromWhereItWentBackTo() {
        var play = Play()
        play.login([(.everyone, 0)], epoch: Epoch(1), run: 1)
        for seq in 1...5 { play.give(.line(.message(spoken(Int64(seq)), in: .everyone))) }
        #expect(play.shown == [1, 2, 3, 4, 5])
        play.give(.closed(reason: "restored"))
        play.advance(by: .seconds(1))
        let known = MetRun(run: Run(1), through: 90)
        play.login([(.everyone, 7)], epoch: Epoch(2), base: 3, run: 2, known: known)
        #expect(play.errors == ["node-went-back"])
        #expect(play.actions.contains(.saveCursor(.everyone, 3)))
        let met = MetStore(epoch: Epoch(2), runs: [MetRun(run: Run(2)), known])
        #expect(play.actions.contains(.saveNodeStore(met)))
        let asked = play.sent.compactMap { line -> Int64? in
            if case .history(_, let range) = line { range.after } else { nil }
        }
        #expect(asked.last == 3)
        // The same run again is nothing new.
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 7)], epoch: Epoch(2), run: 2, known: MetRun(run: Run(2)))
        #expect(play.errors == ["node-went-back"])
        #expect(play.sent.compactMap { if case .response(_, let met) = $0 { met } else { nil } }.last == met.runs)
    }

    /// Nobody noticed, but this client was shown more of that run than there is.
    @Test func whatOnlyTheClientKnowsCountsToo() {
        var play = ready()
        for seq in Int64(11)...13 { play.give(.line(.message(spoken(seq), in: .everyone))) }
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 20)], epoch: Epoch(1), base: 12, run: 2, known: MetRun(run: Run(1), through: 40))
        #expect(play.errors == ["node-went-back"])
        #expect(play.lastHistory?.range.after == 12)
    }

    /// A restart cuts nothing off.
    @Test func anEarlierRunThatWasSeenToItsEndIsNoNews() {
        var play = ready()
        for seq in Int64(11)...13 { play.give(.line(.message(spoken(seq), in: .everyone))) }
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 20)], epoch: Epoch(1), base: 13, run: 2, known: MetRun(run: Run(1), through: 40))
        #expect(play.errors == [])
        #expect(play.lastHistory?.range.after == 13)
    }

    @Test func whatAClientHasMetOfAStoreIsBounded() {
        var met = MetStore()
        for run in UInt64(1)...12 {
            met.meet(Run(run), known: run == 1 ? nil : MetRun(run: Run(run - 1), through: Int64(run) * 10))
        }
        #expect(met.runs.count == MetRun.countMax)
        #expect(met.runs.map(\.run.value) == [12, 11, 10, 9, 8, 7, 6, 5])
        #expect(met.runs.map(\.through) == [nil, 120, 110, 100, 90, 80, 70, 60])
        #expect(MetStore(text: met.text) == met)
        // Back to the time of run 9: what came later is of another branch.
        met.meet(Run(13), known: MetRun(run: Run(9), through: 95))
        #expect(met.runs.map(\.run.value) == [13, 9, 8, 7, 6, 5])
        #expect(met.runs[1].through == 95)
        met.meet(Run(14), known: nil)
        #expect(met.runs == [MetRun(run: Run(14))])
    }

    @Test func theFirstEpochThatAClientMeetsIsNoNews() {
        var play = Play()
        play.login([(.everyone, 4)], epoch: Epoch(1), run: 1)
        #expect(play.errors == [])
        #expect(play.actions.contains(.saveNodeStore(MetStore(epoch: Epoch(1), runs: [MetRun(run: Run(1))]))))
    }

    @Test func aRefusedPageIsAskedForAgain() throws {
        var play = ready()
        play.give(.line(.message(spoken(12), in: .everyone)))
        let ref = try #require(play.lastHistory?.ref)
        play.give(.line(.refused(Refusal(.busy, "later"), ref: ref, id: nil)))
        for _ in 0..<3 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        #expect(play.lastHistory?.ref != ref)
        play.answerHistory([spoken(11), spoken(12)], last: 12)
        #expect(play.shown == [11, 12])
    }

    @Test func anEmptyPageDoesNotTurnInCircles() {
        var play = ready()
        play.give(.line(.message(spoken(12), in: .everyone)))
        let asked = play.sent.count
        play.answerHistory([], last: 12, hasMore: true)
        #expect(play.sent.count == asked)
    }

    @Test func onlyAFewPagesAreUnderWay() {
        var stored = StoredState()
        stored.cursors = [.everyone: 0]
        var play = Play(stored)
        play.login((1...20).map { (.direct(address("friend\($0)@s1")), 1) })
        #expect(play.sent.count { $0.tag == "history" } == 4)
    }

    // MARK: Sealed messages

    @Test func opensSealedMessagesOnceTheKeysAreThere() {
        var play = ready()
        play.give(.line(.message(whispered(1), in: .direct(bob))))
        play.give(.line(.message(whispered(2), in: .direct(bob))))
        #expect(play.shown.isEmpty)
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.texts == ["secret 1", "secret 2"])
    }

    @Test func whatOpensFirstStillWaitsItsTurn() {
        var play = ready()
        play.opens = false
        play.command(.keys(of: bob))
        play.answerKeys(of: bob, [key(bob)])
        play.give(.line(.message(whispered(1), in: .direct(bob))))
        play.give(.line(.message(whispered(2), in: .direct(bob))))
        var openings: [Int64] = []
        for case .open(let opening, _, _) in play.actions { openings.append(opening) }
        #expect(openings.count == 2)
        play.give(.unsealed(opening: openings[1], .text("two")))
        #expect(play.texts.isEmpty)
        play.give(.unsealed(opening: openings[0], .text("one")))
        #expect(play.texts == ["one", "two"])
    }

    @Test func whatCannotBeOpenedIsNobodysWords() {
        var play = ready()
        play.opens = false
        play.command(.keys(of: bob))
        play.answerKeys(of: bob, [key(bob)])
        play.give(.line(.message(whispered(1), in: .direct(bob))))
        for case .open(let opening, _, _) in play.actions { play.give(.unsealed(opening: opening, nil)) }
        #expect(play.shown == [1])
        #expect(play.texts == [nil])
        #expect(play.errors == ["unreadable"])
    }

    @Test func aDeviceThatTheAccountDoesNotShowIsNotBelieved() {
        var play = ready()
        play.give(.line(.message(whispered(1, under: key(bob, 7)), in: .direct(bob))))
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.errors == ["unreadable"])
        #expect(!play.actions.contains { if case .open = $0 { true } else { false } })
    }

    @Test func aReplacedAccountIsNotBelievedUntilTrusted() {
        var stored = StoredState()
        stored.pins = [bob: [key(bob).account]]
        stored.cursors = [.everyone: 0]
        var play = Play(stored)
        play.login()
        let stranger = key(bob, 3, account: 3)
        play.give(.line(.message(whispered(1, under: stranger), in: .direct(bob))))
        play.answerKeys(of: bob, [stranger])
        #expect(play.errors == ["key-changed"])
        #expect(play.texts == [nil])
    }

    @Test func ownWordsFromThisDeviceAreRead() {
        var play = ready()
        play.give(.line(.message(whispered(1, from: alice, to: bob), in: .direct(bob))))
        #expect(play.texts == ["secret 1"])
    }

    @Test func anEntryInTheWrongConversationIsNotBelieved() {
        var play = ready()
        play.give(.line(.message(whispered(1, from: carol), in: .direct(bob))))
        #expect(play.texts == [nil])
        #expect(play.errors == ["unreadable"])
    }

    @Test func aCutWhileOpeningShowsTheMessageOnce() {
        var play = ready()
        play.give(.line(.message(whispered(1), in: .direct(bob))))
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login([(.everyone, 10), (.direct(bob), 1)])
        play.answerHistory([whispered(1)], last: 1)
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.shown == [1])
    }
}
