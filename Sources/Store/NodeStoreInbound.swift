import Wire

/// One place in a peer's stream.
struct InboundPlace {
    let peer: ServerName
    let epoch: Epoch
    let seq: Int64
    let at: Int64
}

/// The streams of peers: each place is dealt with once, in order, and what became of it can be told again.
extension NodeStore {
    func receive(
        _ envelope: Envelope, in place: InboundPlace, local: ServerName
    ) throws(StoreError) -> NodeReply {
        let peer = try peer(place.peer)
        if let answer = try answerOutOfTurn(place, peer) { return answer }
        if let refusal = try whyNot(envelope, from: place.peer, local: local) {
            return try settle(place, peer, refusal: refusal)
        }
        let bytes = envelope.encoded()
        if let (_, stored) = try known(envelope) {
            guard stored.isIntact else { return try settle(place, peer, refusal: NodeStore.damagedRefusal) }
            guard stored.bytes == bytes else { return try settle(place, peer, refusal: NodeStore.reusedRefusal) }
            try advance(peer, to: place.seq)
            return .committed(seq: stored.seq, isDuplicate: true)
        }
        let (_, seq) = try insert(envelope, bytes, state: .delivered, at: place.at)
        try advance(peer, to: place.seq)
        return .committed(seq: seq, isDuplicate: false)
    }

    func refuse(_ refusal: Refusal, in place: InboundPlace) throws(StoreError) -> NodeReply {
        let peer = try peer(place.peer)
        if let answer = try answerOutOfTurn(place, peer) { return answer }
        return try settle(place, peer, refusal: refusal)
    }

    func beginInbound(
        from name: ServerName, epoch: Epoch, first: Int64, run: Run?
    ) throws(StoreError) -> NodeReply {
        guard first >= 1 else { return .refused(Refusal(.badValue, "a stream begins at 1 or later")) }
        let peer = try peer(name)
        try database.run(
            "UPDATE peer SET inbound_run = ? WHERE id = ?", run.map { Int64(bitPattern: $0.value) }, peer.id)
        if let inbound = peer.inbound, inbound.epoch == epoch {
            let through = max(inbound.through, first - 1)
            try advance(peer, to: through)
            return .inbound(through: through)
        }
        try database.run("DELETE FROM refusal WHERE peer = ?", peer.id)
        try database.run(
            "UPDATE peer SET inbound_epoch = ?, inbound_through = ? WHERE id = ?",
            Int64(bitPattern: epoch.value), first - 1, peer.id)
        return .inbound(through: first - 1)
    }

    func refusals(peer name: ServerName, after: Int64) throws(StoreError) -> NodeReply {
        .refusals(
            try database.rows(
                """
                SELECT r.seq, r.code, r.text FROM refusal r JOIN peer p ON p.id = r.peer
                WHERE p.name = ? AND r.seq > ? ORDER BY r.seq
                """, name.text, after
            ) { StreamRefusal(seq: $0.integer(0), refusal: NodeStore.refusal($0, from: 1)) })
    }

    /// The answer where `place` is not the next one of the stream; nil where it is.
    private func answerOutOfTurn(_ place: InboundPlace, _ peer: Peer) throws(StoreError) -> NodeReply? {
        guard let inbound = peer.inbound, inbound.epoch == place.epoch else { return .gap(through: nil) }
        if place.seq <= inbound.through {
            let refusal = try database.first(
                "SELECT code, text FROM refusal WHERE peer = ? AND seq = ?", peer.id, place.seq
            ) { NodeStore.refusal($0, from: 0) }
            return .replay(through: inbound.through, refusal: refusal)
        }
        return place.seq - inbound.through == 1 ? nil : .gap(through: inbound.through)
    }

    /// Design decision D6: a link speaks for its own people to ours, and nothing else.
    private func whyNot(
        _ envelope: Envelope, from peer: ServerName, local: ServerName
    ) throws(StoreError) -> Refusal? {
        guard envelope.from.server == peer else {
            return Refusal(.forgedFrom, "\(peer.text) cannot send in the name of \(envelope.from.text)")
        }
        guard case .direct(let recipient) = envelope.to else { return nil }
        guard recipient.server == local else {
            return Refusal(.notForUs, "this node is \(local.text) and passes nothing on to \(recipient.server.text)")
        }
        return try isActive(recipient.user) ? nil : NodeStore.unknownUser(recipient)
    }

    private func settle(_ place: InboundPlace, _ peer: Peer, refusal: Refusal) throws(StoreError) -> NodeReply {
        try database.run(
            "INSERT INTO refusal (peer, seq, code, text, refused_at) VALUES (?, ?, ?, ?, ?)",
            peer.id, place.seq, refusal.code.rawValue, refusal.text, place.at)
        try database.run(
            """
            DELETE FROM refusal WHERE peer = ?1 AND seq <=
                (SELECT seq FROM refusal WHERE peer = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)
            """, peer.id, NodeStore.refusalsPerPeerMax)
        try advance(peer, to: place.seq)
        return .refused(refusal)
    }

    private func advance(_ peer: Peer, to through: Int64) throws(StoreError) {
        try database.run("UPDATE peer SET inbound_through = ? WHERE id = ?", through, peer.id)
    }

    private static func refusal(_ row: Row, from column: Int32) -> Refusal {
        Refusal(Refusal.Code(rawValue: row.text(column)) ?? .damaged, row.text(column + 1))
    }
}
