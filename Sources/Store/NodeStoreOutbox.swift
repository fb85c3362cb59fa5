import Wire

/// Our streams to peers, from the queue to the end of a message's story.
extension NodeStore {
    func acknowledge(
        peer name: ServerName, through: Int64, refused: [StreamRefusal], at: Int64
    ) throws(StoreError) -> NodeReply {
        let peer = try peer(name)
        guard through > peer.acknowledged, through <= peer.lastSeq else {
            return .acknowledged(
                Settlement(changes: [], through: peer.acknowledged, isBeyond: through > peer.lastSeq))
        }
        let refusals = Dictionary(refused.map { ($0.seq, $0.refusal) }) { first, _ in first }
        let rows = try database.rows(
            "SELECT seq, message, bytes FROM outbox WHERE peer = ? AND seq > ? AND seq <= ? AND state = 0 ORDER BY seq",
            peer.id, peer.acknowledged, through
        ) { (seq: $0.count(0), message: $0.integer(1), bytes: $0.count(2)) }
        try database.run(
            "UPDATE outbox SET state = 1, settled_at = ? WHERE peer = ? AND seq > ? AND seq <= ? AND state = 0",
            at, peer.id, peer.acknowledged, through)
        for row in rows where refusals[row.seq] != nil {
            try database.run(
                "UPDATE outbox SET state = 2 WHERE peer = ? AND seq = ?", peer.id, row.seq)
        }
        try database.run(
            """
            UPDATE peer SET acknowledged = ?, queued_rows = queued_rows - ?, queued_bytes = queued_bytes - ?
            WHERE id = ?
            """, through, rows.count, rows.reduce(0) { $0 + $1.bytes }, peer.id)
        var changes: [StateChange] = []
        for row in rows {
            if let change = try settle(row.message, refusal: refusals[row.seq]) { changes.append(change) }
        }
        return .acknowledged(Settlement(changes: changes, through: through, isBeyond: false))
    }

    /// Moves a message on after one of its outbox rows was settled; nil if its author learns nothing new.
    private func settle(_ position: Int64, refusal: Refusal?) throws(StoreError) -> StateChange? {
        guard let (message, seq) = try message(at: position) else { return nil }
        let isWaiting = message.isPublic ? try !waiting(for: message).isEmpty : false
        switch message.state {
        // Sent again to a peer that came back with a new epoch: only a new refusal is news.
        case .delivered where message.isPublic || refusal == nil, .failed: return nil
        // A server that refused a public message is no longer waited for; the others decide.
        case _ where message.isPublic && (isWaiting || message.skipped != nil): break
        case _ where message.isPublic || refusal == nil: try setState(.delivered, of: position)
        default: try setState(.failed, refusal, of: position)
        }
        return try change(at: position, seq: seq)
    }

    /// The next pages of the stream. Marking what is damaged may fail, as on a full disk, without stopping the stream.
    func outbox(
        peer name: ServerName, after: Int64, countMax: Int, bytesMax: Int
    ) throws(StoreError) -> NodeReply {
        guard let peer = try peerIfKnown(name) else {
            return .outbox(OutboxPage(items: [], damaged: [], hasMore: false))
        }
        let start = max(after, peer.acknowledged)
        var items: [OutboxPage.Item] = []
        var damagedRows: [(seq: Int64, message: Int64, bytes: Int64)] = []
        var bytes: Int64 = 0
        try database.forEach(
            """
            SELECT o.seq, o.state, o.message, o.bytes, \(StoredEnvelope.columns) FROM outbox o
            LEFT JOIN message m ON m.position = o.message LEFT JOIN conversation c ON c.id = m.conversation
            WHERE o.peer = ? AND o.seq > ? ORDER BY o.seq LIMIT ?
            """, peer.id, start, max(1, countMax)
        ) { row in
            let (seq, isQueued) = (row.count(0), row.integer(1) == OutboxState.queued.rawValue)
            // Rows are contiguous; where damage took one away, its number is still filled.
            while (items.last?.seq ?? start) + 1 < seq, items.count < countMax {
                items.append(OutboxPage.Item(seq: (items.last?.seq ?? start) + 1, envelope: nil))
            }
            bytes += row.count(3)
            guard items.isEmpty || (items.count < countMax && bytes <= Int64(bytesMax)) else { return false }
            let envelope = isQueued ? StoredEnvelope(row, from: 4).envelope : nil
            if isQueued, envelope == nil { damagedRows.append((seq, row.integer(2), row.count(3))) }
            items.append(OutboxPage.Item(seq: seq, envelope: envelope))
            return true
        }
        var damaged: [StateChange] = []
        for row in damagedRows {
            if broken == nil { try? markDamaged(row.seq, bytes: row.bytes, message: row.message, peer: peer) }
            if let (message, _) = try message(at: row.message), let author = try? Address(parsing: message.sender),
                let id = MessageID(bytes: message.id)
            {
                damaged.append(StateChange(author: author, state: MessageState(id: id, state: .unconfirmed)))
            }
        }
        return .outbox(
            OutboxPage(items: items, damaged: damaged, hasMore: (items.last?.seq ?? peer.lastSeq) < peer.lastSeq))
    }

    private func markDamaged(_ seq: Int64, bytes: Int64, message: Int64, peer: Peer) throws(StoreError) {
        try database.savepoint { () throws(StoreError) in
            try database.run(
                "UPDATE outbox SET state = 2, settled_at = 0 WHERE peer = ? AND seq = ?", peer.id, seq)
            try database.run(
                "UPDATE peer SET queued_rows = queued_rows - 1, queued_bytes = queued_bytes - ? WHERE id = ?",
                bytes, peer.id)
            try setState(.unconfirmed, of: message)
        }
    }

    func rewind(peer name: ServerName, epoch: Epoch) throws(StoreError) -> NodeReply {
        let peer = try peer(name)
        let oldest = try database.first("SELECT min(seq) FROM outbox WHERE peer = ?", peer.id) {
            $0.isNull(0) ? nil : $0.count(0)
        }
        let first = oldest ?? peer.lastSeq + 1
        try database.run("UPDATE outbox SET state = 0, settled_at = NULL WHERE peer = ? AND state = 1", peer.id)
        try database.run(
            """
            UPDATE peer SET epoch = ?2, acknowledged = ?3,
                queued_rows = (SELECT count(*) FROM outbox WHERE peer = ?1 AND state = 0),
                queued_bytes = (SELECT coalesce(sum(bytes), 0) FROM outbox WHERE peer = ?1 AND state = 0)
            WHERE id = ?1
            """, peer.id, Int64(bitPattern: epoch.value), first - 1)
        return .rewound(first: first)
    }

    func expire(at now: Int64) throws(StoreError) -> NodeReply {
        let rows = try database.rows(
            """
            SELECT peer, seq, message FROM outbox WHERE state = 0 AND deadline IS NOT NULL AND deadline <= ?
            ORDER BY deadline, peer, seq LIMIT ?
            """, now, NodeStore.stepRowsMax
        ) { (peer: $0.integer(0), seq: $0.integer(1), message: $0.integer(2)) }
        var changes: [StateChange] = []
        for row in rows {
            try database.run("UPDATE outbox SET deadline = NULL WHERE peer = ? AND seq = ?", row.peer, row.seq)
            guard let (message, seq) = try message(at: row.message), message.state == .accepted else { continue }
            try setState(.unconfirmed, of: row.message)
            if let change = try change(at: row.message, seq: seq) { changes.append(change) }
        }
        return .expired(changes, hasMore: rows.count == NodeStore.stepRowsMax)
    }

    private func message(at position: Int64) throws(StoreError) -> (KnownMessage, seq: Int64)? {
        try database.first("SELECT \(KnownMessage.columns), m.seq FROM message m WHERE m.position = ?", position) {
            (KnownMessage($0), seq: $0.count(8))
        }
    }

    private func change(at position: Int64, seq: Int64) throws(StoreError) -> StateChange? {
        guard let (message, _) = try message(at: position), let author = try? Address(parsing: message.sender) else {
            return nil
        }
        return StateChange(author: author, state: try state(of: message, seq: seq))
    }

    private func setState(_ state: StoredState, _ refusal: Refusal? = nil, of position: Int64) throws(StoreError) {
        try database.run(
            "UPDATE message SET state = ?, refusal_code = ?, refusal_text = ? WHERE position = ?",
            state.rawValue, refusal?.code.rawValue, refusal?.text, position)
    }
}
