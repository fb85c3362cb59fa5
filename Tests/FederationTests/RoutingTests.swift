import Federation
import Testing
import Wire

@Suite struct RoutingTests {
    private let routing = Routing(
        own: server("north"),
        peers: [
            PeerSetup(name: server("west"), address: nil), PeerSetup(name: server("east"), address: "e:1"),
            PeerSetup(name: server("tls"), address: "t:1", isDialable: false),
        ])

    @Test func everyConversationHasARoute() throws {
        #expect(routing.route(.everyone) == .peers([server("east"), server("west")]))
        #expect(routing.route(.direct(address("ann@north"))) == .local)
        #expect(routing.route(.direct(address("ann@west"))) == .peers([server("west")]))
        for (text, code) in [("ann@tls", Refusal.Code.needsTLS), ("ann@nowhere", .unknownServer)] {
            guard case .refused(let refusal) = routing.route(.direct(address(text))) else {
                Issue.record("\(text) is routed")
                continue
            }
            #expect(refusal.code == code)
        }
    }
}
