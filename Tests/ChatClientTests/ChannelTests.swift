import ChatClient
import Testing
import Wire

/// TLS as the client uses it: bound to the login, and never given up once it was there.
@Suite struct ChannelTests {
    private let exporter = [UInt8](repeating: 3, count: 32)
    private var tls: ClientChannel { .tls(exporter: exporter) }

    private func connects(_ play: Play) -> [Bool] {
        play.actions.compactMap { if case .connect(let usesTLS) = $0 { usesTLS } else { nil } }
    }

    private func bindings(_ play: Play) -> [LoginBinding] {
        play.actions.compactMap { if case .scram(.begin(_, let binding)) = $0 { binding } else { nil } }
    }

    @Test func helloAndLoginHoldForThisConnectionOnly() {
        var play = Play()
        play.hello(over: tls)
        let transcripts = play.actions.flatMap { action -> [[UInt8]] in
            if case .verifyHello(let checks) = action { checks.map(\.transcript) } else { [] }
        }
        #expect(transcripts == [ClientHello.transcript(server: alice.server, nonce: [1], exporter: exporter)])
        #expect(transcripts != [ClientHello.transcript(server: alice.server, nonce: [1], exporter: nil)])
        #expect(bindings(play) == [.exporter(exporter)])
    }

    @Test func aServerThatHasSpokenTLSHasToGoOn() {
        var play = Play()
        #expect(!play.actions.contains(.saveServerTLS))
        play.hello(over: tls)
        play.welcome()
        #expect(play.actions.contains(.saveServerTLS))
        play.give(.closed(reason: "cut"))
        play.advance(by: .zero)
        play.give(.notTLS)
        #expect(play.end == nil)
        play.advance(by: .seconds(70))
        // Tried again and again, and never without.
        #expect(connects(play).count >= 2 && connects(play).allSatisfy { $0 })
        #expect(!play.errors.contains("without-tls"))
    }

    @Test func afterARestartToo() {
        var stored = StoredState()
        stored.hasSeenTLS = true
        var play = Play(stored)
        play.give(.notTLS)
        guard case .protocolFault(let text) = play.end else {
            Issue.record("went on")
            return
        }
        #expect(text.contains("did before"))
        #expect(connects(play) == [true])
    }

    @Test func aServerThatNeverDidMayDoWithoutAndIsToldThatTLSWasWanted() {
        var play = Play()
        play.give(.notTLS)
        #expect(play.errors == ["without-tls"])
        #expect(connects(play) == [true, false])
        play.login()
        #expect(play.machine.isOnline)
        #expect(bindings(play) == [.notOffered])
        #expect(!play.actions.contains(.saveServerTLS))
    }

    /// What a node says that does speak TLS, to a client that saw none.
    @Test func aLoginThatWasStrippedOfTLSEndsAsRefused() {
        var play = Play()
        play.give(.notTLS)
        play.hello()
        play.give(.line(.closing(Refusal(.needsTLS, "somebody took it out"), retrySeconds: nil)))
        #expect(play.end == .loginRefused("somebody took it out"))
    }

    @Test func whoWantsTLSInAnyCaseGetsNothingElse() {
        var play = Play(tlsUse: .always)
        play.give(.notTLS)
        guard case .protocolFault = play.end else {
            Issue.record("went on")
            return
        }
        #expect(connects(play) == [true])
    }

    @Test func whoWantsNoneUsesNoneAndSaysSo() {
        var play = Play(tlsUse: .never)
        #expect(connects(play) == [false])
        play.login()
        #expect(bindings(play) == [.none])
    }
}
