import Federation
import Testing
import Wire

@Suite struct RoutingTests {
    private let routing = Routing(
        own: server("north"),
        peers: [
            PeerSetup(name: server("west"), address: nil), PeerSetup(name: server("east"), address: "e:1"),
        ])

    @Test func everyConversationHasARoute() throws {
        #expect(routing.route(.everyone) == .peers([server("east"), server("west")]))
        #expect(routing.route(.direct(address("ann@north"))) == .local)
        #expect(routing.route(.direct(address("ann@west"))) == .peers([server("west")]))
        guard case .refused(let refusal) = routing.route(.direct(address("ann@nowhere"))) else {
            Issue.record("a message to nowhere is routed")
            return
        }
        #expect(refusal.code == .unknownServer)
    }
}
