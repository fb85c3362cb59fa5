import Federation
package import Store
package import Wire

/// What a node reads from its store before it serves.
package struct StoredState: Sendable {
    package let streams: Streams
    package let accounts: [Account]
    package let devices: [UserName: [DeviceKey]]
    package let decisions: PeerDecisions
    /// The store was put back from a backup, and knows it.
    package let isRestored: Bool

    package init(reading store: NodeStore) throws(StoreError) {
        let replies = store.perform([.streams, .accounts, .devices, .peerDecisions])
        guard replies.count == 4, case .streams(let streams) = replies[0], case .accounts(let accounts) = replies[1],
            case .devices(let devices) = replies[2], case .peerDecisions(let decisions) = replies[3]
        else { throw StoreError(.damaged, "the database cannot be read") }
        self.streams = streams
        self.accounts = accounts
        self.devices = devices
        self.decisions = decisions
        isRestored = store.isRestored
    }
}

extension PeerRecord {
    /// What the store holds of one server.
    init(of name: ServerName, in streams: Streams, isPaused: Bool = false) {
        let stream = streams.peers.first { $0.server == name }
        self.init(
            pin: streams.pins.first { $0.server == name }?.pin, isPaused: isPaused, peerEpoch: stream?.epoch,
            acknowledged: stream?.acknowledged ?? 0, last: stream?.last ?? 0, received: stream?.inbound,
            lastPlaces: stream?.lastPlaces ?? [:])
    }
}

extension Setup {
    /// The entries of the file, and behind them what was added and is not in it.
    func servers(with added: [PeerDecisions.Added]) -> [PeerSetup] {
        let known = Set(peers.map(\.name)).union([serverName])
        let setups = peers.map {
            PeerSetup(
                name: $0.name, address: $0.address, key: $0.key, transport: $0.transport, requiresTLS: $0.requiresTLS,
                presence: $0.presence)
        }
        return setups
            + added.filter { !known.contains($0.server) }.compactMap { entry in
                try? PeerTarget(entry.address, named: "address").setup(
                    for: entry.server, key: entry.key, isAdded: true)
            }
    }
}

extension Hub {
    /// A hub as a node begins with it.
    package init(setup: Setup, key: IdentityKey, rotations: [KeyRotation] = [], stored: StoredState) {
        let paused = Set(stored.decisions.paused)
        let peers = setup.servers(with: stored.decisions.added)
        var records: [ServerName: PeerRecord] = [:]
        for peer in peers {
            records[peer.name] = PeerRecord(
                of: peer.name, in: stored.streams, isPaused: paused.contains(peer.name))
        }
        let mesh = Mesh(
            identity: LinkIdentity(name: setup.serverName, key: key, rotations: rotations), epoch: stored.streams.epoch,
            run: stored.streams.run, isRestored: stored.isRestored, peers: peers, records: records)
        let accounts = Set(stored.accounts.map(\.user)).union(setup.admin.map(\.user))
        self.init(
            name: setup.serverName, mesh: mesh, accounts: accounts, devices: stored.devices,
            fileBytesMax: setup.files.bytesMax)
    }
}
