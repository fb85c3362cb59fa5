import Bytes
import Federation
import Node
import Store
import Testing
import Wire

@Suite("files in the hub") struct HubFilesTests {
    private let id = MessageID.numbered(1)

    private func file(_ to: String, chunks: Int64 = 2, number: UInt64 = 1) throws -> SpooledFile {
        SpooledFile(id: .numbered(number), to: try Conversation(parsing: to), chunks: chunks)
    }

    private func place(_ index: Int64, of author: String = "alice@s1") throws -> ChunkPlace {
        ChunkPlace(from: try Address(parsing: author), id: id, index: index)
    }

    private func status(_ held: Int64, _ outcome: FileOutcome? = nil) -> FileStatus {
        FileStatus(id: id, held: held, chunks: 2, outcome: outcome)
    }

    private func codes(_ lines: [NodeLine]) -> [Refusal.Code] {
        lines.compactMap { if case .refused(let refusal, _, nil) = $0 { refusal.code } else { nil } }
    }

    /// alice has two chunks in the spool: 1, 1, 1 and 2, 2, 2.
    private func upload(_ harness: inout HubHarness, by session: SessionID, to: String) throws {
        harness.handle(.said(session, .file(ref: 1, try file(to))))
        for index: Int64 in [0, 1] {
            let data = [UInt8](repeating: UInt8(index + 1), count: 3)
            harness.handle(.said(session, .chunk(ref: index + 2, id: id, index: index, data: data)))
        }
    }

    private func fetch(_ harness: inout HubHarness, _ count: Int64, by session: SessionID) throws {
        for ref in 1...count { harness.handle(.said(session, .fetch(ref: ref, try place(0)))) }
    }

    // MARK: At one node

    @Test("the welcome says how large a file may be")
    func welcome() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        guard case .welcome(let welcome)? = harness.take(alice).first else { return #expect(Bool(false)) }
        #expect(welcome.fileBytesMax == 100 << 20)
    }

    @Test("a file is uploaded, fetched and ended, and all the author's sessions hear of the end")
    func wholeLife() throws {
        var harness = try HubHarness()
        let (alice, second, bob) = (try harness.join("alice"), try harness.join("alice"), try harness.join("bob"))
        for session in [alice, second, bob] { _ = harness.take(session) }
        try upload(&harness, by: alice, to: "bob@s1")
        #expect(harness.take(alice) == (0...2).map { .file(ref: $0 + 1, status($0)) })
        #expect(harness.take(second).isEmpty)
        harness.handle(.said(bob, .fetch(ref: 9, try place(1))))
        #expect(harness.take(bob) == [.chunk(ref: 9, data: [2, 2, 2])])
        let alicesAddress = try Address(parsing: "alice@s1")
        for ref: Int64 in [10, 11] {
            harness.handle(.said(bob, .outcome(ref: ref, from: alicesAddress, id: id, .received)))
            #expect(harness.take(bob) == [.outcome(ref: ref)])
        }
        // Once, although it was said twice.
        let ended = NodeLine.file(ref: nil, status(2, .received))
        #expect(harness.take(alice) == [ended] && harness.take(second) == [ended])
        harness.handle(.said(bob, .fetch(ref: 12, try place(1))))
        #expect(codes(harness.take(bob)) == [.noFile])
    }

    @Test("whoever cancels hears how the file ended, even if that was before")
    func cancelled() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        try upload(&harness, by: alice, to: "bob@s1")
        let from = try Address(parsing: "alice@s1")
        harness.handle(.said(bob, .outcome(ref: 1, from: from, id: id, .declined)))
        _ = harness.take(alice)
        harness.handle(.said(alice, .outcome(ref: 2, from: from, id: id, .cancelled)))
        #expect(harness.take(alice) == [.file(ref: nil, status(2, .declined)), .outcome(ref: 2)])
    }

    @Test(
        "a file for nobody is not begun",
        arguments: [
            ("nobody@s1", Refusal.Code.unknownUser), ("bob@nowhere", .unknownServer),
        ])
    func badRecipient(to: String, code: Refusal.Code) throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        harness.handle(.said(alice, .file(ref: 4, try file(to))))
        guard case .refused(let refusal, 4, nil)? = harness.take(alice).first else { return #expect(Bool(false)) }
        #expect(refusal.code == code)
    }

    @Test("what the spool refuses is refused by name")
    func refusedBySpool() throws {
        var limits = SpoolLimits()
        limits.fileBytesMax = 2 * Int64(FileChunk.bytesMax)
        var harness = try HubHarness(limits: limits)
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        try upload(&harness, by: alice, to: "bob@s1")
        for session in [alice, bob] { _ = harness.take(session) }
        let from = try Address(parsing: "alice@s1")
        harness.handle(.said(alice, .file(ref: 1, try file("bob@s1", chunks: 3, number: 2))))
        harness.handle(.said(alice, .file(ref: 2, try file("public"))))
        harness.handle(.said(alice, .chunk(ref: 3, id: .numbered(7), index: 0, data: [1])))
        harness.handle(.said(alice, .file(ref: 4, try file("public", number: 3))))
        harness.handle(.said(alice, .chunk(ref: 5, id: .numbered(3), index: 1, data: [1])))
        harness.handle(.said(alice, .outcome(ref: 6, from: from, id: id, .expired)))
        let lines = harness.take(alice)
        #expect(codes(lines) == [.fileTooLarge, .idReused, .noFile, .outOfOrder, .badValue])
        harness.handle(.said(bob, .outcome(ref: 7, from: from, id: id, .cancelled)))
        #expect(codes(harness.take(bob)) == [.badValue])
    }

    @Test("a spool that fails is told, and nothing stays under way")
    func brokenSpool() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        try harness.breakSpool()
        _ = harness.take(alice)
        for ref: Int64 in 1...20 { harness.handle(.said(alice, .fetch(ref: ref, try place(0)))) }
        #expect(harness.take(alice).count == 20 && harness.paused.isEmpty)
    }

    // MARK: What is under way

    @Test("a session has at most eight chunks under way, and is read again when they are answered")
    func backpressure() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.isStoreSlow = true
        for ref: Int64 in 1...7 { harness.handle(.said(alice, .fetch(ref: ref, try place(0)))) }
        #expect(harness.paused.isEmpty)
        harness.handle(.said(alice, .chunk(ref: 8, id: id, index: 0, data: [1])))
        #expect(harness.paused == [alice])
        for ref: Int64 in 1...63 { harness.handle(.said(bob, .file(ref: ref, try file("public")))) }
        #expect(harness.paused == [alice])
        harness.answerFiles()
        #expect(harness.paused.isEmpty && harness.take(alice).filter { $0.tag != "welcome" }.count == 8)
    }

    @Test("a session that waits for chunks of another server is read again when the rest is answered")
    func slowServer() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = try harness.linkToPeer()
        for ref: Int64 in 1...7 { harness.handle(.said(alice, .fetch(ref: ref, try place(0, of: "zoe@s2")))) }
        harness.isStoreSlow = true
        harness.handle(.said(alice, .states(ref: 8, ids: [id])))
        #expect(harness.paused == [alice])
        harness.answer()
        #expect(harness.paused.isEmpty)
    }

    @Test("answers for a session that has left are dropped, and what it said still counts")
    func left() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        try upload(&harness, by: alice, to: "bob@s1")
        for session in [alice, bob] { _ = harness.take(session) }
        harness.isStoreSlow = true
        harness.handle(.said(bob, .fetch(ref: 1, try place(0))))
        harness.handle(.said(bob, .outcome(ref: 2, from: try Address(parsing: "alice@s1"), id: id, .declined)))
        harness.handle(.left(bob))
        harness.answerFiles()
        #expect(harness.take(bob).isEmpty)
        #expect(harness.take(alice) == [.file(ref: nil, status(2, .declined))])
    }

    @Test("the whole node moves so many chunks at once and no more")
    func wholeNode() throws {
        let users = (0...16).map { "user\($0)" }
        var harness = try HubHarness(users: users)
        let sessions = try (0...128).map { try harness.join(users[$0 / 8]) }
        harness.isStoreSlow = true
        for session in sessions { _ = harness.take(session) }
        for session in sessions { try fetch(&harness, 8, by: session) }
        let last = try #require(sessions.last)
        #expect(codes(harness.take(last)) == [Refusal.Code](repeating: .busy, count: 8))
        #expect(harness.paused.count == 128 && !harness.paused.contains(last))
    }

    @Test("an account in many sessions leaves room for the others, and has its own back with the answers")
    func oneAccount() throws {
        var harness = try HubHarness()
        let sessions = try (0...8).map { _ in try harness.join("alice") }
        let (last, bob) = (try #require(sessions.last), try harness.join("bob"))
        for session in sessions + [bob] { _ = harness.take(session) }
        harness.isStoreSlow = true
        for session in sessions { try fetch(&harness, 8, by: session) }
        #expect(codes(harness.take(last)) == [Refusal.Code](repeating: .busy, count: 8))
        try fetch(&harness, 8, by: bob)
        #expect(harness.paused.contains(bob) && harness.take(bob).isEmpty)
        // What is asked for sessions that are gone counts until it is answered.
        for session in sessions.dropLast() { harness.handle(.left(session)) }
        try fetch(&harness, 1, by: last)
        #expect(codes(harness.take(last)) == [.busy])
        harness.answerFiles()
        try fetch(&harness, 8, by: last)
        #expect(harness.take(last).isEmpty && harness.paused.contains(last))
    }

    @Test("what nobody fetched in time expires, and its author hears of it, however many they are")
    func expiry() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.handle(.started)
        try upload(&harness, by: alice, to: "bob@s1")
        for number: UInt64 in 2...250 {
            harness.handle(.said(alice, .file(ref: 0, try file("bob@s1", chunks: 0, number: number))))
        }
        for session in [alice, bob] { _ = harness.take(session) }
        harness.wall += SpoolLimits().keepMilliseconds + 1
        harness.now = harness.now.advanced(by: .seconds(61))
        harness.handle(.rang)
        let expired = harness.take(alice).filter {
            if case .file(nil, let status) = $0 { status.outcome == .expired } else { false }
        }
        #expect(expired.count == 250)
        #expect(harness.take(bob).isEmpty)
    }

    // MARK: Between nodes

    @Test("a chunk of another server's file is fetched from there, and an outcome told there")
    func fetchedElsewhere() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        let link = try harness.linkToPeer()
        _ = (harness.take(alice), harness.takeFileMessages())
        let theirs = try place(0, of: "zoe@s2")
        let user = try UserName("alice")
        harness.handle(.said(alice, .fetch(ref: 5, theirs)))
        harness.handle(.said(alice, .outcome(ref: 6, from: theirs.from, id: id, .received)))
        #expect(
            harness.takeFileMessages() == [
                .chunkWanted(ref: 1, theirs, reader: user),
                .outcome(ref: 2, from: theirs.from, id: id, reader: user, .received),
            ])
        harness.hear(.outcomeKept(ref: 2, refusal: nil), on: link)
        harness.hear(.chunk(ref: 1, data: [7, 7], refusal: nil), on: link)
        #expect(harness.take(alice) == [.outcome(ref: 6), .chunk(ref: 5, data: [7, 7])])
        harness.handle(.said(alice, .fetch(ref: 7, theirs)))
        harness.hear(.chunk(ref: 3, data: [], refusal: Refusal(.noFile, "none")), on: link)
        #expect(codes(harness.take(alice)) == [.noFile])
        harness.handle(.said(alice, .fetch(ref: 8, theirs)))
        harness.handle(.mesh(.closed(link, nil)))
        #expect(codes(harness.take(alice)) == [.timedOut])
        // Without a link the answer comes at once.
        harness.handle(.said(alice, .fetch(ref: 9, theirs)))
        #expect(codes(harness.take(alice)) == [.timedOut])
    }

    @Test(
        "what cannot be asked elsewhere is refused by name",
        arguments: [
            ("bob@nowhere", FileOutcome.received, Refusal.Code.unknownServer),
            ("bob@s2", .cancelled, .badValue), ("bob@s2", .expired, .badValue),
        ])
    func badQuestions(author: String, outcome: FileOutcome, code: Refusal.Code) throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        let place = try place(0, of: author)
        harness.handle(.said(alice, .outcome(ref: 3, from: place.from, id: id, outcome)))
        #expect(codes(harness.take(alice)) == [code])
        guard outcome == .received else { return }
        harness.handle(.said(alice, .fetch(ref: 3, place)))
        #expect(codes(harness.take(alice)) == [code])
    }

    @Test("people of another server fetch what is theirs, and nothing else")
    func fetchedFromHere() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        let link = try harness.linkToPeer()
        try upload(&harness, by: alice, to: "bob@s2")
        _ = (harness.take(alice), harness.takeFileMessages())
        func ask(_ reader: String, _ place: ChunkPlace) throws -> LinkMessage? {
            harness.hear(.chunkWanted(ref: 1, place, reader: try UserName(reader)), on: link)
            return harness.takeFileMessages().first
        }
        func code(_ message: LinkMessage?) -> Refusal.Code? {
            guard case .chunk(1, [], let refusal?)? = message else { return nil }
            return refusal.code
        }
        #expect(try ask("bob", try place(1)) == .chunk(ref: 1, data: [2, 2, 2], refusal: nil))
        #expect(code(try ask("eve", try place(1))) == .noFile)
        // A name of ours is no reader of ours over there.
        #expect(code(try ask("alice", try place(1))) == .noFile)
        #expect(code(try ask("bob", try place(2))) == .noFile)
        #expect(code(try ask("bob", try place(1, of: "nobody@s1"))) == .noFile)
        #expect(code(try ask("bob", try place(1, of: "alice@s3"))) == .notForUs)
        let from = try Address(parsing: "alice@s1")
        func tell(_ reader: String, _ ref: Int64) throws -> [LinkMessage] {
            harness.hear(.outcome(ref: ref, from: from, id: id, reader: try UserName(reader), .declined), on: link)
            return harness.takeFileMessages()
        }
        guard case .outcomeKept(2, let refusal?)? = try tell("eve", 2).first else { return #expect(Bool(false)) }
        #expect(refusal.code == .noFile)
        #expect(harness.take(alice).isEmpty)
        #expect(try tell("bob", 3) == [.outcomeKept(ref: 3, refusal: nil)])
        #expect(try tell("bob", 4) == [.outcomeKept(ref: 4, refusal: nil)])
        #expect(harness.take(alice) == [.file(ref: nil, status(2, .declined))])
        #expect(code(try ask("bob", try place(1))) == .noFile)
    }

    @Test("what a session fetched for itself is not asked for when it has gone")
    func leavesWhileWaiting() throws {
        var harness = try HubHarness()
        let readers = try (0..<3).map { _ in try harness.join("alice") }
        let link = try harness.linkToPeer()
        _ = harness.takeFileMessages()
        for reader in readers {
            for ref: Int64 in 1...8 {
                harness.handle(.said(reader, .fetch(ref: ref, try place(ref, of: "zoe@s2"))))
            }
        }
        #expect(harness.takeFileMessages().count == 16)
        harness.handle(.left(readers[2]))
        harness.hear(.chunk(ref: 1, data: [1], refusal: nil), on: link)
        #expect(harness.takeFileMessages().isEmpty)
        #expect(harness.paused == Set(readers.dropFirst()))
    }
}
