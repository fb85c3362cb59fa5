import Bytes
import ChatClient
import Testing
import Wire

/// What the author of a message hears of it that happened while the client was away (P2).
@Suite struct StatesTests {
    /// The ids of each question for states, in order.
    private func asked(_ play: Play) -> [[MessageID]] {
        play.sent.compactMap { if case .states(_, let ids) = $0 { ids } else { nil } }
    }

    private func answer(_ play: inout Play, _ states: [MessageState] = [], unknown: [UInt64] = []) {
        guard let ref = play.sent.compactMap({ if case .states(let ref, _) = $0 { ref } else { nil } }).last else {
            Issue.record("nothing was asked")
            return
        }
        for state in states { play.give(.line(.state(state))) }
        play.give(.line(.states(ref: ref, unknown: unknown.map { id($0) })))
    }

    private func accept(_ play: inout Play, _ numbers: ClosedRange<UInt64>) {
        for number in numbers { play.give(.line(.state(accepted(number)))) }
    }

    private func accepted(_ number: UInt64, _ waiting: [ServerName] = []) -> MessageState {
        MessageState(id: id(number), state: .accepted(seq: Int64(number)), waiting: waiting)
    }

    private func delivered(_ number: UInt64) -> MessageState { MessageState(id: id(number), state: .delivered) }

    private func reconnect(_ play: inout Play) {
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(90))
        play.login()
    }

    private func stored(_ numbers: ClosedRange<UInt64>, isOld: Bool = false) -> StoredState {
        var stored = StoredState()
        stored.accepted = numbers.map {
            AcceptedMessage(
                id: id($0), to: .everyone, place: Int64($0), text: "text \($0)", isOld: isOld, isUnconfirmed: false,
                waiting: [bob.server])
        }
        return stored
    }

    @Test func anEndMissedIsToldOnceAfterTheReconnect() {
        var play = Play()
        play.login()
        play.say(1)
        play.say(2)
        accept(&play, 1...2)
        #expect(asked(play).isEmpty)
        reconnect(&play)
        #expect(asked(play) == [[id(1), id(2)]])
        #expect(play.drafts.count == 2, "what was accepted is not sent again")
        answer(&play, [delivered(1), accepted(2)])
        #expect(play.states(of: 1) == [.pending(nil), .accepted(waiting: []), .delivered])
        #expect(play.states(of: 2) == [.pending(nil), .accepted(waiting: [])])
        #expect(play.actions.contains(.removePending(id(1))))
        #expect(!play.actions.contains(.removePending(id(2))))
        reconnect(&play)
        #expect(asked(play).last == [id(2)])
    }

    @Test func anEndToldLiveIsNotToldAgainByTheAnswer() {
        var play = Play()
        play.login()
        play.say(1)
        accept(&play, 1...1)
        reconnect(&play)
        play.give(.line(.state(delivered(1))))
        answer(&play, [delivered(1)])
        #expect(play.states(of: 1).filter { $0 == .delivered }.count == 1)
    }

    @Test func onlyWhatDiffersIsTold() {
        var play = Play()
        play.login()
        play.say(1)
        play.give(.line(.state(accepted(1, [bob.server]))))
        play.give(.line(.state(accepted(1, [bob.server]))))
        play.give(.line(.state(accepted(1))))
        play.give(.line(.state(MessageState(id: id(1), state: .unconfirmed))))
        #expect(
            play.states(of: 1) == [
                .pending(nil), .accepted(waiting: [bob.server]), .accepted(waiting: []), .unconfirmed(waiting: []),
            ])
        #expect(play.actions.contains(.saveAccepted(id(1), isUnconfirmed: true, waiting: [])))
        // It may still be delivered.
        play.give(.line(.state(delivered(1))))
        #expect(play.states(of: 1).last == .delivered)
    }

    @Test func statesOfAnotherDevicesMessagesAreToldAsTheyCome() {
        var play = Play()
        play.login()
        play.give(.line(.state(accepted(9))))
        play.give(.line(.state(delivered(9))))
        #expect(play.states(of: 9) == [.accepted(waiting: []), .delivered])
        reconnect(&play)
        #expect(asked(play).isEmpty)
    }

    @Test func acceptedMessagesAreNotPending() {
        var play = Play(stored(1...300))
        play.login()
        #expect(play.machine.isIdle)
        #expect(play.machine.pendingCount == 0)
    }

    /// A node that went back may have lost them: what is written later must not overtake what is sent again.
    @Test func newMessagesWaitUntilTheNodeHasSaidWhichOldOnesItHas() {
        var play = Play(stored(1...300))
        play.login()
        play.say(301)
        for _ in 0..<2 { answer(&play) }
        #expect(play.drafts == [])
        answer(&play)
        #expect(play.drafts.map(\.id) == [id(301)])
        // From then on nothing waits on this connection, but on the next.
        play.say(302)
        #expect(play.drafts.map(\.id) == [id(301), id(302)])
        reconnect(&play)
        #expect(play.drafts.count == 2)
        for _ in 0..<3 { answer(&play) }
        #expect(play.drafts.dropFirst(2).map(\.id) == [id(301), id(302)])
    }

    /// A node of an earlier version tells nothing, and loses nothing.
    @Test func aNodeThatDoesNotKnowTheQuestionHoldsUpNothing() throws {
        var play = Play(stored(1...300))
        play.login()
        play.say(301)
        let ref = try #require(play.sent.compactMap { if case .states(let ref, _) = $0 { ref } else { nil } }.last)
        play.give(.line(.refused(Refusal(.unknownTag, "what?"), ref: ref, id: nil)))
        #expect(play.drafts.map(\.id) == [id(301)])
    }

    @Test func anEarlierRunsMessagesAreAskedForInChunks() {
        var play = Play(stored(1...250))
        play.login()
        #expect(asked(play) == [(1...100).map { id($0) }])
        play.advance(by: .seconds(5))
        #expect(asked(play).count == 1, "one question at a time")
        // In the meantime two that were to be asked for next are delivered.
        play.give(.line(.state(delivered(101))))
        play.give(.line(.state(delivered(150))))
        answer(&play, (1...100).map { accepted($0, [bob.server]) })
        #expect(asked(play).last == [102...149, 151...202].flatMap { $0.map { id($0) } })
        answer(&play, [delivered(102)])
        #expect(asked(play).last == (203...250).map { id($0) })
        answer(&play)
        #expect(asked(play).count == 3)
        #expect(play.states(of: 1).isEmpty, "nothing new of it")
        #expect(play.states(of: 102) == [.delivered])
    }

    @Test func whatTheNodeDoesNotKnowIsSentAgainFromItsOldPlace() {
        var play = Play()
        play.login()
        play.say(1)
        play.say(2)
        play.say(3, to: .direct(bob))
        play.answerAllKeys()
        accept(&play, 1...3)
        let before = play.drafts
        play.give(.closed(reason: "cut"))
        play.say(4)
        play.advance(by: .seconds(90))
        play.login()
        answer(&play, [accepted(2)], unknown: [3, 1, 99])
        #expect(play.drafts.dropFirst(3).map(\.id) == [id(1), id(3), id(4)])
        #expect(play.drafts.filter { $0.id == id(3) }.allSatisfy { $0 == before[2] }, "the same bytes")
        #expect(play.states(of: 1).suffix(2) == [.accepted(waiting: []), .pending(nil)])
        #expect(play.machine.pendingCount == 3)
        // Unanswered, they come again in the order in which they were written.
        reconnect(&play)
        #expect(play.drafts.count == 6)
        answer(&play, [accepted(2)])
        #expect(play.drafts.dropFirst(6).map(\.id) == [id(1), id(3), id(4)])
        accept(&play, 1...4)
        #expect(play.states(of: 1).last == .accepted(waiting: []))
        #expect(play.machine.isIdle)
    }

    /// Others may have it from the time before the node went back, so a full disk is no reason to call it failed. What comes
    /// later waits behind it.
    @Test func whatMayHaveGoneOnIsTriedAgainOnAFullDisk() {
        var play = Play()
        play.login()
        for number: UInt64 in 1...3 { play.say(number) }
        accept(&play, 1...2)
        reconnect(&play)
        answer(&play, unknown: [1, 2])
        #expect(play.drafts.dropFirst(3).map(\.id) == [id(1), id(2), id(3)])
        let full = Refusal(.storeFailed, "the disk is full")
        for number: UInt64 in 1...3 { play.give(.line(.refused(full, ref: nil, id: id(number)))) }
        play.say(4)
        #expect(play.drafts.count == 6)
        #expect(play.states(of: 1).last == .pending(nil))
        play.advance(by: ClientMachine.retryDuration)
        #expect(play.drafts.dropFirst(6).map(\.id) == [id(1), id(2), id(3), id(4)])
        // A new message has gone nowhere yet.
        play.give(.line(.refused(full, ref: nil, id: id(4))))
        #expect(play.states(of: 4).last == .failed(full))
        accept(&play, 1...3)
        #expect(play.machine.isIdle)
    }

    @Test func aRecordThatIsDamagedCannotBeSentAgain() {
        var play = Play(stored(1...1))
        play.login()
        answer(&play, unknown: [1])
        guard case .failed(let refusal) = play.states(of: 1).last else {
            Issue.record("not failed")
            return
        }
        #expect(refusal.code == .damaged)
        #expect(play.actions.contains(.removePending(id(1))))
    }

    @Test func whatWasAcceptedLongAgoIsAskedForOnceMore() {
        var play = Play(stored(1...2, isOld: true))
        play.login()
        answer(&play, [accepted(1, [bob.server]), delivered(2)])
        #expect(play.actions.contains(.removePending(id(1))))
        #expect(play.states(of: 1).isEmpty)
        #expect(play.states(of: 2) == [.delivered])
        reconnect(&play)
        #expect(asked(play).count == 1)
    }

    @Test func theOldestOfTooManyIsForgotten() {
        var play = Play(stored(1...10_000))
        play.login()
        play.say(10_001)
        #expect(!play.actions.contains(.removePending(id(1))))
        play.give(.line(.state(accepted(10_001))))
        #expect(play.actions.contains(.removePending(id(1))))
        #expect(play.states(of: 1).isEmpty)
        #expect(!play.actions.contains(.removePending(id(10_001))))
    }

    @Test func aNodeThatCannotTellNowIsAskedAgain() throws {
        var play = Play(stored(1...150))
        play.login()
        let ref = try #require(play.sent.compactMap { if case .states(let ref, _) = $0 { ref } else { nil } }.last)
        play.give(.line(.refused(Refusal(.storeFailed, "ill"), ref: ref, id: nil)))
        #expect(play.errors == ["store-failed"])
        play.say(200)
        #expect(asked(play).count == 1)
        for _ in 0..<3 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        #expect(asked(play) == [(1...100).map { id($0) }, (1...100).map { id($0) }])
        answer(&play)
        #expect(asked(play).last == (101...150).map { id($0) })
    }

    @Test func aNodeOfAnEarlierVersionIsLeftInPeace() throws {
        var play = Play(stored(1...1))
        play.login()
        let ref = try #require(play.sent.compactMap { if case .states(let ref, _) = $0 { ref } else { nil } }.last)
        play.give(.line(.refused(Refusal(.unknownTag, "?"), ref: ref, id: nil)))
        for _ in 0..<5 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        #expect(play.errors.isEmpty)
        #expect(asked(play).count == 1)
        play.give(.line(.state(delivered(1))))
        #expect(play.states(of: 1) == [.delivered])
    }

    @Test func theSameIDIsAnsweredWithItsState() {
        var play = Play(stored(1...1))
        play.login()
        play.say(1)
        #expect(play.states(of: 1) == [.accepted(waiting: [bob.server])])
        #expect(play.drafts.isEmpty)
        play.command(.message(id: id(1), to: .everyone, text: "other", at: 1))
        #expect(play.errors == ["id-reused"])
        play.command(.message(id: id(1), to: .direct(bob), text: "text 1", at: 1))
        #expect(play.errors == ["id-reused", "id-reused"])
        #expect(play.events.last == .done(CommandToken(3)))
    }
}
