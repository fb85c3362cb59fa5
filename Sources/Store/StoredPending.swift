import Bytes
package import Wire

/// A message that its author wrote and whose end is not known.
package struct PendingMessage: Hashable, Sendable {
    /// What a node said of it.
    package struct Acceptance: Hashable, Sendable {
        /// Milliseconds since 1970.
        package let at: Int64
        package let isUnconfirmed: Bool
        package let waiting: [ServerName]
    }

    static let columns = """
        id, conversation, at, text, draft, checksum, position, accepted_at, is_unconfirmed, waiting, offer
        """

    /// Larger for messages that were written later.
    package let position: Int64
    package let id: MessageID
    package let to: Conversation
    /// Milliseconds since 1970.
    package let at: Int64
    /// The words, as long as there are no keys to seal them with.
    package let text: String?
    /// An encoded `MessageContent` that is no words, for the same time.
    package let offer: [UInt8]?
    /// An encoded `Draft`.
    package let draft: [UInt8]?
    /// nil: no node has accepted it yet.
    package let acceptance: Acceptance?
    /// The record is not what was saved; neither text nor offer nor draft is given, and it must not be sent.
    package let isDamaged: Bool

    /// nil if damage left neither an id nor a place to show it in.
    init?(_ row: Row) {
        guard let id = MessageID(bytes: row.bytes(0)), let to = try? Conversation(parsing: row.text(1)) else {
            return nil
        }
        self.id = id
        self.to = to
        at = row.integer(2)
        let (text, offer, draft) = (row.optionalText(3), row.optionalBytes(10), row.optionalBytes(4))
        let checksum = PendingMessage.checksum(id, to.text, at: at, text: text, offer: offer, draft: draft)
        isDamaged = row.integer(5) != checksum
        self.text = isDamaged ? nil : text
        self.offer = isDamaged ? nil : offer
        self.draft = isDamaged ? nil : draft
        position = row.integer(6)
        let isUnconfirmed = row.integer(8) != 0
        let waiting = row.text(9).split(separator: ",").compactMap { try? ServerName(String($0)) }
        acceptance = row.optionalInteger(7).map { Acceptance(at: $0, isUnconfirmed: isUnconfirmed, waiting: waiting) }
    }

    static func checksum(
        _ id: MessageID, _ conversation: String, at: Int64, text: String? = nil, offer: [UInt8]? = nil,
        draft: [UInt8]?
    ) -> Int64 {
        var record: [UInt8] = []
        record.appendField(id.bytes)
        record.appendField(conversation)
        record.appendBigEndian(at)
        record.appendField(text.map { [1] + Array($0.utf8) } ?? [])
        record.appendField(draft.map { [1] + $0 } ?? [])
        // Records of the first versions have none.
        if let offer { record.appendField([1] + offer) }
        var sum = CRC64()
        sum.add(record)
        return Int64(bitPattern: sum.value)
    }
}
