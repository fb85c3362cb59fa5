import Wire

/// What the store knows of one peer.
struct Peer {
    static let columns = """
        id, name, last_seq, acknowledged, queued_rows, queued_bytes, epoch, inbound_epoch, inbound_through, inbound_run
        """

    let id: Int64
    let name: ServerName
    /// Of our stream to it.
    let lastSeq: Int64
    let acknowledged: Int64
    let queuedRows: Int64
    let queuedBytes: Int64
    let epoch: Epoch?
    let inbound: StreamPosition.Received?

    /// nil if the name is no server name, which only damage explains.
    init?(_ row: Row) {
        guard let name = try? ServerName(row.text(1)) else { return nil }
        self.name = name
        id = row.integer(0)
        lastSeq = row.count(2)
        acknowledged = row.count(3)
        queuedRows = row.count(4)
        queuedBytes = row.count(5)
        epoch = row.optionalInteger(6).map { Epoch(UInt64(bitPattern: $0)) }
        inbound = row.optionalInteger(7).map { epoch in
            let run = row.optionalInteger(9).map { Run(UInt64(bitPattern: $0)) }
            return StreamPosition.Received(epoch: Epoch(UInt64(bitPattern: epoch)), through: row.count(8), run: run)
        }
    }
}

extension NodeStore {
    func peerIfKnown(_ name: ServerName) throws(StoreError) -> Peer? {
        try database.first("SELECT \(Peer.columns) FROM peer WHERE name = ?", name.text) { Peer($0) }
    }

    /// The peer, made on first use. Only names that the caller lets in get here, so their number is bounded by it.
    func peer(_ name: ServerName) throws(StoreError) -> Peer {
        if let peer = try peerIfKnown(name) { return peer }
        try database.run("INSERT INTO peer (name) VALUES (?)", name.text)
        guard let peer = try peerIfKnown(name) else { throw StoreError(.damaged, "a new peer is missing") }
        return peer
    }

    func fits(_ byteCount: Int, into peer: Peer) -> Bool {
        peer.queuedRows < limits.outboxRowsMax && peer.queuedBytes + Int64(byteCount) <= limits.outboxBytesMax
    }

    /// Appends a message to the stream to `peer` and returns its place there.
    func enqueue(_ message: Int64, bytes: Int, for peer: Peer, deadline: Int64) throws(StoreError) -> Int64 {
        let seq = peer.lastSeq + 1
        try database.run(
            "INSERT INTO outbox (peer, seq, message, state, bytes, deadline) VALUES (?, ?, ?, 0, ?, ?)",
            peer.id, seq, message, bytes, deadline)
        try database.run(
            """
            UPDATE peer SET last_seq = ?, queued_rows = queued_rows + 1, queued_bytes = queued_bytes + ? WHERE id = ?
            """, seq, bytes, peer.id)
        return seq
    }

    func streams() throws(StoreError) -> NodeReply {
        let epoch = try database.first("SELECT epoch FROM node") { Epoch(UInt64(bitPattern: $0.integer(0))) }
        guard let epoch else { throw StoreError(.damaged, "the store has no epoch") }
        let pins = try database.rows("SELECT server, \(KeyPin.columns) FROM pin ORDER BY server") {
            row -> Streams.Pin? in
            guard let server = try? ServerName(row.text(0)), let pin = KeyPin(row, from: 1) else { return nil }
            return Streams.Pin(server: server, pin: pin)
        }
        let peers = try database.rows("SELECT \(Peer.columns) FROM peer ORDER BY name") { Peer($0) }
        let lastPlaces = try lastPlaces()
        return .streams(
            Streams(
                epoch: epoch, run: try run(), pins: pins,
                peers: peers.map { peer in
                    Streams.Peer(
                        server: peer.name, last: peer.lastSeq, acknowledged: peer.acknowledged, epoch: peer.epoch,
                        inbound: peer.inbound, lastPlaces: lastPlaces[peer.name] ?? [:])
                }))
    }

    func pin(_ server: ServerName, _ key: IdentityKey, at: Int64) throws(StoreError) -> NodeReply {
        try database.run(
            "INSERT OR REPLACE INTO pin (server, key, pinned_at) VALUES (?, ?, ?)", server.text, key.bytes, at)
        return .done
    }
}
