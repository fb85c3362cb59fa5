import Federation
import Node
import Testing
import Wire

@Suite("other servers, as people are told of them") struct HubServersTests {
    private func status(_ isReachable: Bool, _ since: Int64) throws -> ServerStatus {
        ServerStatus(server: try ServerName("s2"), isReachable: isReachable, since: since)
    }

    @Test("what lasts is told, with its beginning, to those who are there and to those who come")
    func absence() throws {
        var harness = try HubHarness()
        let start = harness.wall
        harness.handle(.started)
        let alice = try harness.join("alice")
        #expect(harness.takeServers(alice) == [.servers([], isWhole: true)])
        harness.advance(seconds: 4)
        #expect(harness.takeServers(alice).isEmpty)
        harness.advance(seconds: 1)
        let away = try status(false, start)
        #expect(harness.takeServers(alice) == [.servers([away], isWhole: false)])
        harness.advance(seconds: 60)
        #expect(harness.takeServers(alice).isEmpty)
        let bob = try harness.join("bob")
        #expect(harness.takeServers(bob) == [.servers([away], isWhole: true)])
    }

    @Test("a server that comes back is told where its absence was")
    func back() throws {
        var harness = try HubHarness()
        let alice = try harness.join("alice")
        harness.handle(.started)
        harness.advance(seconds: 5)
        _ = harness.takeAll(alice)
        let link = try harness.linkToPeer()
        let back = try status(true, harness.wall)
        #expect(harness.takeServers(alice) == [.servers([back], isWhole: false)])
        // A short one is nobody's business.
        harness.handle(.mesh(.closed(link, nil)))
        harness.advance(seconds: 3)
        #expect(harness.takeServers(alice).isEmpty)
    }

    @Test("a node without peers says nothing of them")
    func alone() throws {
        var harness = try HubHarness(peers: [])
        harness.handle(.started)
        let alice = try harness.join("alice")
        harness.advance(seconds: 10)
        #expect(harness.takeServers(alice).isEmpty)
    }
}
