package import Wire

/// What administrators decided about other servers, beside what `setup.json` says.
package struct PeerDecisions: Hashable, Sendable {
    package struct Added: Hashable, Sendable {
        package let server: ServerName
        /// As in `setup.json`.
        package let address: String
        package let key: IdentityKey?

        package init(server: ServerName, address: String, key: IdentityKey?) {
            self.server = server
            self.address = address
            self.key = key
        }
    }

    /// In the order of their names.
    package let added: [Added]
    package let paused: [ServerName]

    package init(added: [Added], paused: [ServerName]) {
        self.added = added
        self.paused = paused
    }
}

extension NodeStore {
    /// More servers than any network of ours has; a mistaken script stops here.
    package static let addedPeersMax: Int64 = 1000

    func peerDecisions() throws(StoreError) -> NodeReply {
        let added = try database.rows("SELECT server, address, key FROM added_peer ORDER BY server") {
            row -> PeerDecisions.Added? in
            guard let server = try? ServerName(row.text(0)) else { return nil }
            let key = row.optionalBytes(2).flatMap { IdentityKey(bytes: $0) }
            return PeerDecisions.Added(server: server, address: row.text(1), key: key)
        }
        let paused = try database.rows("SELECT server FROM paused_peer ORDER BY server") { try? ServerName($0.text(0)) }
        return .peerDecisions(PeerDecisions(added: added, paused: paused))
    }

    func addPeer(_ peer: PeerDecisions.Added, at: Int64) throws(StoreError) -> NodeReply {
        let isKnown =
            try database.first("SELECT 1 FROM added_peer WHERE server = ?", peer.server.text) { $0.integer(0) } != nil
        let count = try database.first("SELECT count(*) FROM added_peer") { $0.integer(0) } ?? 0
        guard isKnown || count < NodeStore.addedPeersMax else {
            return .refused(
                Refusal(.tooManyServers, "\(NodeStore.addedPeersMax) servers are added, the most there may be"))
        }
        try database.run(
            "INSERT OR REPLACE INTO added_peer (server, address, key, added_at) VALUES (?, ?, ?, ?)",
            peer.server.text, peer.address, peer.key?.bytes, at)
        return .done
    }

    /// Its streams, pins and what is queued stay, so that it can come back.
    func removePeer(_ server: ServerName) throws(StoreError) -> NodeReply {
        try database.run("DELETE FROM added_peer WHERE server = ?", server.text)
        try database.run("DELETE FROM paused_peer WHERE server = ?", server.text)
        return .done
    }

    func pausePeer(_ server: ServerName, _ isPaused: Bool, at: Int64) throws(StoreError) -> NodeReply {
        if isPaused {
            try database.run(
                "INSERT OR IGNORE INTO paused_peer (server, paused_at) VALUES (?, ?)", server.text, at)
        } else {
            try database.run("DELETE FROM paused_peer WHERE server = ?", server.text)
        }
        return .done
    }

    func repin(_ server: ServerName, _ pin: KeyPin, at: Int64) throws(StoreError) -> NodeReply {
        try database.run(
            """
            INSERT OR REPLACE INTO pin (server, key, pinned_at, origin, previous, instead_of)
            VALUES (?, ?, ?, ?, ?, ?)
            """, server.text, pin.key.bytes, at, pin.origin.rawValue, pin.previous?.bytes, pin.insteadOf?.bytes)
        return .done
    }
}

extension KeyPin {
    static let columns = "key, origin, previous, instead_of"

    /// nil if the key is none, which only damage explains.
    init?(_ row: Row, from column: Int32) {
        guard let key = IdentityKey(bytes: row.bytes(column)) else { return nil }
        self.init(
            key, Origin(rawValue: row.text(column + 1)) ?? .first,
            previous: row.optionalBytes(column + 2).flatMap { IdentityKey(bytes: $0) },
            insteadOf: row.optionalBytes(column + 3).flatMap { IdentityKey(bytes: $0) })
    }
}
