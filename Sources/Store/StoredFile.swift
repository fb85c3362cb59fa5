import Bytes
import Wire

/// A row of `file`.
struct StoredFile {
    /// What `file.state` holds. Released numbers are frozen, and the schema's partial indexes name 2: from there on a
    /// file has ended.
    enum State: Int64 {
        case uploading = 0
        case complete = 1
        case received = 2
        case declined = 3
        case cancelled = 4
        case expired = 5

        init(_ outcome: FileOutcome) {
            self =
                switch outcome {
                case .received: .received
                case .declined: .declined
                case .cancelled: .cancelled
                case .expired: .expired
                }
        }

        var outcome: FileOutcome? {
            switch self {
            case .uploading, .complete: nil
            case .received: .received
            case .declined: .declined
            case .cancelled: .cancelled
            case .expired: .expired
            }
        }
    }

    static let columns = "f.position, f.owner, f.id, f.recipient, f.chunks, f.held, f.state"

    let position: Int64
    let owner: Int64
    let id: MessageID
    let recipient: Conversation
    let chunks: Int64
    let held: Int64
    let state: State

    /// From `columns`; nil if they are damaged.
    init?(_ row: Row) {
        guard let id = MessageID(bytes: row.bytes(2)), let recipient = try? Conversation(parsing: row.text(3)),
            let state = State(rawValue: row.integer(6))
        else { return nil }
        position = row.integer(0)
        owner = row.integer(1)
        self.id = id
        self.recipient = recipient
        chunks = row.count(4)
        held = row.count(5)
        self.state = state
    }

    var status: FileStatus { FileStatus(id: id, held: held, chunks: chunks, outcome: state.outcome) }
    var hasEnded: Bool { state.outcome != nil }
}

/// The sum that stands beside a chunk and finds damage (design promise P10): over the place as well as the data, so
/// that sound data in the wrong row is found too.
enum ChunkChecksum {
    static func value(owner: UserName, id: MessageID, index: Int64, data: [UInt8]) -> Int64 {
        var place: [UInt8] = []
        place.appendField(owner.text)
        place.appendField(id.bytes)
        place.appendBigEndian(index)
        var sum = CRC64()
        sum.add(place)
        sum.add(data)
        return Int64(bitPattern: sum.value)
    }
}
