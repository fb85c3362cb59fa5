import ChatClient
import Testing
import Wire

/// Trust in account keys: first use, additions, replacements (D12).
@Suite struct KeyTests {
    private func acquainted() -> Play {
        var play = Play()
        play.login()
        play.say(1, to: .direct(bob))
        play.answerAllKeys()
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 1)))))
        return play
    }

    private func refresh(_ play: inout Play, _ keys: [DeviceKey]) {
        play.give(.line(.presence([Person(address: bob, status: .online, devices: keys.map(\.fingerprint))])))
        play.answerKeys(of: bob, keys)
    }

    @Test func firstUseIsTrustedAndNoted() {
        let play = acquainted()
        #expect(play.changes == [.first])
        #expect(play.actions.contains(.savePins(of: bob, [key(bob).account])))
        #expect(play.actions.contains(.saveKeys(of: bob, [key(bob)])))
    }

    @Test func anotherDeviceOfTheSameAccountIsNothingNew() {
        var play = acquainted()
        refresh(&play, [key(bob), key(bob, 2)])
        #expect(play.changes == [.first])
        play.say(2, to: .direct(bob))
        var last: [DeviceKey] = []
        for case .seal(_, _, _, _, let keys) in play.actions { last = keys }
        #expect(last == [key(bob), key(bob, 2), key(alice)])
    }

    @Test func anAddedAccountKeyIsNoted() {
        var play = acquainted()
        refresh(&play, [key(bob), key(bob, 2, account: 2)])
        #expect(play.changes == [.first, .added])
        play.say(2, to: .direct(bob))
        #expect(play.drafts.last?.id == id(2))
    }

    @Test func replacedKeysStopSendingUntilTrusted() {
        var play = acquainted()
        refresh(&play, [key(bob, 3, account: 3)])
        #expect(play.changes == [.first, .replaced])
        play.say(2, to: .direct(bob))
        #expect(play.states(of: 2) == [.pending(.keyChanged)])
        #expect(play.drafts.last?.id == id(1))
        play.say(3)
        #expect(play.drafts.last?.id == id(3))
        let token = play.command(.trust(bob))
        #expect(play.drafts.last?.id == id(2))
        #expect(play.events.contains(.done(token)))
        #expect(play.actions.contains(.savePins(of: bob, [key(bob, 3, account: 3).account])))
    }

    @Test func pinsOutliveTheRun() {
        var stored = StoredState()
        stored.pins = [bob: [key(bob).account]]
        var play = Play(stored)
        play.login()
        play.say(1, to: .direct(bob))
        play.answerKeys(of: alice, [key(alice)])
        play.answerKeys(of: bob, [key(bob, 3, account: 3)])
        #expect(play.changes == [.replaced])
        #expect(play.states(of: 1).last == .pending(.keyChanged))
    }

    @Test func keysThatFailTheCheckAreLeftOutAndTold() {
        var play = Play()
        play.login()
        let token = play.command(.keys(of: bob))
        guard let ref = play.ref(where: { if case .keys(_, bob) = $0 { true } else { false } }) else { return }
        let line = NodeLine.keys(ref: ref, of: bob, [key(bob), key(bob, 2)])
        _ = play.machine.handle(.line(line), at: play.now, using: &play.generator)
        play.give(.keysVerified(of: bob, [key(bob)]))
        #expect(play.errors == ["bad-device-key"])
        #expect(play.events.contains(.key(key(bob), of: bob, change: nil, answering: token)))
        #expect(play.events.contains(.done(token)))
    }

    @Test func anotherDeviceOfOneselfIsNoted() {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [key(alice, 2, account: 2), key(alice)])
        #expect(play.changes == [.added])
    }

    @Test func ownMessagesNeedNoOtherDevice() {
        var play = Play()
        play.login()
        play.answerKeys(of: alice, [])
        play.say(1, to: .direct(alice))
        #expect(play.drafts.map(\.id) == [id(1)])
    }

    @Test func trustNeedsKeysToTrust() {
        var play = Play()
        let token = play.command(.trust(bob))
        #expect(play.errors == ["bad-value"])
        #expect(play.events.last == .done(token))
    }
}
