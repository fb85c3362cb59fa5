import Testing
import Wire

/// A checker that finds nothing proves nothing: each kind of damage must be noticed.
struct LedgerTests {
    /// What a run in which nothing goes wrong leaves behind.
    private static func peace() throws -> (World, [ServerName: History]) {
        let world = try World(seed: 1, World.Shape())
        let play = Play(world)
        try world.start()
        world.advance(by: .seconds(5))
        let (alice, carol) = (world.clients[0], world.clients[2])
        for number in 1...3 {
            alice.say("public \(number)", to: .everyone)
            alice.say("private \(number)", to: .direct(carol.address))
        }
        play.settle()
        return (world, world.histories())
    }

    private static func kinds(_ damage: (inout [ServerName: History]) throws -> Void) throws -> [Complaint.Kind] {
        var (world, histories) = try peace()
        try damage(&histories)
        defer { world.end() }
        return world.ledger.check(histories).map(\.kind)
    }

    private static let s2 = try? ServerName("s2")

    private static func change(_ histories: inout [ServerName: History], _ body: (inout [Entry]) throws -> Void) throws
    {
        let name = try #require(s2)
        var history = try #require(histories[name])
        var entries = try #require(history.places[.everyone])
        try #require(entries.count == 3)
        try body(&entries)
        history.places[.everyone] = entries.enumerated().map { Entry(seq: Int64($0 + 1), envelope: $1.envelope) }
        histories[name] = history
    }

    @Test func hasNothingToSayOfARunWithoutFaults() throws {
        let (world, histories) = try LedgerTests.peace()
        defer { world.end() }
        #expect(world.ledger.check(histories).map(\.description) == [])
        #expect(world.ledger.delivered.count == 6)
    }

    @Test func noticesALostMessage() throws {
        let kinds = try LedgerTests.kinds { try LedgerTests.change(&$0) { _ = $0.remove(at: 1) } }
        #expect(kinds.contains(.lost))
        #expect(kinds.contains(.untruthful))
    }

    @Test func noticesADoubledMessage() throws {
        let kinds = try LedgerTests.kinds { try LedgerTests.change(&$0) { $0.append($0[0]) } }
        #expect(kinds.contains(.doubled))
    }

    @Test func noticesMessagesThatOvertook() throws {
        let kinds = try LedgerTests.kinds { try LedgerTests.change(&$0) { $0.swapAt(0, 2) } }
        #expect(kinds.contains(.overtaken))
    }

    @Test func noticesAForgedMessage() throws {
        let kinds = try LedgerTests.kinds { histories in
            try LedgerTests.change(&histories) { entries in
                let old = entries[2].envelope
                let forged = Envelope(id: old.id, from: old.from, to: old.to, at: old.at, body: .text("never written"))
                entries[2] = Entry(seq: 3, envelope: forged)
            }
        }
        #expect(kinds.contains(.forged))
    }

    @Test func noticesWordsUnderAnotherName() throws {
        let kinds = try LedgerTests.kinds { histories in
            try LedgerTests.change(&histories) { entries in
                let old = entries[2].envelope
                let name = try Address(parsing: "bob@s1")
                entries[2] = Entry(
                    seq: 3, envelope: Envelope(id: old.id, from: name, to: old.to, at: old.at, body: old.body))
            }
        }
        #expect(kinds.contains(.forged))
        #expect(kinds.contains(.lost))
    }

    @Test func noticesThatAClientWasNotShownAll() throws {
        let kinds = try LedgerTests.kinds { histories in
            try LedgerTests.change(&histories) { entries in
                let old = entries[0].envelope
                let id = MessageID(milliseconds: 1, random: (1, 1))
                let envelope = Envelope(id: id, from: old.from, to: old.to, at: old.at, body: old.body)
                entries.append(Entry(seq: 4, envelope: envelope))
            }
        }
        // By nobody at that server.
        #expect(kinds == [.forged, .notShown, .notShown])
    }

    @Test func noticesADeliveryThatIsNone() throws {
        let world = try World(seed: 1, World.Shape())
        defer { world.end() }
        let (author, id) = (world.clients[0].address, MessageID(milliseconds: 1, random: (1, 2)))
        world.ledger.said(Said(id: id, from: author, to: .everyone, text: "x", device: 0))
        let envelope = Envelope(id: id, from: author, to: .everyone, at: 1, body: .text("x"))
        world.ledger.told(MessageState(id: id, state: .accepted(seq: 1)), to: author, nodeLife: 1)
        #expect(world.ledger.complaints.map(\.kind) == [.untruthful])
        world.ledger.committed(envelope, 1, at: author.server, wall: 1)
        world.ledger.told(MessageState(id: id, state: .accepted(seq: 2)), to: author, nodeLife: 1)
        #expect(world.ledger.complaints.count == 2)
    }
}
