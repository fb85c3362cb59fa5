import ChatClient
import Testing
import Wire

@Suite struct QuestionTests {
    private func person(_ address: Address, _ status: Person.Status) -> Person {
        Person(address: address, status: status, devices: [key(address).fingerprint])
    }

    @Test func whoIsOverWhenThePingBehindItIsAnswered() throws {
        var play = Play()
        play.login()
        let token = play.command(.who)
        let ref = try #require(play.ref { $0.tag == "who" })
        let end = try #require(play.ref { $0.tag == "ping" })
        play.give(.line(.people(ref: ref, [person(bob, .online)])))
        play.give(.line(.people(ref: ref, [person(carol, .unknown)])))
        #expect(!play.events.contains(.done(token)))
        play.give(.line(.pong(ref: end)))
        #expect(
            play.events.suffix(3) == [
                .person(person(bob, .online), answering: token), .person(person(carol, .unknown), answering: token),
                .done(token),
            ])
    }

    @Test func tellsPresenceOnlyWhenItChanges() {
        var play = Play()
        play.login()
        for status in [.online, .online, .offline, .offline, .unknown] as [Person.Status] {
            play.give(.line(.presence([person(bob, status)])))
        }
        let told = play.events.compactMap { if case .person(let person, nil) = $0 { person.status } else { nil } }
        #expect(told == [.online, .offline, .unknown])
    }

    @Test func whoeverIsMissingAfterANewLoginHasGone() throws {
        var play = Play()
        play.login()
        play.give(.line(.presence([person(bob, .online), person(carol, .online)])))
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login()
        let who = try #require(play.ref { $0.tag == "who" })
        let ping = try #require(play.ref { $0.tag == "ping" })
        play.give(.line(.people(ref: who, [person(carol, .online)])))
        play.give(.line(.pong(ref: ping)))
        #expect(play.events.last == .person(Person(address: bob, status: .offline, devices: []), answering: nil))
    }

    @Test func questionsWaitForTheConnection() {
        var play = Play()
        let token = play.command(.keys(of: bob))
        play.login()
        play.answerKeys(of: bob, [key(bob)])
        #expect(play.events.contains(.key(key(bob), of: bob, change: nil, answering: token)))
        #expect(play.events.last == .done(token))
        #expect(play.machine.isIdle)
    }

    @Test func butNotForEver() {
        var play = Play()
        play.login()
        play.give(.closed(reason: "cut"))
        let token = play.command(.who)
        play.advance(by: .seconds(29))
        #expect(!play.machine.isIdle)
        play.advance(by: .seconds(1))
        #expect(play.errors == ["timed-out"])
        #expect(play.events.last == .done(token))
        #expect(play.machine.isIdle)
    }

    @Test func aQuestionCutOffIsAskedAgain() {
        var play = Play()
        play.login()
        let token = play.command(.history(.everyone, count: 2, before: nil))
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login()
        play.answerHistory([spoken(1), spoken(2)], last: 2)
        #expect(play.events.last == .done(token))
    }

    @Test func aRefusalAnswersTheCommand() throws {
        var play = Play()
        play.login()
        let token = play.command(.keys(of: bob))
        let ref = try #require(play.ref { if case .keys(_, bob) = $0 { true } else { false } })
        play.give(.line(.refused(Refusal(.unknownUser, "nobody"), ref: ref, id: nil)))
        #expect(
            play.events.suffix(2) == [
                .error(code: "unknown-user", text: "nobody", answering: token), .done(token),
            ])
    }

    @Test func historyComesInAscendingOrderHoweverManyPagesItTakes() {
        var play = Play()
        play.login([(.everyone, 50)])
        let token = play.command(.history(.everyone, count: 5, before: 40))
        #expect(play.lastHistory?.range == HistoryRange(conversation: .everyone, before: 40, count: 5))
        play.answerHistory([spoken(37), spoken(38), spoken(39)], last: 50, hasMore: true)
        #expect(play.lastHistory?.range == HistoryRange(conversation: .everyone, before: 37, count: 2))
        play.answerHistory([spoken(35), spoken(36)], last: 50, hasMore: true)
        let seqs = play.events.compactMap {
            if case .message(let message, token) = $0 { message.seq } else { nil }
        }
        #expect(seqs == [35, 36, 37, 38, 39])
        #expect(play.events.last == .done(token))
        #expect(play.actions.contains(.fillGap(.everyone, 35...39)))
        #expect(play.shown.isEmpty)
    }

    @Test func historyGoesUpwardsToo() {
        var play = Play()
        play.login([(.everyone, 50)])
        let token = play.command(.history(.everyone, count: 5, before: nil, after: 30))
        #expect(play.lastHistory?.range == HistoryRange(conversation: .everyone, after: 30, count: 5))
        play.answerHistory([spoken(30), spoken(31), spoken(32), spoken(33)], last: 50, hasMore: true)
        #expect(play.lastHistory?.range == HistoryRange(conversation: .everyone, after: 33, count: 2))
        play.answerHistory([spoken(34), spoken(35), spoken(36)], last: 50, hasMore: true)
        let seqs = play.events.compactMap {
            if case .message(let message, token) = $0 { message.seq } else { nil }
        }
        #expect(seqs == [31, 32, 33, 34, 35])
        #expect(play.events.last == .done(token))
        play.command(.history(.everyone, count: 5, before: 33, after: 30))
        play.answerHistory([spoken(31), spoken(32), spoken(33), spoken(34)], last: 50, hasMore: true)
        #expect(play.events.last == .done(CommandToken(2)), "what lies between both ends is all")
        #expect(
            play.events.dropLast().last.map { if case .message(let shown, _) = $0 { shown.seq == 32 } else { false } }
                == true)
    }

    @Test func damagedRecordsInHistoryAreGapsAndStayMissing() {
        var play = Play()
        play.login([(.everyone, 50)])
        let token = play.command(.history(.everyone, count: 5, before: nil))
        play.answerHistory([spoken(48), spoken(50)], damaged: [49], last: 50)
        #expect(play.events.contains(.gap(.everyone, 49...49, answering: token)))
        #expect(play.actions.contains(.fillGap(.everyone, 48...48)))
        #expect(play.actions.contains(.fillGap(.everyone, 50...50)))
    }

    @Test func onlySoManyQuestionsWait() {
        var play = Play()
        for _ in 0...1000 { play.command(.who) }
        #expect(play.errors == ["busy"])
    }
}
