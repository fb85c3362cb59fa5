import Store
import Testing
import Wire

/// What administrators decided lasts, and ends as they say.
@Suite struct NodeStoreAdministrationTests {
    private func decisions(_ store: NodeStore) throws -> PeerDecisions {
        guard case .peerDecisions(let decisions) = try store.perform(.peerDecisions) else {
            throw StoreError(.misuse, "no decisions")
        }
        return decisions
    }

    private func key(_ byte: UInt8) throws -> IdentityKey {
        try #require(IdentityKey(bytes: [UInt8](repeating: byte, count: 32)))
    }

    @Test func addedAndPausedServersLast() throws {
        let folder = try TemporaryFolder()
        let store = try openStore(folder.file())
        let first = PeerDecisions.Added(server: south, address: "wss://south:1", key: nil)
        let second = PeerDecisions.Added(server: west, address: "west:2", key: try key(3))
        for peer in [second, first] { #expect(try store.perform(.addPeer(peer, at: 1)) == .done) }
        for server in [south, south, north] { #expect(try store.perform(.pausePeer(server, true, at: 2)) == .done) }
        try store.close()

        let again = try openStore(folder.file())
        #expect(try decisions(again) == PeerDecisions(added: [first, second], paused: [north, south]))
        let changed = PeerDecisions.Added(server: south, address: "south:9", key: try key(4))
        #expect(try again.perform(.addPeer(changed, at: 3)) == .done)
        #expect(try again.perform(.pausePeer(north, false, at: 4)) == .done)
        #expect(try decisions(again) == PeerDecisions(added: [changed, second], paused: [south]))
        // Whoever is added again later is not paused.
        #expect(try again.perform(.removePeer(south)) == .done)
        #expect(try decisions(again) == PeerDecisions(added: [second], paused: []))
    }

    @Test func aRemovedServerKeepsItsStreams() throws {
        let store = try openStore()
        for number: UInt64 in 1...2 { _ = try store.accepted(try message(number, to: "dora@south")) }
        let added = PeerDecisions.Added(server: south, address: "south:1", key: nil)
        _ = try store.perform(.addPeer(added, at: 1))
        _ = try store.perform(.pin(south, try key(5), at: 1))
        let before = try store.allStreams()
        #expect(try store.perform(.removePeer(south)) == .done)
        #expect(try store.allStreams() == before)
        #expect(try store.outboxPage().items.count == 2)
    }

    @Test func addingHasAnEnd() throws {
        let store = try openStore(":memory:")
        for number in 0..<NodeStore.addedPeersMax {
            let peer = PeerDecisions.Added(server: try ServerName("s\(number)"), address: "a:1", key: nil)
            #expect(try store.perform(.addPeer(peer, at: 1)) == .done)
        }
        let more = PeerDecisions.Added(server: south, address: "a:1", key: nil)
        guard case .refused(let refusal) = try store.perform(.addPeer(more, at: 1)) else {
            return #expect(Bool(false))
        }
        #expect(refusal.code == .tooManyServers)
        // One that is there may change all the same.
        let known = PeerDecisions.Added(server: try ServerName("s0"), address: "b:1", key: nil)
        #expect(try store.perform(.addPeer(known, at: 1)) == .done)
    }

    @Test func aPinTellsHowItCame() throws {
        let folder = try TemporaryFolder()
        let store = try openStore(folder.file())
        let pin = KeyPin(try key(2), .rotated, previous: try key(1), insteadOf: try key(1))
        _ = try store.perform(.pin(south, try key(1), at: 1))
        #expect(try store.perform(.repin(south, pin, at: 2)) == .done)
        try store.close()
        let again = try openStore(folder.file())
        #expect(try again.allStreams().pins == [Streams.Pin(server: south, pin: pin)])
        let trusted = KeyPin(try key(3), .trusted, previous: try key(2))
        #expect(try again.perform(.repin(south, trusted, at: 3)) == .done)
        #expect(try again.allStreams().pins.map(\.pin) == [trusted])
    }
}
