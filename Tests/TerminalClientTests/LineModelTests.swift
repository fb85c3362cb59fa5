import Bytes
import ChatClient
import TerminalClient
import Testing
import Wire

@Suite struct LineModelTests {
    private let samples: Samples
    private let noon: Int64 = 12 * 3_600_000

    init() throws { samples = try Samples() }

    private func model(onTerminal isTerminal: Bool = false) -> LineModel {
        LineModel(address: samples.alice, isTerminal: isTerminal, localTime: { Samples.time($0) })
    }

    private func told(
        _ model: inout LineModel, _ events: ClientEvent..., asked: Command? = nil, second: Int64 = 0
    ) -> [String] {
        let asked = asked.map { Asked(command: $0, ref: nil) }
        let answered = events.map { AnsweredEvent(event: $0, asked: $0.answering == nil ? nil : asked) }
        let now = Instant(nanoseconds: second * 1_000_000_000)
        return model.render(answered, at: now, wallMilliseconds: noon).map { $0.text(hasColor: false) }
    }

    private func due(_ model: inout LineModel, second: Int64) -> [String] {
        model.due(at: Instant(nanoseconds: second * 1_000_000_000), wallMilliseconds: noon).map {
            $0.text(hasColor: false)
        }
    }

    @Test func messagesStandInTheirConversation() {
        var model = model()
        let (alice, bob) = (samples.alice, samples.bob)
        #expect(
            told(&model, .message(samples.message(.text("a\nb"), from: bob), answering: nil))
                == ["[public] bob@s2: a", "    b"])
        #expect(
            told(&model, .message(samples.message(.text("x"), from: alice, in: .direct(bob)), answering: nil))
                == ["[bob@s2 private] alice@s1: x"])
        #expect(
            told(&model, .message(samples.message(.file(samples.offer("n")), from: bob), answering: nil))
                == ["[public] bob@s2: file \"n\" (1.2 MB)"])
        #expect(
            told(&model, .message(samples.message(nil, from: bob), answering: nil))
                == ["[public] bob@s2: (this message cannot be opened here)"])
        #expect(
            told(&model, .message(samples.message(.text("x"), from: bob), answering: CommandToken(1)), asked: .files)
                == ["2026-11-21 00:00 [public] bob@s2: x"])
    }

    @Test func onATerminalTheTimeStandsInFront() {
        var model = model(onTerminal: true)
        let today = samples.message(.text("a\nb"), from: samples.bob, at: 61_000)
        #expect(told(&model, .message(today, answering: nil)) == ["00:01 [public] bob@s2: a", "    b"])
        let tomorrow = samples.message(.text("a"), from: samples.bob, at: 86_400_000)
        #expect(told(&model, .message(tomorrow, answering: nil)) == ["00:00 2026-11-22 [public] bob@s2: a"])
        #expect(
            told(&model, .connected(samples.alice)).first?.hasPrefix("12:00 You are alice@s1 and write to public")
                == true)
    }

    @Test func ofWhatGetsOnOnlyTheEndIsTold() {
        var model = model()
        _ = told(&model, .connected(samples.alice))
        let command = Command.message(to: .direct(samples.bob), text: "hi", id: nil)
        #expect(told(&model, .state(samples.id, .pending(.noKeys), answering: CommandToken(1)), asked: command) == [])
        #expect(
            told(&model, .state(samples.id, .accepted(waiting: [samples.bob.server]), answering: nil), second: 1) == [])
        #expect(due(&model, second: 2) == [])
        let message = samples.message(.text("hi"), from: samples.alice, in: .direct(samples.bob))
        #expect(told(&model, .message(message, answering: nil), second: 2) == ["[bob@s2 private] alice@s1: hi"])
        #expect(told(&model, .state(samples.id, .delivered, answering: nil), second: 2) == ["  delivered: \"hi\""])
        #expect(model.deadline == nil)
    }

    /// Opening one's own sealed message takes longer than its way.
    @Test func aMessageStandsInItsPlaceBeforeItIsSaidToHaveArrived() {
        let command = Command.message(to: .direct(samples.bob), text: "hi", id: nil)
        for end in 0..<3 {
            var model = model()
            _ = told(&model, .connected(samples.alice))
            _ = told(&model, .state(samples.id, .pending(nil), answering: CommandToken(1)), asked: command)
            #expect(told(&model, .state(samples.id, .delivered, answering: nil)) == [])
            let message = samples.message(.text("hi"), from: samples.alice, in: .direct(samples.bob))
            switch end {
            case 0:
                #expect(
                    told(&model, .message(message, answering: nil))
                        == ["[bob@s2 private] alice@s1: hi", "  delivered: \"hi\""])
            case 1: #expect(due(&model, second: 2) == ["  delivered: \"hi\""])
            default: #expect(model.releaseHeld(at: 0).map { $0.text(hasColor: false) } == ["  delivered: \"hi\""])
            }
            #expect(model.deadline == nil)
            #expect(due(&model, second: 9) == [])
        }
    }

    @Test func whatWaitsIsToldOnceAndSoIsItsEnd() {
        var model = model()
        _ = told(&model, .connected(samples.alice))
        let command = Command.message(to: .direct(samples.bob), text: "hi\nthere", id: nil)
        let waiting = SendState.accepted(waiting: [samples.bob.server])
        _ = told(&model, .state(samples.id, .pending(.noKeys), answering: CommandToken(1)), asked: command)
        #expect(due(&model, second: 2) == ["  waits for the recipient's keys, and is sent by itself: \"hi…\""])
        #expect(told(&model, .state(samples.id, waiting, answering: nil), second: 3) == [])
        #expect(due(&model, second: 5) == ["  not yet on s2, which gets it by itself: \"hi…\""])
        #expect(told(&model, .state(samples.id, waiting, answering: nil), second: 9) == [])
        #expect(due(&model, second: 20) == [])
        _ = told(&model, .message(samples.message(.text("hi\nthere"), from: samples.alice), answering: nil))
        #expect(told(&model, .state(samples.id, .delivered, answering: nil)) == ["  delivered: \"hi…\""])
    }

    @Test func changedKeysAreLoudAndNameTheWayOut() {
        var model = model()
        let lines = told(&model, .key(samples.key, of: samples.bob, change: .replaced, answering: nil))
        #expect(lines.count == 5)
        #expect(lines.first == "!! THE KEYS OF bob@s2 HAVE CHANGED; none of the known ones is left.")
        #expect(lines.contains { $0.contains("0001 0203 0405") })
        #expect(lines.last?.contains("/trust bob@s2") == true)
        let command = Command.message(to: .direct(samples.bob), text: "hi", id: nil)
        let waits = told(&model, .state(samples.id, .pending(.keyChanged), answering: CommandToken(1)), asked: command)
        #expect(waits == ["  waits, for the keys of bob@s2 have changed; /trust bob@s2 sends it: \"hi\""])
        #expect(
            told(&model, .key(samples.key, of: samples.bob, change: .first, answering: nil))
                == ["key of bob@s2 noted: 0001 0203 0405 0607 … (first use)"])
    }

    @Test func failuresSayWhyAndEarlierMessagesHaveATime() {
        var model = model()
        #expect(
            told(
                &model, .state(samples.id, .failed(Refusal(.unknownUser, "nobody")), answering: CommandToken(1)),
                asked: .message(to: .everyone, text: "x", id: nil))
                == ["  NOT SENT: \"x\"", "  nobody (unknown-user)"])
        let early = MessageID(milliseconds: 3_660_000, random: (1, 1))
        #expect(told(&model, .state(early, .delivered, answering: nil)) == ["  delivered: your message of 01:01"])
    }

    @Test func peopleOfOneTurnShareALine() throws {
        var model = model()
        let persons = try ["bob@s2", "dave@s2", "alice@s1"].map { text in
            ClientEvent.person(
                Person(address: try Address(parsing: text), status: .online, devices: []), answering: nil)
        }
        #expect(told(&model, persons[0], persons[1], persons[2]) == ["bob@s2, dave@s2: online"])
        #expect(
            told(&model, .person(Person(address: samples.bob, status: .unknown, devices: []), answering: nil))
                == ["bob@s2: cannot be reached now"])
    }

    @Test func gapsNameTheCommandThatShowsThem() {
        var model = model()
        #expect(
            told(&model, .gap(.everyone, 12...14, answering: nil))
                == ["3 messages of public are not shown; /history 3 15 shows them"])
        #expect(
            told(&model, .gap(.direct(samples.bob), 5...5, answering: nil))
                == ["one message of bob@s2 is not shown; /to bob@s2 and then /history 1 6 shows them"])
        #expect(told(&model, .gap(.everyone, 1...900, answering: nil)).first?.contains("/history 500 901") == true)
    }

    @Test func aFileThatFailedHereCanBeTriedAgain() {
        for (code, isHopeless) in [(Refusal.Code.storeFailed, false), (.noFile, true)] {
            var model = model()
            let failed = samples.file(.failed, from: samples.bob, reason: Refusal(code, "no room"))
            let hints = told(&model, .file(failed, answering: nil)).filter { $0.contains("/accept 3") }
            #expect(hints.isEmpty == isHopeless)
            let own = samples.file(.failed, from: samples.alice, reason: Refusal(code, "no room"))
            #expect(!told(&model, .file(own, answering: nil)).contains { $0.contains("/accept") })
        }
    }

    @Test func theSameDisconnectionIsToldOnceAMinute() {
        var model = model()
        _ = told(&model, .connected(samples.alice))
        let event = ClientEvent.disconnected(reason: "cut", retryIn: .milliseconds(1200))
        #expect(told(&model, event) == ["disconnected: cut; next try in 2 s"])
        #expect(told(&model, event, second: 59) == [])
        #expect(told(&model, event, second: 60).count == 1)
        #expect(told(&model, .disconnected(reason: "other", retryIn: .zero), second: 61).count == 1)
        #expect(told(&model, .connected(samples.alice)) == ["connected again"])
    }

    @Test func serversThatCannotBeReachedAreNamedWithWhatWaitsForThem() throws {
        var model = model()
        let server = try ServerName("s8")
        let away = ServerStatus(server: server, isReachable: false, since: 0)
        let time = Samples.time(0).minute
        #expect(told(&model, .server(away, waiting: 0)) == ["s8 unreachable since \(time)"])
        #expect(told(&model, .server(away, waiting: 1)) == ["s8 unreachable since \(time), one of your messages waits"])
        #expect(told(&model, .server(away, waiting: 3)) == ["s8 unreachable since \(time), 3 of your messages wait"])
        let back = ServerStatus(server: server, isReachable: true, since: 0)
        #expect(told(&model, .server(back, waiting: 0)) == ["s8 can be reached again"])
    }

    @Test func filesSayWhatToDoAndHowFarTheyAre() {
        var model = model(onTerminal: true)
        let bob = samples.bob
        let offered = told(&model, .file(samples.file(.offered, from: bob, name: "x"), answering: nil))
        #expect(offered == ["12:00   bob@s2 offers file 3, \"x\", 1.2 MB; /accept 3 fetches it, /cancel 3 declines"])
        func moving(_ bytes: Int64) -> ClientEvent {
            .file(samples.file(.receiving, from: bob, bytes: bytes, speed: 100_000), answering: nil)
        }
        #expect(told(&model, moving(0)) == ["12:00   receiving file 3: 0 % of 1.2 MB, 100.0 kB/s, 12 s left"])
        #expect(told(&model, moving(200_000), second: 1) == [])
        #expect(told(&model, moving(100_000), second: 3) == [])
        #expect(told(&model, moving(200_000), second: 3).count == 1)
        #expect(told(&model, moving(210_000), second: 62) == [])
        #expect(told(&model, moving(210_000), second: 63).count == 1)
        let complete = samples.file(.complete, from: bob, path: "/d/a.txt")
        #expect(told(&model, .file(complete, answering: nil)) == ["12:00   file 3, \"a.txt\": here it is: /d/a.txt"])
    }

    @Test func theOfferOfAFileIsNamedByItsNumber() {
        var model = model()
        _ = told(&model, .file(samples.file(.sending, from: samples.alice), answering: nil))
        let failed = SendState.failed(Refusal(.unknownUser, "nobody"))
        #expect(
            told(&model, .state(samples.id, failed, answering: nil))
                == ["  NOT SENT: the offer of file 3", "  nobody (unknown-user)"])
    }

    @Test func contextStandsBeforeWhatIsNewAndNothingIsShownTwice() {
        var model = model()
        model.context = CommandToken(1)
        let asked = Command.history(.everyone, count: 10, before: nil, after: nil)
        func message(_ seq: Int64) -> ShownMessage { samples.message(.text("\(seq)"), from: samples.bob, seq: seq) }
        #expect(told(&model, .message(message(2), answering: nil), .message(message(3), answering: nil)) == [])
        let lines = told(
            &model, .message(message(1), answering: CommandToken(1)), .message(message(2), answering: CommandToken(1)),
            .done(CommandToken(1)), asked: asked)
        #expect(lines.map { $0.suffix(3) } == ["ic:", ": 1", ": 2", ": 3"])
        #expect(told(&model, .message(message(4), answering: nil)) == ["[public] bob@s2: 4"])
    }

    @Test func typedLinesBecomeCommandsOrAnswers() {
        var model = model()
        #expect(model.take("hi").command == .message(to: .everyone, text: "hi", id: nil))
        #expect(model.take("/to bob@s2").command == nil)
        #expect(model.prompt.text == "bob@s2> ")
        #expect(model.take("hi").command == .message(to: .direct(samples.bob), text: "hi", id: nil))
        #expect(model.take("/help").lines.count == CommandHelp.typed.count + 1)
        #expect(
            model.take("/hlep").lines.map { $0.text(hasColor: false) } == ["/hlep is no command; did you mean /help?"])
        let blank = model.take("  ")
        #expect(blank.command == nil && blank.lines.isEmpty)
    }

    @Test func tabKnowsCommandsPeopleAndPaths() {
        var model = model()
        _ = told(&model, .person(Person(address: samples.bob, status: .online, devices: []), answering: nil))
        _ = told(&model, .file(samples.file(.offered, from: samples.bob), answering: nil))
        let folders = ["": ["a b.txt", "sub/", ".x"], "sub/": ["one", "two"]]
        func complete(_ text: String) -> [String] { model.completions(of: text, listing: { folders[$0] ?? [] }) }
        #expect(complete("/fi") == ["/file", "/files"])
        #expect(complete("hello") == [])
        #expect(complete("/msg ") == ["public", "bob@s2"])
        #expect(complete("/trust b") == ["bob@s2"])
        #expect(complete("/msg bob@s2 b") == [])
        #expect(complete("/file bob@s2 a") == ["a b.txt"])
        #expect(complete("/file bob@s2 a b") == ["b.txt"])
        #expect(complete("/file bob@s2 s") == ["sub/one", "sub/two"])
        #expect(complete("/file bob@s2 sub/t") == ["sub/two"])
        #expect(complete("/accept ") == ["3"])
        #expect(complete("/help tr") == ["trust"])
        #expect(complete("/nothing x") == [])
    }

    /// Whatever others write, on a terminal or off it, is shown and not obeyed.
    @Test(arguments: [true, false]) func nothingHarmfulIsEverPrinted(_ isTerminal: Bool) {
        let commands: [Command] = [
            .who, .files, .keys(of: nil), .message(to: .direct(samples.bob), text: Samples.foul, id: nil),
            .file(to: .everyone, path: Samples.foul, id: nil), .trust(samples.bob),
            .history(.everyone, count: 1, before: nil, after: nil), .quit,
        ]
        for command in commands {
            for event in samples.everyEvent(saying: Samples.foul) {
                var model = model(onTerminal: isTerminal)
                let asked = Asked(command: command, ref: nil)
                let answered = AnsweredEvent(event: event, asked: event.answering == nil ? nil : asked)
                var lines = model.render([answered], at: Instant(nanoseconds: 0), wallMilliseconds: noon)
                lines += model.due(at: Instant(nanoseconds: 9_000_000_000), wallMilliseconds: noon)
                lines += model.releaseHeld(at: noon)
                for line in lines {
                    let text = line.text(hasColor: false)
                    #expect(!text.unicodeScalars.contains(where: SafeText.isHarmful), "\(text)")
                }
            }
        }
    }

    @Test func noEventIsPassedOver() {
        for event in samples.everyEvent(saying: "words") {
            var model = model(onTerminal: true)
            let asked = Asked(command: .who, ref: nil)
            let answered = AnsweredEvent(event: event, asked: event.answering == nil ? nil : asked)
            let lines =
                model.render([answered], at: Instant(nanoseconds: 0), wallMilliseconds: noon)
                + model.due(at: Instant(nanoseconds: 9_000_000_000), wallMilliseconds: noon)
            #expect(!lines.isEmpty, "\(event)")
        }
    }
}
