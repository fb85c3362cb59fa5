package import Wire

/// One file on its way from or to this client, as it is kept between runs.
package struct Transfer: Hashable, Sendable {
    /// Raw values stand in stores.
    package enum State: String, Hashable, Sendable, CaseIterable {
        case offered, sending, receiving, complete, failed, cancelled
    }

    /// Counts up from 1 in one profile.
    package let number: Int64
    package let isOutgoing: Bool
    package let id: MessageID
    /// The author of the offer.
    package let from: Address
    package let to: Conversation
    /// When the offer was written, milliseconds since 1970.
    package let at: Int64
    package internal(set) var offer: FileOffer
    package internal(set) var state: State
    /// Of the first chunks: at the author's node, or safe on this disk.
    package internal(set) var done: Int64
    /// The link behind those `done`, on this disk.
    package internal(set) var link: [UInt8]
    /// The message with the offer is on its way, or sent; outgoing ones only.
    package internal(set) var isOffered: Bool
    /// Where it lies on this machine: what is sent, or what has been received whole.
    package internal(set) var path: String?
    /// Where it is being received to.
    package internal(set) var place: Place?
    /// What the author's node has still to hear.
    package internal(set) var outcome: FileOutcome?
    /// Why it failed or was cancelled, or does not move.
    package internal(set) var reason: Refusal?

    /// A folder, and the name that the file is to have in it.
    package struct Place: Hashable, Sendable {
        package let folder: String
        package let name: String

        package init(folder: String, name: String) {
            self.folder = folder
            self.name = name
        }
    }

    package init(
        number: Int64, isOutgoing: Bool, id: MessageID, from: Address, to: Conversation, at: Int64, offer: FileOffer,
        state: State, done: Int64 = 0, link: [UInt8]? = nil, isOffered: Bool = false, path: String? = nil,
        place: Place? = nil, outcome: FileOutcome? = nil, reason: Refusal? = nil
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
        self.link = link ?? offer.chain
        self.isOffered = isOffered
        self.path = path
        self.place = place
        self.outcome = outcome
        self.reason = reason
    }

    package var isOver: Bool {
        switch state {
        case .offered, .sending, .receiving: false
        case .complete, .failed, .cancelled: true
        }
    }

    var shape: FileShape { FileShape(bytes: offer.bytes) }
}

/// A transfer as its user sees it, at one moment.
package struct TransferProgress: Hashable, Sendable {
    package let transfer: Transfer
    /// Sent or received so far.
    package let bytes: Int64
    /// Over the last seconds; nil unless it is moving.
    package let bytesPerSecond: Int64?
}

/// What a transfer asks of its node. At most `Transfers.chunksMax` of `chunk` and `fetch` are under way.
package enum FileQuestion: Hashable, Sendable {
    case status(SpooledFile)
    case chunk(id: MessageID, index: Int64, data: [UInt8])
    case fetch(ChunkPlace)
    case outcome(from: Address, id: MessageID, FileOutcome)

    package var id: MessageID {
        switch self {
        case .status(let file): file.id
        case .chunk(let id, _, _), .outcome(_, let id, _): id
        case .fetch(let place): place.id
        }
    }
}

/// How the node answered a `FileQuestion`.
package enum FileAnswer: Hashable, Sendable {
    /// To `status` and `chunk`.
    case status(FileStatus)
    /// To `fetch`.
    case chunk([UInt8])
    /// To `outcome`.
    case kept
    case refused(Refusal)
}
