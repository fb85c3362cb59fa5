import Federation
import Node
import Store
import Testing
import Wire

/// Orders of an administrator: durable first, then in force, then answered.
@Suite struct HubAdminTests {
    private func server(_ text: String) throws -> ServerName { try ServerName(text) }

    private func key(_ byte: UInt8) throws -> IdentityKey {
        try #require(IdentityKey(bytes: [UInt8](repeating: byte, count: 32)))
    }

    private static let setup =
        #"{"server_name":"s1","admin":{"alice":"x","bob":"x"},"mailing_address":{"s2":"127.0.0.1:9"}}"#

    private func refusal(_ lines: [AdminLine]) -> Refusal.Code? {
        if case .refused(let refusal, _)? = lines.last { refusal.code } else { nil }
    }

    private func isDone(_ lines: [AdminLine]) -> Bool { if case .done? = lines.last { true } else { false } }

    private func dials(_ harness: HubHarness) -> [String] {
        harness.meshActions.compactMap {
            if case .dial(_, let name, let address, _) = $0 { "\(name) \(address)" } else { nil }
        }
    }

    private func report(_ harness: inout HubHarness, _ name: String) -> LinkReport? {
        harness.linkReports.first { $0.name.text == name }
    }

    // MARK: Looking

    @Test func theListHasEachServerOnce() throws {
        var harness = try HubHarness(peers: ["s2", "s3"])
        harness.handle(.started)
        let lines = harness.administer(.list)
        #expect(lines.count == 3 && isDone(lines))
        #expect(harness.linkReports.map(\.name.text) == ["s2", "s3"])
        #expect(isDone(harness.administer(.why(try server("s3")))))
        #expect(refusal(harness.administer(.why(try server("s9")))) == .unknownServer)
    }

    @Test func aTestIsForTheDriver() throws {
        var harness = try HubHarness()
        harness.handle(.started)
        #expect(harness.administer(.test(try server("s2"))) == [])
        let target = try #require(harness.probes.values.first)
        #expect(target.name.text == "s2" && target.address == "127.0.0.1:9" && target.trust == .firstUse)
        #expect(target.identity.name.text == "s1")
        #expect(refusal(harness.administer(.test(try server("s9")))) == .unknownServer)
    }

    @Test func aNewKeyIsForTheDriver() throws {
        var harness = try HubHarness()
        harness.handle(.started)
        #expect(harness.administer(.rotateKey) == [] && harness.rotations.count == 1)
        #expect(harness.linkReports.map(\.state) == [.dialling], "nothing has changed yet")
    }

    // MARK: Pause and resume

    @Test func aPauseIsDurableBeforeItCounts() throws {
        var harness = try HubHarness()
        _ = try harness.linkToPeer()
        harness.isStoreSlow = true
        harness.forgetMeshActions()
        #expect(harness.administer(.pause(try server("s2"))) == [])
        #expect(harness.meshActions == [], "the link stays until the order is on disk")
        harness.isStoreSlow = false
        harness.answer()
        #expect(
            harness.meshActions.contains {
                if case .close(_, let refusal) = $0 { refusal.code == .paused } else { false }
            })
        #expect(report(&harness, "s2")?.state == .paused)
        #expect(refusal(harness.administer(.retry(try server("s2")))) == .paused)

        try harness.restart(setup: HubAdminTests.setup)
        #expect(report(&harness, "s2")?.state == .paused && dials(harness) == [])
        #expect(isDone(harness.administer(.resume(try server("s2")))))
        #expect(dials(harness) == ["s2 127.0.0.1:9"])
        try harness.restart(setup: HubAdminTests.setup)
        #expect(report(&harness, "s2")?.state == .dialling)
    }

    @Test func whatIsSaidWhilePausedWaits() throws {
        var harness = try HubHarness()
        harness.handle(.started)
        harness.administer(.pause(try server("s2")))
        let alice = try harness.join("alice")
        for number: UInt64 in 1...3 {
            let draft = Draft(id: .numbered(number), to: .everyone, at: 1, body: .text("hello"))
            harness.handle(.said(alice, .message(draft)))
        }
        #expect(report(&harness, "s2")?.queued == 3)
        guard case .done(let outcome)? = harness.administer(.pause(try server("s2"))).last else {
            return #expect(Bool(false))
        }
        #expect(outcome.facts.queued == 3 && outcome.text.contains("3 messages wait for it"))
    }

    @Test func aDiskThatTakesNothingIsToldAndNothingChanges() throws {
        var harness = try HubHarness()
        let id = try harness.linkToPeer()
        try harness.breakStore()
        harness.forgetMeshActions()
        for command in [
            AdminCommand.pause(try server("s2")), .add(try server("s3"), try PeerTarget("127.0.0.1:1", named: ""), nil),
        ] {
            #expect(refusal(harness.administer(command)) == .storeFailed)
        }
        #expect(!harness.meshActions.contains { if case .close(id, _) = $0 { true } else { false } })
        #expect(harness.linkReports.map(\.state) == [.up])
    }

    // MARK: Trust

    /// S2 shows another key than the one pinned.
    private func offered(_ harness: inout HubHarness, _ byte: UInt8) throws {
        let id = try #require(
            harness.meshActions.compactMap { if case .dial(let id, _, _, _) = $0 { id } else { nil } }.last)
        let hello = LinkHello(
            version: 1, from: try server("s2"), to: try server("s1"), nonce: [UInt8](repeating: 3, count: 32),
            key: try key(byte))
        harness.handle(.mesh(.opened(id, .plaintext)))
        harness.handle(.mesh(.received(id, .hello(hello))))
    }

    @Test func trustTakesExactlyTheKeyThatWasShown() throws {
        var harness = try HubHarness()
        let s2 = try server("s2")
        let link = try harness.linkToPeer()
        #expect(refusal(harness.administer(.trust(s2, try key(7)))) == .notOffered)
        harness.handle(.mesh(.closed(link, nil)))
        harness.administer(.retry(s2))
        try offered(&harness, 7)
        #expect(report(&harness, "s2")?.offer?.key == (try key(7)))
        #expect(refusal(harness.administer(.trust(s2, nil))) == .missingMember)
        #expect(refusal(harness.administer(.trust(s2, try key(8)))) == .notOffered)
        guard case .done(let outcome)? = harness.administer(.trust(s2, try key(7))).last else {
            return #expect(Bool(false))
        }
        #expect(outcome.facts == AdminFacts(old: try key(2), new: try key(7)))
        #expect(report(&harness, "s2")?.state == .dialling)
        try harness.restart(setup: HubAdminTests.setup)
        let again = try #require(report(&harness, "s2"))
        #expect(again.key == (try key(7)))
        #expect(again.pin == KeyPin(try key(7), .trusted, previous: try key(2)))
    }

    @Test func theKeyOfTheSetupFileStandsBackUntilTheFileChanges() throws {
        func setup(_ byte: UInt8) throws -> String {
            let entry = #"{"address":"127.0.0.1:9","key":"\#(try key(byte).text)"}"#
            return #"{"server_name":"s1","mailing_address":{"s2":\#(entry)}}"#
        }
        var harness = try HubHarness()
        try harness.restart(setup: try setup(2))
        try offered(&harness, 7)
        #expect(isDone(harness.administer(.trust(try server("s2"), try key(7)))))
        try harness.restart(setup: try setup(2))
        #expect(report(&harness, "s2")?.key == (try key(7)))
        #expect(harness.meshActions.contains(.note(.setupKeyIsOld(try server("s2"), try key(7)))))
        try harness.restart(setup: try setup(9))
        #expect(report(&harness, "s2")?.key == (try key(9)))
    }

    // MARK: Add and remove

    @Test func anAddedServerIsWrittenToFromThenOn() throws {
        var harness = try HubHarness()
        harness.handle(.started)
        let alice = try harness.join("alice")
        _ = harness.take(alice)
        let s3 = try server("s3")
        #expect(isDone(harness.administer(.add(s3, try PeerTarget("ws://127.0.0.1:7", named: ""), nil))))
        #expect(dials(harness).last == "s3 127.0.0.1:7")
        harness.handle(.said(alice, .message(Draft(id: .numbered(1), to: .everyone, at: 1, body: .text("hello")))))
        let states = harness.take(alice).compactMap { if case .state(let state) = $0 { state } else { nil } }
        #expect(states.first?.waiting == [try server("s2"), s3])
        let report = try #require(report(&harness, "s3"))
        #expect(report.isAdded && report.queued == 1 && report.transport == .plaintext)

        // After a restart it is there, and the setup file wins once it names it too.
        try harness.restart(setup: HubAdminTests.setup)
        #expect(dials(harness) == ["s2 127.0.0.1:9", "s3 127.0.0.1:7"])
        let both = #"{"server_name":"s1","mailing_address":{"s2":"127.0.0.1:9","s3":"127.0.0.1:8"}}"#
        try harness.restart(setup: both)
        #expect(dials(harness) == ["s2 127.0.0.1:9", "s3 127.0.0.1:8"])
        #expect(harness.linkReports.map(\.isAdded) == [false, false])
    }

    @Test func whatCannotBeAddedIsNamed() throws {
        var harness = try HubHarness()
        harness.handle(.started)
        let target = try PeerTarget("127.0.0.1:7", named: "")
        #expect(refusal(harness.administer(.add(try server("s1"), target, nil))) == .badValue)
        #expect(refusal(harness.administer(.add(try server("s2"), target, nil))) == .inSetup)
        #expect(refusal(harness.administer(.remove(try server("s2"), isConfirmed: true))) == .notAdded)
        #expect(refusal(harness.administer(.remove(try server("s9"), isConfirmed: true))) == .unknownServer)
        #expect(harness.linkReports.map(\.name.text) == ["s2"])
    }

    @Test func aServerWithMessagesIsRemovedOnlyOnDemand() throws {
        var harness = try HubHarness(peers: [])
        harness.handle(.started)
        let s3 = try server("s3")
        let target = try PeerTarget("127.0.0.1:7", named: "")
        harness.administer(.add(s3, target, try key(3)))
        let alice = try harness.join("alice")
        harness.handle(.said(alice, .message(Draft(id: .numbered(1), to: .everyone, at: 1, body: .text("hello")))))
        guard case .refused(let refusal, let facts)? = harness.administer(.remove(s3, isConfirmed: false)).last else {
            return #expect(Bool(false))
        }
        #expect(refusal.code == .notEmpty && facts.queued == 1)
        #expect(isDone(harness.administer(.remove(s3, isConfirmed: true))))
        #expect(harness.linkReports == [])
        // Added again, what waited goes on.
        #expect(isDone(harness.administer(.add(s3, target, try key(3)))))
        #expect(report(&harness, "s3")?.queued == 1)
    }
}
