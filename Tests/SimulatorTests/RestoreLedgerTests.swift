import Bytes
import ChatClient
import Store
import Testing
import Wire

/// What the books say of restores: each kind of damage must be noticed, and what is allowed must not be.
struct RestoreLedgerTests {
    /// Alice of s1 has written one message to everybody. Carol is at s2.
    private struct Scene {
        let ledger = Ledger()
        let (s1, s2): (ServerName, ServerName)
        let (alice, carol): (Address, Address)
        var (here, there): ([Envelope], [Envelope]) = ([], [])
        private var lastID: UInt64 = 0

        init() throws {
            (s1, s2) = (try ServerName("s1"), try ServerName("s2"))
            (alice, carol) = (try Address(parsing: "alice@s1"), try Address(parsing: "carol@s2"))
            ledger.neighbours = [s1: [s2], s2: [s1]]
            ledger.began(0, life: 1, at: alice, cursors: [.everyone: 0])
            ledger.began(1, life: 1, at: carol, cursors: [.everyone: 0])
            // Both have logged in before anything was said.
            for (client, address) in [(0, alice), (1, carol)] {
                let token = ResumeToken(id: [], secret: [])
                ledger.stored(client, of: address, isFirst: true, [.saveToken(token), .saveCursor(.everyone, 0)])
            }
        }

        mutating func say(_ text: String) -> Envelope {
            lastID += 1
            let id = MessageID(milliseconds: 1, random: (lastID, 0))
            ledger.said(Said(id: id, from: alice, to: .everyone, text: text, device: 0))
            return Envelope(id: id, from: alice, to: .everyone, at: 1, body: .text(text))
        }

        mutating func accept(_ envelope: Envelope, life: Int = 1) {
            here.append(envelope)
            let seq = Int64(here.count)
            ledger.committed(envelope, seq, at: s1, wall: 1)
            ledger.told(MessageState(id: envelope.id, state: .accepted(seq: seq)), to: alice, nodeLife: life)
            show(envelope, seq, to: 0, life: life)
        }

        mutating func deliver(_ envelope: Envelope, life: Int = 1) {
            there.append(envelope)
            ledger.committed(envelope, Int64(there.count), at: s2, wall: 1)
            show(envelope, Int64(there.count), to: 1, life: 1)
            ledger.told(MessageState(id: envelope.id, state: .delivered), to: alice, nodeLife: life)
        }

        func show(_ envelope: Envelope, _ seq: Int64, to client: Int, life: Int) {
            let message = ShownMessage(Entry(seq: seq, envelope: envelope), in: .everyone, envelope.body.content)
            ledger.emitted(.message(message, answering: nil), client, 1, nodeLife: life)
        }

        /// s1 forgets everything.
        mutating func restore(isMarked: Bool = false, witnesses: [ServerName] = []) {
            here = []
            let now = Instant(nanoseconds: 9)
            ledger.restored(s1, to: Books(), life: 2, at: now, isMarked: isMarked, witnesses: witnesses)
        }

        func tellBack(from cursor: Int64 = 0) {
            let code = ClientFault.nodeWentBack.rawValue
            ledger.emitted(.error(code: code, text: "", answering: nil), 0, 1, nodeLife: 2)
            ledger.reads(.everyone, from: cursor, 0, 1, nodeLife: 2)
        }

        func kinds() -> [Complaint.Kind] {
            func history(_ envelopes: [Envelope]) -> History {
                History([.everyone: envelopes.enumerated().map { Entry(seq: Int64($0 + 1), envelope: $1) }])
            }
            return ledger.check([s1: history(here), s2: history(there)]).map(\.kind)
        }
    }

    /// A message that was accepted, delivered, and lost.
    private static func lost(isDelivered: Bool = true) throws -> Scene {
        var scene = try Scene()
        let envelope = scene.say("x")
        scene.accept(envelope)
        if isDelivered { scene.deliver(envelope) } else { scene.there = [] }
        scene.restore()
        return scene
    }

    @Test func whatWasDeliveredAndIsToldMayBeGone() throws {
        let scene = try RestoreLedgerTests.lost()
        scene.tellBack()
        #expect(scene.kinds() == [])
    }

    @Test func noticesALossThatNobodyIsTold() throws {
        #expect(try RestoreLedgerTests.lost().kinds() == [.lost])
    }

    @Test func noticesThatNobodySentItAgain() throws {
        let scene = try RestoreLedgerTests.lost(isDelivered: false)
        scene.tellBack()
        #expect(scene.kinds().contains(.lost))
    }

    @Test func whatIsSentAgainHasAnotherPlaceAndIsShownAgain() throws {
        var scene = try Scene()
        let (first, second) = (scene.say("x"), scene.say("y"))
        for envelope in [first, second] {
            scene.accept(envelope)
            scene.deliver(envelope)
        }
        scene.restore()
        scene.tellBack()
        scene.accept(second, life: 2)
        #expect(scene.kinds() == [])
    }

    @Test func noticesThatTheOriginKeptNothingForThoseWhoLostIt() throws {
        var scene = try Scene()
        let envelope = scene.say("x")
        scene.accept(envelope)
        scene.deliver(envelope)
        scene.there = []
        let (s2, now) = (scene.s2, Instant(nanoseconds: 9))
        scene.ledger.restored(s2, to: Books(), life: 2, at: now, isMarked: false, witnesses: [])
        #expect(scene.kinds() == [.lost, .untruthful])
        // After a week it need not.
        scene.ledger.purged(at: 2 + NodeStore.retainedMillisecondsMax, by: scene.s1)
        #expect(scene.kinds() == [])
    }

    @Test func noticesWhatIsShownTwice() throws {
        var scene = try Scene()
        let envelope = scene.say("x")
        scene.accept(envelope)
        scene.deliver(envelope)
        scene.ledger.reads(.everyone, from: 0, 0, 1, nodeLife: 1)
        #expect(scene.ledger.complaints.map(\.kind) == [.doubled])
        scene.show(envelope, 1, to: 0, life: 1)
        #expect(scene.kinds() == [.doubled, .doubled])
    }

    @Test func noticesANewMessageUnderAnOldNumber() throws {
        var scene = try RestoreLedgerTests.lost()
        scene.tellBack(from: 1)
        let envelope = scene.say("y")
        scene.here.append(envelope)
        scene.ledger.committed(envelope, 1, at: scene.s1, wall: 1)
        scene.there.append(envelope)
        scene.ledger.committed(envelope, 2, at: scene.s2, wall: 1)
        scene.show(envelope, 2, to: 1, life: 1)
        #expect(scene.kinds() == [.notShown])
        scene.ledger.reads(.everyone, from: 0, 0, 1, nodeLife: 2)
        scene.show(envelope, 1, to: 0, life: 2)
        #expect(scene.kinds() == [])
    }

    @Test func noticesARestoreThatNobodyNotices() throws {
        for (isMarked, witnesses) in [(true, []), (false, ["s2"])] {
            var scene = try Scene()
            scene.restore(isMarked: isMarked, witnesses: try witnesses.map { try ServerName($0) })
            #expect(scene.kinds() == [.restore])
            scene.ledger.renewed(scene.s1, life: 2)
            #expect(scene.kinds() == [])
        }
    }

    @Test func noticesANewEpochForNoReason() throws {
        let scene = try Scene()
        scene.ledger.renewed(scene.s1, life: 3)
        #expect(scene.kinds() == [.restore])
        scene.ledger.renewed(scene.s1, life: 3)
        #expect(scene.kinds().count == 3)
    }

    @Test func noticesACommitOutOfTurn() throws {
        var scene = try Scene()
        let envelope = scene.say("x")
        scene.ledger.committed(envelope, 2, at: scene.s1, wall: 1)
        scene.ledger.committed(envelope, 2, at: scene.s1, wall: 1)
        #expect(scene.ledger.complaints.map(\.kind) == [.doubled, .doubled])
    }
}
