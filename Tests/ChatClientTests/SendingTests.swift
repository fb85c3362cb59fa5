import Bytes
import ChatClient
import Testing
import Wire

@Suite struct SendingTests {
    @Test func aMessageIsOnDiskBeforeItIsSent() throws {
        var play = Play()
        play.login()
        play.saves = false
        play.say(1)
        #expect(play.actions.contains { if case .savePending = $0 { true } else { false } })
        #expect(play.drafts.isEmpty)
        #expect(play.states(of: 1).isEmpty)
        play.give(.saved(id(1)))
        #expect(play.drafts.map(\.id) == [id(1)])
        #expect(
            play.events.suffix(2) == [.state(id(1), .pending(nil), answering: CommandToken(1)), .done(CommandToken(1))])
    }

    @Test func staysPendingUntilTheNodeAnswers() {
        var play = Play()
        play.login()
        play.say(1)
        #expect(!play.machine.isIdle)
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 4)))))
        #expect(play.actions.contains(.saveAccepted(id(1), isUnconfirmed: false, waiting: [])))
        #expect(play.states(of: 1) == [.pending(nil), .accepted(waiting: [])])
        #expect(play.machine.isIdle)
        play.give(.line(.state(MessageState(id: id(1), state: .delivered))))
        #expect(play.actions.contains(.removePending(id(1))))
        #expect(play.states(of: 1).last == .delivered)
    }

    @Test func aRefusedMessageHasFailed() {
        var play = Play()
        play.login()
        play.say(1)
        let refusal = Refusal(.outboxFull, "full")
        play.give(.line(.refused(refusal, ref: nil, id: id(1))))
        #expect(play.states(of: 1).last == .failed(refusal))
        #expect(play.actions.contains(.removePending(id(1))))
    }

    /// Cut after each line that arrived, as often as you like: the same bytes come again, in order, until accepted.
    @Test(arguments: 1...8) func cutsAtEveryPointLoseAndReorderNothing(_ period: Int) {
        var play = Play()
        play.login()
        var log: [Draft] = []
        var handled = play.drafts.count
        for number in 1...12 as ClosedRange<UInt64> { play.say(number) }
        var steps = 0
        var received = 0
        while play.machine.pendingCount > 0, steps < 500 {
            steps += 1
            guard play.machine.isOnline else {
                play.advance(by: .seconds(90))
                play.login([(.everyone, 0)])
                // What was accepted is still there.
                if case .states(let ref, _)? = play.sent.last(where: { $0.tag == "states" }) {
                    play.give(.line(.states(ref: ref, unknown: [])))
                }
                continue
            }
            // The node commits a draft; its answer arrives, or the cut comes first.
            guard handled < play.drafts.count else { break }
            let draft = play.drafts[handled]
            handled += 1
            if let known = log.first(where: { $0.id == draft.id }) {
                #expect(known == draft)
            } else {
                log.append(draft)
            }
            received += 1
            if received % period == 0 {
                handled = play.drafts.count
                play.give(.closed(reason: "cut"))
            } else {
                play.give(.line(.state(MessageState(id: draft.id, state: .accepted(seq: 1)))))
            }
        }
        if period > 1 { #expect(log.map(\.id) == (1...12).map { id($0) }) } else { #expect(log.map(\.id) == [id(1)]) }
    }

    @Test func whatAnEarlierRunLeftIsSentAgain() {
        let draft = Draft(id: id(3), to: .everyone, at: 1, body: .text("kept"))
        var stored = StoredState()
        stored.pending = [PendingMessage(id: id(3), to: .everyone, at: 1, place: 1, content: .draft(draft))]
        stored.damagedPending = [id(4)]
        var play = Play(stored)
        play.login()
        #expect(play.drafts == [draft])
        #expect(play.actions.contains(.removePending(id(4))))
        guard case .failed(let refusal) = play.states(of: 4).first else {
            Issue.record("nothing said of the damaged one")
            return
        }
        #expect(refusal.code == .damaged)
    }

    @Test func onlySoManyAreUnderWay() {
        var play = Play()
        play.login()
        for number in 1...300 as ClosedRange<UInt64> { play.say(number) }
        #expect(play.drafts.count == 256)
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 1)))))
        #expect(play.drafts.count == 257)
    }

    @Test func onlySoManyAreKept() {
        var play = Play()
        for number in 1...10_001 as ClosedRange<UInt64> { play.say(number) }
        #expect(play.errors == ["outbox-full"])
        #expect(play.machine.pendingCount == 10_000)
        #expect(play.events.last == .done(CommandToken(10_001)))
    }

    @Test func theSameIDWithOtherWordsIsRefused() {
        var play = Play()
        play.say(1)
        play.say(1)
        #expect(play.errors.isEmpty)
        play.command(.message(id: id(1), to: .everyone, text: "other", at: 1))
        #expect(play.errors == ["id-reused"])
        #expect(play.machine.pendingCount == 1)
    }

    @Test(arguments: [
        ("", Conversation.everyone, "bad-value"), (String(repeating: "a", count: 32_769), .everyone, "too-long"),
        (String(repeating: "\u{1}", count: 20_000), .direct(bob), "too-long"),
    ])
    func wordsThatCannotBeSentAreRefused(_ text: String, _ to: Conversation, _ code: String) {
        var play = Play()
        play.command(.message(id: id(1), to: to, text: text, at: 1))
        #expect(play.errors == [code])
        #expect(play.machine.isIdle)
    }

    @Test func aDiskThatFailsIsTold() {
        var play = Play()
        play.login()
        play.saves = false
        play.say(1)
        play.give(.saveFailed(id(1), reason: "full"))
        #expect(play.errors == ["store-failed"])
        #expect(play.events.last == .done(CommandToken(1)))
        #expect(play.machine.isIdle)
    }

    // MARK: Direct messages

    @Test func waitsForKeysThenSealsAndSends() {
        var play = Play()
        play.login()
        play.say(1, to: .direct(bob))
        #expect(play.drafts.isEmpty)
        #expect(play.states(of: 1) == [.pending(nil)], "the keys are merely being asked for")
        play.answerAllKeys()
        #expect(play.drafts.map(\.id) == [id(1)])
        #expect(play.actions.contains { if case .saveDraft = $0 { true } else { false } })
        for case .seal(_, _, _, _, let keys) in play.actions { #expect(keys == [key(bob), key(alice)]) }
    }

    @Test func sealsForAllDevicesOfBoth() {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [key(alice, 2), key(alice)])
        play.say(1, to: .direct(bob))
        play.answerKeys(of: bob, [key(bob, 1), key(bob, 2)])
        var sealedFor: [[DeviceKey]] = []
        for case .seal(_, _, _, _, let keys) in play.actions { sealedFor.append(keys) }
        #expect(sealedFor == [[key(bob, 1), key(bob, 2), key(alice), key(alice, 2)]])
    }

    @Test func whoWaitsForKeysHoldsBackTheirOwnConversationOnly() {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [key(alice)])
        play.say(1, to: .direct(bob))
        play.say(2)
        play.say(3, to: .direct(bob))
        #expect(play.drafts.map(\.id) == [id(2)])
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.drafts.map(\.id) == [id(2), id(1), id(3)])
    }

    @Test func nothingOvertakesWhatIsBeingSealed() {
        var play = Play()
        play.login()
        play.say(1, to: .direct(bob))
        play.answerAllKeys()
        play.seals = false
        play.say(2, to: .direct(bob))
        play.say(3)
        #expect(play.drafts.map(\.id) == [id(1)])
        play.give(.sealed(id(2), sealed("text 2", by: key(alice))))
        #expect(play.drafts.map(\.id) == [id(1), id(2), id(3)])
        var saved: [MessageID] = []
        for case .savePending(let message) in play.actions { saved.append(message.id) }
        #expect(saved == [id(1), id(2), id(3)])
    }

    @Test func cachedKeysServeWithoutTheNode() {
        var stored = StoredState()
        stored.keys = [bob: [key(bob)], alice: [key(alice)]]
        stored.pins = [bob: [key(bob).account], alice: [key(alice).account]]
        var play = Play(stored)
        play.say(1, to: .direct(bob))
        #expect(play.states(of: 1) == [.pending(nil)])
        play.login()
        #expect(play.drafts.map(\.id) == [id(1)])
    }

    @Test func anUnknownRecipientFails() throws {
        var play = Play()
        play.login()
        play.say(1, to: .direct(bob))
        let ref = try #require(play.ref { $0 == .keys(ref: 4, of: bob) })
        let refusal = Refusal(.unknownUser, "nobody")
        play.give(.line(.refused(refusal, ref: ref, id: nil)))
        #expect(play.states(of: 1).last == .failed(refusal))
    }

    @Test func sealedWordsWaitUntilTheDeviceIsKnown() {
        var play = Play()
        play.publishes = false
        play.login()
        play.answerAllKeys()
        play.say(1, to: .direct(bob))
        play.answerKeys(of: bob, [key(bob)])
        play.say(2)
        #expect(play.drafts.map(\.id) == [id(2)])
        play.give(.line(.refused(Refusal(.storeFailed, "the disk is full"), ref: nil, id: nil)))
        for _ in 0..<3 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        #expect(play.sent.count { $0.tag == "publish" } == 2)
        play.give(.line(.published(key(alice).fingerprint)))
        play.answerKeys(of: alice, [key(alice)])
        #expect(play.drafts.map(\.id) == [id(2), id(1)])
    }

    @Test func anUnreachableServerIsAskedAgain() throws {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [key(alice)])
        play.say(1, to: .direct(bob))
        let ref = try #require(play.ref { if case .keys(_, bob) = $0 { true } else { false } })
        play.give(.line(.refused(Refusal(.timedOut, "away"), ref: ref, id: nil)))
        #expect(play.machine.pendingCount == 1)
        #expect(play.states(of: 1) == [.pending(nil), .pending(.noKeys)], "they could not be asked for")
        for _ in 0..<3 {
            play.advance(by: .seconds(6))
            play.give(.line(.pong(ref: 0)))
        }
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.drafts.map(\.id) == [id(1)])
    }

    @Test func anAccountWithoutDevicesIsWaitedFor() {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [key(alice)])
        play.say(1, to: .direct(bob))
        play.answerKeys(of: bob, [])
        #expect(play.states(of: 1) == [.pending(nil), .pending(.noKeys)])
        #expect(play.drafts.isEmpty)
    }

    @Test func whatCannotBeSealedFails() {
        var play = Play()
        play.seals = false
        play.login()
        play.say(1, to: .direct(bob))
        play.answerAllKeys()
        play.give(.sealed(id(1), nil))
        guard case .failed = play.states(of: 1).last else {
            Issue.record("not failed")
            return
        }
        #expect(play.machine.isIdle)
    }
}
