import Federation
import Node
import Store
import Testing
import Wire

@Suite("the hub") struct HubTests {
    private func draft(_ number: UInt64, to: String, from: String? = nil, text: String = "hello") throws -> ClientLine {
        let conversation = try Conversation(parsing: to)
        let body: Envelope.Body = conversation == .everyone ? .text(text) : .sealed(try .blank())
        return .message(
            Draft(
                id: .numbered(number), from: try from.map { try Address(parsing: $0) }, to: conversation, at: 5,
                body: body))
    }

    private let device32 = [UInt8](repeating: 3, count: 32)

    private func codes(_ lines: [NodeLine]) -> [Refusal.Code] {
        lines.compactMap { if case .refused(let refusal, _, _) = $0 { refusal.code } else { nil } }
    }

    @Test("a public message is accepted, waits for the other servers, and is shown once to everybody")
    func publicMessage() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        _ = (harness.take(alice), harness.take(bob))
        harness.handle(.said(alice, try draft(1, to: "public")))
        let toBob = harness.take(bob).filter { $0.tag == "message" }
        let toAlice = harness.take(alice)
        #expect(toBob.count == 1)
        #expect(toAlice.map(\.tag) == ["state", "message"])
        guard case .state(let state) = toAlice.first else { return }
        #expect(state.state == .accepted(seq: 1))
        #expect(state.waiting.map(\.text) == ["s2"])
        guard case .message(let entry, let conversation) = toBob.first else { return }
        #expect(conversation == .everyone)
        #expect(entry.envelope.from.text == "alice@s1")
    }

    @Test("what follows a message that a full disk refused is refused until the client has heard of it")
    func refusalsAreHeardFirst() throws {
        var harness = try HubHarness()
        let (alice, other) = (try harness.join("alice"), try harness.join("alice"))
        harness.handle(.said(alice, try draft(1, to: "public")))
        harness.storeFailure = Refusal(.storeFailed, "the disk is full")
        _ = harness.take(alice)
        harness.handle(.said(alice, try draft(2, to: "public")))
        let refused = harness.take(alice)
        #expect(codes(refused) == [.storeFailed])
        guard case .ping(let ref)? = refused.last else { throw Refusal(.badValue, "no ping") }
        harness.storeFailure = nil
        harness.handle(.said(alice, try draft(3, to: "public")))
        harness.handle(.said(alice, .pong(ref: ref - 1)))
        harness.handle(.said(alice, try draft(4, to: "bob@s1")))
        let behind = harness.take(alice)
        #expect(codes(behind) == [.storeFailed, .storeFailed])
        #expect(behind.map(\.tag) == ["refused", "refused"])
        // What is there is not called failed, and other sessions are not concerned.
        harness.handle(.said(alice, try draft(1, to: "public")))
        #expect(harness.take(alice).map(\.tag) == ["state"])
        harness.handle(.said(other, try draft(5, to: "public")))
        harness.handle(.said(alice, .pong(ref: ref)))
        harness.handle(.said(alice, try draft(2, to: "public")))
        let places = harness.take(alice).compactMap { line in
            if case .message(let entry, _) = line { entry.envelope.id } else { nil }
        }
        #expect(places == [.numbered(5), .numbered(2)])
    }

    @Test("a direct message is in both conversations, each named by the other end")
    func directMessage() throws {
        var harness = try HubHarness()
        let (alice, second, bob) = (try harness.join("alice"), try harness.join("alice"), try harness.join("bob"))
        for id in [alice, second, bob] { _ = harness.take(id) }
        harness.handle(.said(alice, try draft(1, to: "bob@s1")))
        var names: [String] = []
        for id in [alice, second, bob] {
            for case .message(_, let conversation) in harness.take(id) { names.append(conversation.text) }
        }
        #expect(names == ["bob@s1", "bob@s1", "alice@s1"])
    }

    @Test("a message to oneself is shown once")
    func toOneself() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        harness.handle(.said(alice, try draft(1, to: "alice@s1")))
        #expect(harness.take(alice).filter { $0.tag == "message" }.count == 1)
    }

    @Test("nothing is said before it is committed")
    func commitFirst() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.handle(.said(alice, .ping(ref: 1)))
        _ = (harness.take(alice), harness.take(bob))
        harness.isStoreSlow = true
        harness.handle(.said(alice, try draft(1, to: "bob@s1")))
        #expect(harness.take(alice).isEmpty)
        #expect(harness.take(bob).isEmpty)
        harness.answer()
        #expect(harness.take(alice).map(\.tag) == ["state", "message", "state"])
        #expect(harness.take(bob).map(\.tag) == ["message"])
    }

    @Test("a retry is answered with the present state and shown to nobody again")
    func retry() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.handle(.said(alice, try draft(1, to: "bob@s1")))
        _ = (harness.take(alice), harness.take(bob))
        harness.handle(.said(alice, try draft(1, to: "bob@s1")))
        #expect(harness.take(alice).map(\.tag) == ["state", "state"])
        #expect(harness.take(bob).isEmpty)
    }

    @Test("a session that was away is told the states it asks for, and nobody else is")
    func states() throws {
        var harness = try HubHarness()
        let bob = try harness.join("bob")
        let away = try harness.join("alice")
        harness.handle(.said(away, try draft(1, to: "bob@s1")))
        harness.handle(.said(away, try draft(2, to: "public")))
        harness.handle(.left(away))
        let (alice, other) = (try harness.join("alice"), try harness.join("alice"))
        for id in [alice, other, bob] { _ = harness.take(id) }
        let ids = [2, 3, 1].map { MessageID.numbered($0) }
        harness.handle(.said(alice, .states(ref: 5, ids: ids)))
        let waiting = MessageState(id: ids[0], state: .accepted(seq: 1), waiting: [try ServerName("s2")])
        #expect(
            harness.take(alice) == [
                .state(waiting), .state(MessageState(id: ids[2], state: .delivered)),
                .states(ref: 5, unknown: [ids[1]]),
            ])
        #expect(harness.take(other).isEmpty)
        harness.handle(.said(bob, .states(ref: 6, ids: ids)))
        #expect(harness.take(bob) == [.states(ref: 6, unknown: ids)])
    }

    @Test("questions for states count as under way, and one that the store cannot answer is refused by its ref")
    func statesUnderWay() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        harness.isStoreSlow = true
        for ref in 1...3 { harness.handle(.said(alice, .states(ref: Int64(ref), ids: [.numbered(1)]))) }
        #expect(harness.paused.isEmpty)
        harness.handle(.said(alice, .states(ref: 4, ids: [.numbered(1)])))
        #expect(harness.paused == [alice])
        try harness.breakStore()
        harness.answer()
        #expect(harness.paused.isEmpty)
        let refused = harness.take(alice).map { if case .refused(_, let ref, nil) = $0 { ref } else { nil as Int64? } }
        #expect(refused == [1, 2, 3, 4])
    }

    @Test("the same id with other words is refused")
    func reusedID() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        harness.handle(.said(alice, try draft(1, to: "public", text: "one")))
        _ = harness.take(alice)
        harness.handle(.said(alice, try draft(1, to: "public", text: "two")))
        #expect(codes(harness.take(alice)) == [.idReused])
    }

    @Test(
        "what cannot be sent is refused by name",
        arguments: [
            ("public", "bob@s1", Refusal.Code.forgedFrom), ("bob@s1", "alice@s2", .forgedFrom),
            ("nobody@s1", nil, .unknownUser), ("bob@nowhere", nil, .unknownServer),
        ] as [(String, String?, Refusal.Code)])
    func refused(to: String, from: String?, code: Refusal.Code) throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.handle(.said(alice, .ping(ref: 1)))
        _ = (harness.take(alice), harness.take(bob))
        harness.handle(.said(alice, try draft(1, to: to, from: from)))
        #expect(codes(harness.take(alice)) == [code])
        #expect(harness.take(bob).isEmpty)
    }

    @Test("a second login on one connection ends it, and nobody else notices")
    func secondLogin() throws {
        var harness = try HubHarness()
        let (alice, bob) = (try harness.join("alice"), try harness.join("bob"))
        harness.handle(.said(bob, .ping(ref: 1)))
        _ = harness.take(bob)
        harness.handle(.said(alice, .login(user: try UserName("bob"), method: .password, data: "n,,n=bob,r=x")))
        guard case .closing(let refusal, _)? = harness.closed[alice] else {
            Issue.record("the session was not closed")
            return
        }
        #expect(refusal.code == .alreadyLoggedIn)
        #expect(harness.closed[bob] == nil)
    }

    @Test("people come online with their device, and go with their last session")
    func presence() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        func statuses(_ lines: [NodeLine]) -> [String] {
            lines.flatMap { line -> [String] in
                guard case .presence(let people) = line else { return [] }
                return people.map { "\($0.address.user) \($0.status.rawValue)" }
            }
        }
        let (first, second) = (try harness.join("bob"), try harness.join("bob"))
        #expect(statuses(harness.takeAll(alice)).isEmpty)
        harness.handle(.said(first, .ping(ref: 1)))
        #expect(statuses(harness.takeAll(alice)).isEmpty)
        let device = DeviceKey(
            fingerprint: try Sealed.blank().device, key: [1], account: try #require(IdentityKey(bytes: device32)),
            signature: [UInt8](repeating: 0, count: 64))
        harness.handle(.said(first, .publish(device)))
        harness.handle(.said(second, .ping(ref: 1)))
        #expect(statuses(harness.takeAll(alice)) == ["bob online"])
        harness.handle(.left(first))
        #expect(statuses(harness.takeAll(alice)).isEmpty)
        harness.handle(.left(second))
        #expect(statuses(harness.takeAll(alice)) == ["bob offline"])
    }

    @Test("a crowd whose server goes is told in lines that clients read")
    func crowd() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        let link = try harness.linkToPeer()
        let people = try (0..<2500).map { number in
            Person(address: try Address(parsing: "user\(number)@s2"), status: .online, devices: [])
        }
        for (index, start) in stride(from: 0, to: people.count, by: PresencePage.peopleMax).enumerated() {
            let end = min(start + PresencePage.peopleMax, people.count)
            let kind = PresencePage.Kind.snapshot(isFirst: start == 0, isLast: end == people.count)
            let page = PresencePage(
                version: Int64(index + 1), kind: kind, people: Array(people[start..<end]), keys: [])
            harness.hear(.presence(page), on: link)
        }
        _ = harness.takeAll(alice)
        harness.handle(.mesh(.closed(link, nil)))
        var told: [Person] = []
        for case .presence(let line) in harness.takeAll(alice) {
            #expect(line.count <= NodeLine.peopleMax)
            told += line
        }
        #expect(told.count == people.count)
        #expect(told.allSatisfy { $0.status == .unknown })
    }

    @Test("a session with enough under way is not read until some of it is done")
    func backpressure() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        harness.isStoreSlow = true
        for number in 1...63 { harness.handle(.said(alice, try draft(UInt64(number), to: "public"))) }
        #expect(harness.paused.isEmpty)
        harness.handle(.said(alice, try draft(64, to: "public")))
        #expect(harness.paused == [alice])
        harness.answer()
        #expect(harness.paused.isEmpty)
    }

    @Test("a few pages of history are enough under way, and one of them is not too many to go on")
    func historyBackpressure() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        harness.isStoreSlow = true
        let range = HistoryRange(conversation: .everyone, count: 500)
        for ref: Int64 in 1...3 { harness.handle(.said(alice, .history(ref: ref, range))) }
        #expect(harness.paused.isEmpty)
        harness.handle(.said(alice, .history(ref: 4, range)))
        #expect(harness.paused == [alice])
        harness.answer()
        #expect(harness.paused.isEmpty)
    }

    @Test("whoever leaves before the welcome is no session")
    func leavesWhileJoining() throws {
        var harness = try HubHarness()
        harness.isStoreSlow = true
        let gone = try harness.join("alice")
        harness.handle(.left(gone))
        harness.isStoreSlow = false
        harness.answer()
        let bob = try harness.join("bob")
        harness.handle(.said(bob, try draft(1, to: "public")))
        #expect(harness.takeAll(gone).isEmpty)
    }

    @Test("draining tells every session when to come back")
    func drain() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        harness.handle(.drain(retrySeconds: 5))
        guard case .closing(let refusal, let seconds)? = harness.closed[alice] else {
            Issue.record("the session was not closed")
            return
        }
        #expect(refusal.code == .draining)
        #expect(seconds == 5)
        let late = try harness.join("bob")
        #expect(harness.closed[late] != nil)
    }
}
