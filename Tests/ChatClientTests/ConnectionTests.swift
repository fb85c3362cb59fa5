import Bytes
import ChatClient
import Testing
import Wire

@Suite struct ConnectionTests {
    @Test func logsInAndAsksForWhatItNeeds() {
        var play = Play()
        #expect(play.actions.contains(.connect(usesTLS: true)))
        play.login()
        #expect(
            play.sent.map(\.tag) == ["hello", "login", "response", "publish", "who", "ping", "keys"])
        #expect(play.events == [.connected(alice)])
        #expect(play.machine.isOnline)
        #expect(play.actions.contains(.saveToken(play.token)))
    }

    @Test func pinsTheServerOnlyAfterTheLogin() {
        var play = Play()
        play.hello()
        #expect(!play.actions.contains { if case .saveServerPin = $0 { true } else { false } })
        play.welcome()
        #expect(play.actions.contains { if case .saveServerPin = $0 { true } else { false } })
    }

    /// A lively network says things before a slow machine has checked the node's proof.
    @Test func whatComesBehindTheWelcomeWaitsForItsCheck() {
        var play = Play()
        play.checks = false
        play.login([(.everyone, 0)])
        play.give(.line(.message(spoken(1), in: .everyone)))
        play.give(.line(.message(spoken(2), in: .everyone)))
        #expect(play.end == nil)
        #expect(play.shown == [])
        play.give(.scramDone(""))
        #expect(play.machine.isOnline)
        #expect(play.shown == [1, 2])
    }

    @Test func nothingIsBelievedThatCameBehindAWrongProof() {
        var play = Play()
        play.checks = false
        play.login([(.everyone, 0)])
        play.give(.line(.message(spoken(1), in: .everyone)))
        play.give(.scramFailed(.nodeRefused))
        #expect(play.shown == [])
        guard case .protocolFault = play.end else {
            Issue.record("went on")
            return
        }
    }

    @Test func anEndlessFloodBehindTheWelcomeEndsTheClient() {
        var play = Play()
        play.checks = false
        play.login([(.everyone, 0)])
        for seq in 1...1001 { play.give(.line(.message(spoken(Int64(seq)), in: .everyone))) }
        guard case .protocolFault = play.end else {
            Issue.record("went on")
            return
        }
    }

    @Test func aChangedServerKeyEndsTheClient() {
        var stored = StoredState()
        stored.serverPin = IdentityKey(bytes: [UInt8](repeating: 1, count: 32))
        var play = Play(stored)
        play.hello(2)
        guard case .protocolFault = play.end else {
            Issue.record("went on with \(String(describing: play.end))")
            return
        }
        #expect(!play.sent.contains { $0.tag == "login" })
    }

    private func serverKey(_ byte: UInt8) throws -> IdentityKey {
        try #require(IdentityKey(bytes: [UInt8](repeating: byte, count: 32)))
    }

    private func rotation(_ old: UInt8, _ new: UInt8) throws -> KeyRotation {
        KeyRotation(
            old: try serverKey(old), new: try serverKey(new), at: 1, signatureByOld: [old], signatureByNew: [new])
    }

    @Test func aKeyThatThePinnedOneSignedForTakesItsPlaceAfterTheLogin() throws {
        var stored = StoredState()
        stored.serverPin = try serverKey(2)
        var play = Play(stored)
        let chain = [try rotation(1, 2), try rotation(2, 3), try rotation(3, 4)]
        play.hello(4, rotations: chain)
        let checks = play.actions.flatMap { action -> [KeyRotation.Check] in
            if case .verifyHello(let checks) = action { checks } else { [] }
        }
        // The hello itself, and what leads from the pinned key on; nothing before it.
        #expect(checks.map(\.key) == (try [4, 2, 3, 3, 4].map { try serverKey($0) }))
        #expect(checks.dropFirst().map(\.signature) == [[2], [3], [3], [4]])
        #expect(!play.actions.contains { if case .saveServerPin = $0 { true } else { false } })
        play.welcome()
        #expect(play.actions.contains(.saveServerPin(try serverKey(4))))
        #expect(play.errors == ["server-key-rotated"] && play.machine.isOnline)
        // The old key is another's from now on.
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(70))
        play.hello(2, rotations: [try rotation(1, 2)])
        #expect(!play.machine.isOnline)
    }

    @Test func nothingElseLeadsToANewKey() throws {
        for chain in [[], [try rotation(1, 4)], [try rotation(2, 3)], [try rotation(3, 4), try rotation(2, 3)]] {
            var stored = StoredState()
            stored.serverPin = try serverKey(2)
            var play = Play(stored)
            play.hello(4, rotations: chain)
            guard case .protocolFault = play.end else {
                Issue.record("went on with \(chain)")
                continue
            }
            #expect(!play.sent.contains { $0.tag == "login" })
        }
    }

    @Test func aForgedStatementEndsTheClient() throws {
        var stored = StoredState()
        stored.serverPin = try serverKey(2)
        var play = Play(stored)
        _ = play.machine.handle(.opened(nonce: [1]), at: play.now, using: &play.generator)
        let hello = NodeLine.hello(
            version: 1, server: alice.server, key: try serverKey(3), signature: [], rotations: [try rotation(2, 3)])
        _ = play.machine.handle(.line(hello), at: play.now, using: &play.generator)
        let actions = play.machine.handle(.helloVerified(false), at: play.now, using: &play.generator)
        #expect(actions.contains { if case .end(.protocolFault) = $0 { true } else { false } })
        #expect(!actions.contains { if case .saveServerPin = $0 { true } else { false } })
    }

    @Test func aWrongSignatureEndsTheClient() {
        var play = Play()
        let opened = play.machine.handle(.opened(nonce: [1]), at: play.now, using: &play.generator)
        #expect(opened.contains { if case .send(.hello) = $0 { true } else { false } })
        guard let key = IdentityKey(bytes: [UInt8](repeating: 1, count: 32)) else { return }
        let hello = NodeLine.hello(version: 1, server: alice.server, key: key, signature: [])
        _ = play.machine.handle(.line(hello), at: play.now, using: &play.generator)
        let actions = play.machine.handle(.helloVerified(false), at: play.now, using: &play.generator)
        #expect(actions.contains { if case .end(.protocolFault) = $0 { true } else { false } })
    }

    @Test func whatWasGivenIsKeptBeforeTheEnd() throws {
        var stored = StoredState()
        stored.keys = [alice: [key(alice)], bob: [key(bob)]]
        stored.pins = [alice: [key(alice).account], bob: [key(bob).account]]
        var play = Play(stored)
        play.seals = false
        play.sizes = ["/notes.txt": 5]
        play.say(1, to: .direct(bob))
        play.saves = false
        play.command(.file(id: id(2), to: .direct(bob), path: "/notes.txt", at: 1))
        play.give(.closed(reason: "refused"))
        #expect(play.end == nil)
        play.saves = true
        play.give(.fileSaved(id(2)))
        #expect(play.end == nil)
        // Neither the node nor the user is listened to.
        play.give(.opened(nonce: [1]))
        play.give(.tick)
        play.say(3)
        play.give(.sealed(id(1), sealed("text 1", by: key(alice))))
        #expect(play.states(of: 1) == [.pending(nil)])
        #expect(play.progresses.last?.state == .sending)
        #expect(play.end == .unreachable("refused"))
        #expect(play.sent.isEmpty)
        #expect(play.states(of: 3).isEmpty)
    }

    @Test(
        arguments: [
            (Refusal.Code.loginRefused, 77), (.unknownHost, 68), (.protocolVersion, 76), (.notPostroad, 76),
            (.busy, 69),
        ], [true, false])
    func aRefusedFirstLoginEndsTheClient(_ answer: (code: Refusal.Code, status: Int), _ isClosing: Bool) {
        let (code, status) = answer
        var play = Play()
        play.hello()
        play.give(
            .line(
                isClosing
                    ? .closing(Refusal(code, "no"), retrySeconds: nil)
                    : .refused(Refusal(code, "no"), ref: nil, id: nil)))
        switch play.end {
        case .loginRefused: #expect(status == 77)
        case .unknownHost: #expect(status == 68)
        case .protocolFault: #expect(status == 76)
        case .unreachable: #expect(status == 69)
        case nil: Issue.record("went on")
        }
    }

    @Test func anUnreachableNodeEndsTheFirstAttempt() {
        var play = Play()
        play.give(.closed(reason: "refused"))
        #expect(play.end == .unreachable("refused"))
        #expect(play.give(.tick).isEmpty)
    }

    @Test func anUnknownNameEndsTheFirstAttempt() {
        var play = Play()
        play.give(.unresolved(reason: "no such name"))
        #expect(play.end == .unknownHost("no such name"))
    }

    @Test func anUnprovenNodeEndsTheFirstAttemptAndDelaysLaterOnes() {
        var play = Play()
        play.give(.opened(nonce: [1]))
        var first = play
        first.give(.scramFailed(.nodeRefused))
        guard case .protocolFault = first.end else {
            Issue.record("went on")
            return
        }
        play = Play()
        play.login()
        play.give(.closed(reason: "cut"))
        play.advance(by: .zero)
        play.give(.opened(nonce: [1]))
        play.give(.scramFailed(.nodeRefused))
        #expect(play.end == nil)
        #expect(play.errors == ["node-unproven"])
    }

    @Test(arguments: [false, true])
    func comesBackByTokenAndFallsBackToThePassword(asLastLine isClosing: Bool) {
        let refusal = Refusal(.loginRefused, "old")
        var play = Play()
        play.login()
        play.give(.closed(reason: "cut"))
        play.advance(by: .zero)
        play.hello()
        #expect(play.actions.contains(.scram(.begin(token: play.token, .none))))
        play.give(.line(isClosing ? .closing(refusal, retrySeconds: nil) : .refused(refusal, ref: nil, id: nil)))
        #expect(play.end == nil)
        play.advance(by: .seconds(2))
        let before = play.actions.count
        play.hello()
        #expect(play.actions[before...].contains(.scram(.begin(token: nil, .none))))
    }

    @Test func aWrongPasswordEndsTheClientAsSuch() {
        var play = Play()
        play.hello()
        play.give(.line(.closing(Refusal(.loginRefused, "wrong"), retrySeconds: nil)))
        #expect(play.end == .loginRefused("wrong"))
    }

    @Test func withoutAPasswordAStoredTokenIsUsedAndItsRefusalEndsTheClient() {
        var stored = StoredState()
        stored.token = ResumeToken(id: [5], secret: [6])
        var play = Play(stored, hasPassword: false)
        play.hello()
        #expect(play.actions.contains(.scram(.begin(token: stored.token, .none))))
        play.give(.line(.refused(Refusal(.loginRefused, "old"), ref: nil, id: nil)))
        #expect(play.actions.contains(.saveToken(nil)))
        guard case .loginRefused = play.end else {
            Issue.record("went on")
            return
        }
    }

    @Test func aGivenPasswordComesBeforeAStoredToken() {
        var stored = StoredState()
        stored.token = ResumeToken(id: [5], secret: [6])
        var play = Play(stored)
        play.hello()
        #expect(play.actions.contains(.scram(.begin(token: nil, .none))))
    }

    @Test func reconnectsAtOnceThenEverMoreSlowly() {
        var play = Play()
        play.login()
        var waits: [Int64] = []
        for _ in 0..<9 {
            play.give(.closed(reason: "cut"))
            guard case .disconnected(_, let wait) = play.events.last else { break }
            waits.append(wait.milliseconds)
            play.advance(by: wait)
        }
        #expect(waits.count == 9)
        for (wait, nominal) in zip(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60] as [Int64]) {
            #expect((nominal * 750...nominal * 1250).contains(wait))
        }
    }

    @Test func obeysTheNodesWishWhenToComeBack() {
        var play = Play()
        play.login()
        play.give(.line(.closing(Refusal(.draining, "down for now"), retrySeconds: 30)))
        guard case .disconnected("down for now", let wait) = play.events.last else {
            Issue.record("no word of it")
            return
        }
        #expect((30_000...37_500).contains(wait.milliseconds))
    }

    @Test func asksASilentNodeAndGivesItUp() {
        var play = Play()
        play.login()
        let pings = play.sent.count { $0.tag == "ping" }
        play.advance(by: .seconds(9))
        #expect(play.sent.count { $0.tag == "ping" } == pings)
        play.advance(by: .seconds(1))
        #expect(play.sent.count { $0.tag == "ping" } == pings + 1)
        play.advance(by: .seconds(9))
        #expect(play.machine.isOnline)
        play.advance(by: .seconds(1))
        #expect(!play.machine.isOnline)
    }

    @Test func anyLineProvesLife() {
        var play = Play()
        play.login()
        for _ in 0..<10 {
            play.advance(by: .seconds(15))
            play.give(.line(.ping(ref: 3)))
        }
        #expect(play.machine.isOnline)
        #expect(play.sent.contains(.pong(ref: 3)))
    }

    @Test func aLineThatCannotBeReadEndsTheConnectionOnly() {
        var play = Play()
        play.login()
        play.give(.unreadable(Refusal(.malformedJSON, "no JSON")))
        #expect(play.end == nil)
        #expect(!play.machine.isOnline)
        #expect(play.errors == ["malformed-json"])
    }
}
