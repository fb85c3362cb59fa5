import Federation
package import Store
package import Wire

/// What a node reads from its store before it serves.
package struct StoredState: Sendable {
    package let streams: Streams
    package let accounts: [Account]
    package let devices: [UserName: [DeviceKey]]

    package init(reading store: NodeStore) throws(StoreError) {
        let replies = store.perform([.streams, .accounts, .devices])
        guard replies.count == 3, case .streams(let streams) = replies[0], case .accounts(let accounts) = replies[1],
            case .devices(let devices) = replies[2]
        else { throw StoreError(.damaged, "the database cannot be read") }
        self.streams = streams
        self.accounts = accounts
        self.devices = devices
    }
}

extension Hub {
    /// A hub as a node begins with it.
    package init(setup: Setup, key: IdentityKey, stored: StoredState) {
        var records: [ServerName: PeerRecord] = [:]
        let pins = Dictionary(stored.streams.pins.map { ($0.server, $0.key) }) { first, _ in first }
        let streams = Dictionary(stored.streams.peers.map { ($0.server, $0) }) { first, _ in first }
        for name in Set(pins.keys).union(streams.keys) {
            let stream = streams[name]
            records[name] = PeerRecord(
                pin: pins[name], peerEpoch: stream?.epoch, acknowledged: stream?.acknowledged ?? 0,
                last: stream?.last ?? 0, received: stream?.inbound)
        }
        let peers = setup.peers.map {
            PeerSetup(
                name: $0.name, address: $0.address, key: $0.key, transport: $0.transport, requiresTLS: $0.requiresTLS,
                presence: $0.presence)
        }
        let mesh = Mesh(
            identity: LinkIdentity(name: setup.serverName, key: key), epoch: stored.streams.epoch, peers: peers,
            records: records)
        let accounts = Set(stored.accounts.map(\.user)).union(setup.admin.map(\.user))
        self.init(
            name: setup.serverName, mesh: mesh, accounts: accounts, devices: stored.devices,
            fileBytesMax: setup.files.bytesMax)
    }
}
