import Bytes
import ChatClient
import TerminalClient
import Testing
import Wire

@Suite struct VerbRunTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    private func run(_ arguments: String...) throws -> VerbRun {
        let options = try Options(parsing: arguments)
        return VerbRun(
            try #require(options.verb), text: "hi", options: options, address: samples.alice,
            localTime: { Samples.time($0) })
    }

    private func take(_ run: inout VerbRun, _ events: ClientEvent...) -> (printed: String, complaints: [String]) {
        let asked = run.command.map { Asked(command: $0, ref: nil) }
        let answered = events.map { AnsweredEvent(event: $0, asked: $0.answering == nil ? nil : asked) }
        let output = run.handle(answered, at: Instant(nanoseconds: 0), wallMilliseconds: 0)
        return (String(decoding: output.bytes, as: UTF8.self), output.complaints.map { $0.text(hasColor: false) })
    }

    private var token: CommandToken { CommandToken(1) }

    @Test func sendEndsWhenTheMessageIsAccepted() throws {
        var run = try run("send", "bob@s2", "hi")
        #expect(run.command == .message(to: .direct(samples.bob), text: "hi", id: nil))
        _ = take(&run, .state(samples.id, .pending(.noKeys), answering: token), .done(token))
        #expect(run.verdict == nil)
        let other = MessageID(milliseconds: 5, random: (1, 1))
        _ = take(&run, .state(other, .delivered, answering: nil))
        #expect(run.verdict == nil)
        let output = take(&run, .state(samples.id, .accepted(waiting: [samples.bob.server]), answering: nil))
        #expect(run.verdict == .ok)
        #expect(output.printed.isEmpty && output.complaints.isEmpty)
    }

    @Test func sendWaitsForDeliveryIfTold() throws {
        var run = try run("send", "bob@s2", "hi", "--wait", "delivered")
        _ = take(&run, .state(samples.id, .pending(nil), answering: token))
        _ = take(&run, .state(samples.id, .accepted(waiting: [samples.bob.server]), answering: nil))
        #expect(run.verdict == nil)
        _ = take(&run, .state(samples.id, .delivered, answering: nil))
        #expect(run.verdict == .ok)
    }

    @Test func whatIsKeptIsTemporary() throws {
        var kept = try run("send", "bob@s2", "hi")
        #expect(kept.end(after: .unreachable("no")).code == .unreachable)
        _ = take(&kept, .state(samples.id, .pending(nil), answering: token))
        #expect(kept.end(after: .unreachable("no")).code == .temporary)
        #expect(kept.end(after: .loginRefused("no")).code == .loginRefused)
        #expect(kept.timedOut(after: 3).complaints.count == 1)
        #expect(kept.verdict == .temporary)
        var changed = try run("send", "bob@s2", "hi")
        #expect(take(&changed, .state(samples.id, .pending(.keyChanged), answering: token)).complaints.isEmpty == false)
        #expect(changed.verdict == .temporary)
        var unanswered = try run("who")
        _ = unanswered.timedOut(after: 3)
        #expect(unanswered.verdict == .failure)
    }

    @Test func refusalsFailAndAreComplaints() throws {
        var run = try run("send", "bob@s2", "hi")
        let refused = ClientEvent.error(code: "bad-value", text: "empty", answering: token)
        let output = take(&run, refused, .done(token))
        #expect(run.verdict == .failure)
        #expect(output.printed.isEmpty && output.complaints == ["empty (bad-value)"])
        var failing = try self.run("send", "bob@s2", "hi")
        _ = take(&failing, .state(samples.id, .failed(Refusal(.unknownUser, "nobody")), answering: token))
        #expect(failing.verdict == .failure)
    }

    @Test func questionsPrintTheirAnswers() throws {
        var who = try run("who")
        let person = ClientEvent.person(Person(address: samples.bob, status: .online, devices: []), answering: token)
        #expect(take(&who, person, .done(token)).printed == "bob@s2  online\n")
        #expect(who.verdict == .ok)
        var keys = try run("keys", "bob@s2")
        let key = ClientEvent.key(samples.key, of: samples.bob, change: nil, answering: token)
        #expect(take(&keys, key, .done(token)).printed.hasPrefix("bob@s2  0001 0203 "))
        var history = try run("history", "--count", "3")
        #expect(history.command == .history(.everyone, count: 3, before: nil, after: nil))
        let message = samples.message(.text("a\nb"), from: samples.bob)
        #expect(
            take(&history, .message(message, answering: nil), .message(message, answering: token), .done(token)).printed
                == "2026-11-21 00:00 [public] bob@s2: a\n    b\n")
        #expect(history.verdict == .ok)
        var old = try run("history", "bob@s2")
        let unreadable = ClientEvent.error(
            code: ClientFault.unreadable.rawValue, text: "cannot be opened", answering: token)
        let output = take(
            &old, unreadable, .message(samples.message(nil, from: samples.bob), answering: token), .done(token))
        #expect(output.printed == "2026-11-21 00:00 [public] bob@s2: (this message cannot be opened here)\n")
        #expect(output.complaints == ["cannot be opened (unreadable)"])
        #expect(old.verdict == .ok)
    }

    @Test func tailPrintsWhatComes() throws {
        var run = try run("tail", "--json")
        let output = take(&run, .message(samples.message(.text("a"), from: samples.bob), answering: nil))
        #expect(try JSONObject(parsing: Array(output.printed.utf8)).string("text") == "a")
        #expect(run.verdict == nil && run.command == nil)
    }

    @Test func filesEndWhenTheyAreWhole() throws {
        var offering = try run("file", "bob@s2", "a.txt")
        _ = take(&offering, .file(samples.file(.sending, from: samples.alice), answering: token))
        #expect(offering.verdict == nil)
        _ = take(&offering, .state(samples.id, .accepted(waiting: []), answering: nil))
        #expect(offering.verdict == .ok)
        var accepting = try run("accept", "3")
        _ = take(&accepting, .file(samples.file(.receiving, from: samples.bob), answering: token))
        let complete = samples.file(.complete, from: samples.bob, path: "/d/\u{1B}[31m")
        #expect(take(&accepting, .file(complete, answering: nil)).printed == "/d/\\u{1b}[31m\n")
        #expect(accepting.verdict == .ok)
    }

    @Test(arguments: [
        ["send", "public", "x"], ["file", "public", "x"], ["who"], ["keys"], ["history"], ["tail"], ["accept", "3"],
    ])
    func nothingHarmfulIsEverPrinted(_ arguments: [String]) throws {
        for more in [[], ["--json"]] {
            let options = try Options(parsing: arguments + more)
            for event in samples.everyEvent(saying: Samples.foul) {
                var run = VerbRun(
                    try #require(options.verb), text: "x", options: options, address: samples.alice,
                    localTime: { Samples.time($0) })
                let output = take(&run, event)
                for line in output.printed.split(separator: "\n") + output.complaints.map({ Substring($0) }) {
                    #expect(!line.unicodeScalars.contains(where: SafeText.isHarmful), "\(line)")
                }
            }
        }
    }
}
