import Bytes
import Wire

/// What `message.state` holds. Released numbers are frozen.
enum StoredState: Int64 {
    case accepted = 0
    case delivered = 1
    case failed = 2
    case unconfirmed = 3
}

/// What `outbox.state` holds. Released numbers are frozen, and the schema's partial indexes name 0.
enum OutboxState: Int64 {
    case queued = 0
    case acknowledged = 1
    /// By the peer, or by ourselves because it is damaged.
    case refused = 2
}

/// The key under which a conversation is stored. For its two people it is the same one.
enum ConversationKey {
    static let everyone = "public"

    static func direct(_ one: Address, _ other: Address) -> String {
        let (first, second) = ordered(one, other)
        // No address holds a space.
        return "\(first.text) \(second.text)"
    }

    static func ordered(_ one: Address, _ other: Address) -> (Address, Address) {
        one < other ? (one, other) : (other, one)
    }

    static func key(of envelope: Envelope) -> String {
        switch envelope.to {
        case .everyone: everyone
        case .direct(let recipient): direct(envelope.from, recipient)
        }
    }
}

/// The sum that stands beside a message and finds damage (design promise P10): over the place as well as the content,
/// so that an intact envelope in the wrong row is found too.
enum MessageChecksum {
    static func value(conversation: String, seq: Int64, envelope: [UInt8]) -> Int64 {
        var place: [UInt8] = []
        place.appendField(conversation)
        place.appendBigEndian(seq)
        var sum = CRC64()
        sum.add(place)
        sum.add(envelope)
        return Int64(bitPattern: sum.value)
    }
}

/// The columns that a message is read from; the query has to name them in this order.
struct StoredEnvelope {
    static let columns = "c.key, m.seq, m.checksum, m.envelope"

    let conversation: String
    let seq: Int64
    let checksum: Int64
    let bytes: [UInt8]

    init(_ row: Row, from column: Int32) {
        conversation = row.text(column)
        seq = row.count(column + 1)
        checksum = row.integer(column + 2)
        bytes = row.bytes(column + 3)
    }

    var isIntact: Bool {
        checksum == MessageChecksum.value(conversation: conversation, seq: seq, envelope: bytes)
    }

    /// nil if the record is damaged.
    var envelope: Envelope? { isIntact ? try? Envelope(decoding: bytes) : nil }
}
