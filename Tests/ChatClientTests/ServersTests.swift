import ChatClient
import Testing
import Wire

@Suite struct ServersTests {
    private func status(_ name: String, _ isReachable: Bool) throws -> ServerStatus {
        ServerStatus(server: try ServerName(name), isReachable: isReachable, since: 7)
    }

    private func told(_ play: Play) -> [String] {
        play.events.compactMap { event in
            guard case .server(let status, let waiting) = event else { return nil }
            return "\(status.server) \(status.isReachable) \(waiting)"
        }
    }

    @Test func countsOnesOwnMessagesThatWait() throws {
        var play = Play()
        play.login()
        play.say(1, to: .direct(bob))
        play.say(2)
        play.give(.line(.state(MessageState(id: id(2), state: .accepted(seq: 1), waiting: [bob.server]))))
        play.give(.line(.servers([try status(bob.server.text, false), try status("s9", false)], isWhole: false)))
        #expect(told(play) == ["\(bob.server) false 2", "s9 false 0"])
    }

    @Test func tellsEachChangeOnce() throws {
        var play = Play()
        play.login()
        play.give(.line(.servers([try status("s9", true)], isWhole: true)))
        for _ in 0..<2 { play.give(.line(.servers([try status("s9", false)], isWhole: false))) }
        for _ in 0..<2 { play.give(.line(.servers([try status("s9", true)], isWhole: false))) }
        #expect(told(play) == ["s9 false 0", "s9 true 0"])
    }

    @Test func noticesWhoCameBackMeanwhile() throws {
        var play = Play()
        play.login()
        play.give(.line(.servers([try status("s8", false), try status("s9", false)], isWhole: true)))
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(1))
        play.login()
        play.give(.line(.servers([try status("s9", false)], isWhole: true)))
        #expect(told(play) == ["s8 false 0", "s9 false 0", "s8 true 0"])
    }
}
