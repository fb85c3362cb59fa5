import Bytes
package import Wire

/// What a client keeps for one person on one account. Not Sendable. Each change is on the disk when its method returns;
/// inside `transaction` all of them are when that returns.
package final class ClientStore {
    let database: Database

    /// Opens or makes the database at `path`, or an empty one in `:memory:`. Throws `.inUse` where another client has
    /// the same profile open.
    package init(path: String) throws(StoreError) {
        database = try Database(path: path)
        try Schema.client.apply(to: database)
    }

    /// Closes the database; later calls throw.
    package func close() throws(StoreError) { try database.close() }

    /// Makes several changes one: all of them last, or none if `body` throws. May stand inside another.
    package func transaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try database.isInTransaction ? database.savepoint(body) : database.transaction(body)
    }

    // MARK: Pending messages

    /// Keeps a message at the end of those to send. `text` waits for keys; `draft` is an encoded `Draft`, the exact
    /// bytes to send and to send again. Throws `.constraint` if the id is pending already.
    package func savePending(
        _ id: MessageID, to conversation: Conversation, at: Int64, text: String?, draft: [UInt8]? = nil
    ) throws(StoreError) {
        let message = PendingMessage(id: id, to: conversation, at: at, text: text, draft: draft)
        try database.run(
            "INSERT INTO pending (id, conversation, at, text, draft, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            id.bytes, conversation.text, at, text, draft, message.checksum)
    }

    /// The keys are there: from now on these bytes are what is sent. The text goes. Unknown ids change nothing.
    package func setDraft(_ id: MessageID, _ draft: [UInt8]) throws(StoreError) {
        let found = try database.first("SELECT conversation, at FROM pending WHERE id = ?", id.bytes) {
            (conversation: $0.text(0), at: $0.integer(1))
        }
        guard let found else { return }
        let checksum = PendingMessage.checksum(id, found.conversation, at: found.at, text: nil, draft: draft)
        try database.run(
            "UPDATE pending SET text = NULL, draft = ?, checksum = ? WHERE id = ?", draft, checksum, id.bytes)
    }

    /// All pending messages in the order in which they were written. Damaged ones have neither text nor draft.
    package func pendingInOrder() throws(StoreError) -> [PendingMessage] {
        try database.rows(
            "SELECT id, conversation, at, text, draft, checksum FROM pending ORDER BY position"
        ) { PendingMessage($0) }
    }

    package func removePending(_ id: MessageID) throws(StoreError) {
        try database.run("DELETE FROM pending WHERE id = ?", id.bytes)
    }

    // MARK: Cursors

    /// The last sequence number that the client has seen of a conversation.
    package func cursor(_ conversation: Conversation) throws(StoreError) -> Int64? {
        try database.first("SELECT seq FROM cursor WHERE conversation = ?", conversation.text) { $0.integer(0) }
    }

    package func setCursor(_ conversation: Conversation, _ seq: Int64) throws(StoreError) {
        try database.run("INSERT OR REPLACE INTO cursor VALUES (?, ?)", conversation.text, seq)
    }

    package func allCursors() throws(StoreError) -> [Conversation: Int64] {
        var cursors: [Conversation: Int64] = [:]
        try database.forEach("SELECT conversation, seq FROM cursor") { row in
            if let conversation = try? Conversation(parsing: row.text(0)) { cursors[conversation] = row.integer(1) }
            return true
        }
        return cursors
    }
}

/// A message that its author wrote and no node has accepted yet.
package struct PendingMessage: Hashable, Sendable {
    package let id: MessageID
    package let to: Conversation
    /// Milliseconds since 1970.
    package let at: Int64
    /// The words, as long as there are no keys to seal them with.
    package let text: String?
    /// An encoded `Draft`.
    package let draft: [UInt8]?
    /// The record is not what was saved; neither text nor draft is given, and it must not be sent.
    package let isDamaged: Bool

    init(id: MessageID, to: Conversation, at: Int64, text: String?, draft: [UInt8]?) {
        self.id = id
        self.to = to
        self.at = at
        self.text = text
        self.draft = draft
        isDamaged = false
    }

    /// nil if damage left neither an id nor a place to show it in.
    init?(_ row: Row) {
        guard let id = MessageID(bytes: row.bytes(0)), let to = try? Conversation(parsing: row.text(1)) else {
            return nil
        }
        self.id = id
        self.to = to
        at = row.integer(2)
        let (text, draft) = (row.optionalText(3), row.optionalBytes(4))
        isDamaged = row.integer(5) != PendingMessage.checksum(id, to.text, at: at, text: text, draft: draft)
        self.text = isDamaged ? nil : text
        self.draft = isDamaged ? nil : draft
    }

    var checksum: Int64 { PendingMessage.checksum(id, to.text, at: at, text: text, draft: draft) }

    static func checksum(_ id: MessageID, _ conversation: String, at: Int64, text: String?, draft: [UInt8]?) -> Int64 {
        var record: [UInt8] = []
        record.appendField(id.bytes)
        record.appendField(conversation)
        record.appendBigEndian(at)
        record.appendField(text.map { [1] + Array($0.utf8) } ?? [])
        record.appendField(draft.map { [1] + $0 } ?? [])
        var sum = CRC64()
        sum.add(record)
        return Int64(bitPattern: sum.value)
    }
}
