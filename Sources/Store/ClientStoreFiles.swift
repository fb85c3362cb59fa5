package import Wire

/// One transfer as a client keeps it. What the words of `state` mean is the client's business.
package struct StoredTransfer: Hashable, Sendable {
    /// Counts up from 1; never given twice.
    package let number: Int64
    package let isOutgoing: Bool
    package let id: MessageID
    /// The author.
    package let from: Address
    package let to: Conversation
    /// Milliseconds since 1970.
    package let at: Int64
    package let offer: FileOffer
    package let state: String
    /// Chunks.
    package let done: Int64
    /// 32 bytes.
    package let link: [UInt8]
    package let isOffered: Bool
    package let path: String?
    package let folder: String?
    package let target: String?
    package let outcome: FileOutcome?
    package let reason: Refusal?

    package init(
        number: Int64, isOutgoing: Bool, id: MessageID, from: Address, to: Conversation, at: Int64, offer: FileOffer,
        state: String, done: Int64, link: [UInt8], isOffered: Bool, path: String?, folder: String?, target: String?,
        outcome: FileOutcome?, reason: Refusal?
    ) {
        self.number = number
        self.isOutgoing = isOutgoing
        self.id = id
        self.from = from
        self.to = to
        self.at = at
        self.offer = offer
        self.state = state
        self.done = done
        self.link = link
        self.isOffered = isOffered
        self.path = path
        self.folder = folder
        self.target = target
        self.outcome = outcome
        self.reason = reason
    }

    static let columns = """
        number, id, is_outgoing, from_address, conversation, at, name, bytes, digest, key, chain, state, done, link,
        is_offered, path, folder, target, outcome, reason_code, reason_text
        """

    /// nil if damage left no file in it.
    init?(_ row: Row) {
        guard let id = MessageID(bytes: row.bytes(1)), let from = try? Address(parsing: row.text(3)),
            let to = try? Conversation(parsing: row.text(4)), row.integer(7) >= 0,
            row.integer(7) <= FileOffer.bytesMax
        else { return nil }
        let offer = FileOffer(
            name: row.text(6), bytes: row.integer(7), digest: row.bytes(8), key: row.bytes(9), chain: row.bytes(10))
        let code = row.optionalText(19).flatMap { Refusal.Code(rawValue: $0) }
        self.init(
            number: row.count(0), isOutgoing: row.integer(2) != 0, id: id, from: from, to: to, at: row.integer(5),
            offer: offer, state: row.text(11), done: min(row.count(12), offer.chunkCount), link: row.bytes(13),
            isOffered: row.integer(14) != 0, path: row.optionalText(15), folder: row.optionalText(16),
            target: row.optionalText(17), outcome: row.optionalText(18).flatMap { FileOutcome(rawValue: $0) },
            reason: code.map { Refusal($0, row.text(20)) })
    }
}

/// Files on their way.
extension ClientStore {
    /// In place of what was kept under its number and id.
    package func saveFile(_ file: StoredTransfer) throws(StoreError) {
        let offer = file.offer
        try database.run(
            """
            INSERT OR REPLACE INTO file (\(StoredTransfer.columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            file.number, file.id.bytes, file.isOutgoing ? 1 : 0, file.from.text, file.to.text, file.at, offer.name,
            offer.bytes, offer.digest, offer.key, offer.chain, file.state, file.done, file.link,
            file.isOffered ? 1 : 0, file.path, file.folder, file.target, file.outcome?.rawValue,
            file.reason?.code.rawValue, file.reason?.text)
    }

    package func removeFile(_ id: MessageID) throws(StoreError) {
        try database.run("DELETE FROM file WHERE id = ?", id.bytes)
    }

    /// In the order of their numbers.
    package func files() throws(StoreError) -> [StoredTransfer] {
        try database.rows("SELECT \(StoredTransfer.columns) FROM file ORDER BY number") { StoredTransfer($0) }
    }

    /// The largest number that a file ever had, 0 if there was none.
    package func lastFileNumber() throws(StoreError) -> Int64 {
        try database.first("SELECT seq FROM sqlite_sequence WHERE name = 'file'") { $0.count(0) } ?? 0
    }
}
