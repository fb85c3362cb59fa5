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

    // MARK: Messages on their way

    /// Keeps a message at the end of those to send. `text`, or the encoded content `offer`, waits for keys; `draft` is
    /// an encoded `Draft`, the exact bytes to send and to send again. Throws `.constraint` if the id is pending already.
    package func savePending(
        _ id: MessageID, to conversation: Conversation, at: Int64, text: String?, offer: [UInt8]? = nil,
        draft: [UInt8]? = nil
    ) throws(StoreError) {
        let checksum = PendingMessage.checksum(id, conversation.text, at: at, text: text, offer: offer, draft: draft)
        try database.run(
            "INSERT INTO pending (id, conversation, at, text, offer, draft, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
            id.bytes, conversation.text, at, text, offer, draft, checksum)
    }

    /// The keys are there: from now on these bytes are what is sent. The text or offer goes. Unknown ids change nothing.
    package func setDraft(_ id: MessageID, _ draft: [UInt8]) throws(StoreError) {
        let found = try database.first("SELECT conversation, at FROM pending WHERE id = ?", id.bytes) {
            (conversation: $0.text(0), at: $0.integer(1))
        }
        guard let found else { return }
        let checksum = PendingMessage.checksum(id, found.conversation, at: found.at, draft: draft)
        try database.run(
            "UPDATE pending SET text = NULL, offer = NULL, draft = ?, checksum = ? WHERE id = ?", draft, checksum,
            id.bytes)
    }

    /// The node has accepted the message, `at` milliseconds since 1970, or says more of it; the first time counts.
    /// Unknown ids change nothing.
    package func setAccepted(
        _ id: MessageID, isUnconfirmed: Bool, waiting: [ServerName], at: Int64
    ) throws(StoreError) {
        try database.run(
            """
            UPDATE pending SET accepted_at = coalesce(accepted_at, ?), is_unconfirmed = ?, waiting = ? WHERE id = ?
            """, at, isUnconfirmed ? 1 : 0, waiting.map(\.text).joined(separator: ","), id.bytes)
    }

    /// No node has accepted the message after all: it is to be sent again, from its old place. Unknown ids change
    /// nothing.
    package func setNotAccepted(_ id: MessageID) throws(StoreError) {
        try database.run(
            "UPDATE pending SET accepted_at = NULL, is_unconfirmed = 0, waiting = '' WHERE id = ?", id.bytes)
    }

    package func pending(_ id: MessageID) throws(StoreError) -> PendingMessage? {
        try database.first("SELECT \(PendingMessage.columns) FROM pending WHERE id = ?", id.bytes) {
            PendingMessage($0)
        }
    }

    /// All messages whose end is not known, accepted ones included, in the order in which they were written. Damaged
    /// ones have neither text nor offer nor draft.
    package func pendingInOrder() throws(StoreError) -> [PendingMessage] {
        try database.rows("SELECT \(PendingMessage.columns) FROM pending ORDER BY position") { PendingMessage($0) }
    }

    /// The end of the message is known.
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
