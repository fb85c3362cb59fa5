import Wire

/// A message as far as its author's node has to know it again.
struct KnownMessage {
    static let columns =
        "m.position, m.conversation, m.sender, m.id, m.state, m.refusal_code, m.refusal_text, m.skipped"

    let position: Int64
    let conversation: Int64
    let sender: String
    let id: [UInt8]
    let state: StoredState
    let refusal: Refusal?
    /// Server names with commas between them.
    let skipped: String?

    init(_ row: Row) {
        position = row.integer(0)
        conversation = row.integer(1)
        sender = row.text(2)
        id = row.bytes(3)
        state = StoredState(rawValue: row.integer(4)) ?? .unconfirmed
        refusal = row.optionalText(5).map { Refusal(Refusal.Code(rawValue: $0) ?? .damaged, row.text(6)) }
        skipped = row.optionalText(7)
    }

    var isPublic: Bool { conversation == NodeStore.publicConversation }
}

/// Taking messages in: from our own users and from peers.
extension NodeStore {
    /// The row that the schema makes.
    static let publicConversation: Int64 = 1

    func accept(
        _ envelope: Envelope, peers: [ServerName], local: ServerName, at: Int64, deadline: Int64
    ) throws(StoreError) -> NodeReply {
        if let answer = try retried(envelope) { return answer }
        let bytes = envelope.encoded()
        var targets: [Peer] = []
        var skipped: [ServerName] = []
        switch envelope.to {
        case .direct(let recipient) where recipient.server == local:
            guard try isActive(recipient.user) else { return .refused(NodeStore.unknownUser(recipient)) }
        case .direct(let recipient):
            let peer = try peer(recipient.server)
            guard fits(bytes.count, into: peer) else { return .refused(NodeStore.outboxRefusal(recipient.server)) }
            targets = [peer]
        case .everyone:
            for name in Set(peers).sorted() {
                let peer = try peer(name)
                if fits(bytes.count, into: peer) { targets.append(peer) } else { skipped.append(name) }
            }
        }
        let isDelivered = targets.isEmpty && skipped.isEmpty
        let (position, seq) = try insert(
            envelope, bytes, state: isDelivered ? .delivered : .accepted, skipped: skipped, at: at)
        var queued: [Acceptance.Queued] = []
        for peer in targets {
            let place = try enqueue(position, bytes: bytes.count, for: peer, deadline: deadline)
            queued.append(Acceptance.Queued(peer: peer.name, seq: place))
        }
        let state = MessageState(
            id: envelope.id, state: isDelivered ? .delivered : .accepted(seq: seq), waiting: queued.map(\.peer))
        return .accepted(Acceptance(seq: seq, isDuplicate: false, state: state, skipped: skipped, queued: queued))
    }

    /// The answer to a message whose author and id are known; nil if they are new.
    func retried(_ envelope: Envelope) throws(StoreError) -> NodeReply? {
        guard let (message, stored) = try known(envelope) else { return nil }
        guard stored.isIntact else { return .refused(NodeStore.damagedRefusal) }
        guard stored.bytes == envelope.encoded() else { return .refused(NodeStore.reusedRefusal) }
        let state = try state(of: message, seq: stored.seq)
        let skipped = (message.skipped ?? "").split(separator: ",").compactMap { try? ServerName(String($0)) }
        return .accepted(Acceptance(seq: stored.seq, isDuplicate: true, state: state, skipped: skipped, queued: []))
    }

    /// The message that already has this author and id, if there is one.
    func known(_ envelope: Envelope) throws(StoreError) -> (KnownMessage, StoredEnvelope)? {
        try database.first(
            """
            SELECT \(KnownMessage.columns), \(StoredEnvelope.columns)
            FROM message m JOIN conversation c ON c.id = m.conversation WHERE m.sender = ? AND m.id = ?
            """, envelope.from.text, envelope.id.bytes
        ) { (KnownMessage($0), StoredEnvelope($0, from: 8)) }
    }

    /// Puts a message at the end of its conversation.
    func insert(
        _ envelope: Envelope, _ bytes: [UInt8], state: StoredState, skipped: [ServerName] = [], at: Int64
    ) throws(StoreError) -> (position: Int64, seq: Int64) {
        let key = ConversationKey.key(of: envelope)
        let (conversation, last) = try conversation(key, of: envelope)
        let seq = last + 1
        try database.run(
            """
            INSERT INTO message (conversation, seq, sender, id, stored_at, state, skipped, checksum, envelope)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, conversation, seq, envelope.from.text, envelope.id.bytes, at, state.rawValue,
            skipped.isEmpty ? nil : skipped.map(\.text).joined(separator: ","),
            MessageChecksum.value(conversation: key, seq: seq, envelope: bytes), bytes)
        let position = database.lastInsertedRow
        try database.run(
            "UPDATE conversation SET last_seq = ?, last_position = ? WHERE id = ?", seq, position, conversation)
        return (position, seq)
    }

    private func conversation(
        _ key: String, of envelope: Envelope
    ) throws(StoreError) -> (id: Int64, last: Int64) {
        let found = try database.first("SELECT id, last_seq FROM conversation WHERE key = ?", key) {
            (id: $0.integer(0), last: $0.count(1))
        }
        if let found { return found }
        guard case .direct(let recipient) = envelope.to else {
            throw StoreError(.damaged, "the public conversation is missing")
        }
        let (first, second) = ConversationKey.ordered(envelope.from, recipient)
        try database.run(
            "INSERT INTO conversation (key, first, second) VALUES (?, ?, ?)",
            key, first.text, first == second ? nil : second.text)
        return (database.lastInsertedRow, 0)
    }

    /// States alone need no sound envelope: they are told also of a message whose record is damaged.
    func states(author: Address, ids: [MessageID]) throws(StoreError) -> NodeReply {
        var states: [MessageState] = []
        var unknown: [MessageID] = []
        for id in ids {
            let found = try database.first(
                "SELECT \(KnownMessage.columns), m.seq FROM message m WHERE m.sender = ? AND m.id = ?",
                author.text, id.bytes
            ) { (message: KnownMessage($0), seq: $0.count(8)) }
            if let found {
                states.append(try state(of: found.message, seq: found.seq))
            } else {
                unknown.append(id)
            }
        }
        return .states(states, unknown: unknown)
    }

    /// What to tell the author of a message.
    func state(of message: KnownMessage, seq: Int64) throws(StoreError) -> MessageState {
        let id = MessageID(bytes: message.id)
        guard let id else { throw StoreError(.damaged, "a message has no id") }
        switch message.state {
        case .delivered: return MessageState(id: id, state: .delivered)
        case .failed: return MessageState(id: id, state: .failed(message.refusal ?? NodeStore.damagedRefusal))
        case .accepted: return MessageState(id: id, state: .accepted(seq: seq), waiting: try waiting(for: message))
        case .unconfirmed: return MessageState(id: id, state: .unconfirmed, waiting: try waiting(for: message))
        }
    }

    /// The servers that have not confirmed the message yet.
    func waiting(for message: KnownMessage) throws(StoreError) -> [ServerName] {
        try database.rows(
            """
            SELECT p.name FROM outbox o JOIN peer p ON p.id = o.peer
            WHERE o.message = ? AND o.state = 0 ORDER BY p.name
            """, message.position
        ) { try? ServerName($0.text(0)) }
    }

    static let damagedRefusal = Refusal(.damaged, "the stored record of this message is damaged; send it anew")
    static let reusedRefusal = Refusal(.idReused, "this id belongs to another message; make a new one")

    static func unknownUser(_ address: Address) -> Refusal {
        Refusal(.unknownUser, "\(address.text) has no account; check the name")
    }

    private static func outboxRefusal(_ server: ServerName) -> Refusal {
        Refusal(.outboxFull, "too much is waiting for \(server.text) already; try again when it can be reached")
    }
}
