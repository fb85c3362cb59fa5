package import Bytes
package import Files
package import Wire

/// What happens to the client.
package enum ClientInput: Sendable {
    /// The first input: what earlier runs left.
    case started(StoredState)
    /// Answers `connect`. `nonce` is 32 fresh bytes.
    case opened(nonce: [UInt8], ClientChannel = .plaintext)
    case line(NodeLine)
    /// A line that cannot be read; nothing after it is trusted.
    case unreadable(Refusal)
    /// Answers `connect` that failed, `disconnect`, or comes by itself.
    case closed(reason: String)
    /// Answers `connect` with TLS: whoever is there does not speak it.
    case notTLS
    /// The node's name has no address.
    case unresolved(reason: String)
    /// The time of `wake` has come. An early or needless tick is harmless.
    case tick
    case command(ClientCommand, CommandToken)
    /// Answers `verifyHello`.
    case helloVerified(Bool)
    /// Answers `scram`: what to send, empty for the last step.
    case scramDone(String)
    /// Answers `scram`.
    case scramFailed(ScramFailure)
    /// Answers `savePending` or `saveDraft`: it is on disk.
    case saved(MessageID)
    /// Answers `savePending` or `saveDraft`.
    case saveFailed(MessageID, reason: String)
    /// Answers `recall`; nil if the record is damaged.
    case recalled(MessageID, PendingMessage?)
    /// Answers `seal`; nil if the machine has no memory or a key is unusable.
    case sealed(MessageID, Sealed?)
    /// Answers `open`; nil if anything at all is wrong with the message.
    case unsealed(opening: Int64, MessageContent?)
    /// What came of an order; some report several times, some never.
    case file(FileReport)
    /// Answers `saveFile`: it is on disk.
    case fileSaved(MessageID)
    /// Answers `saveFile`.
    case fileSaveFailed(MessageID, reason: String)
    /// Answers `verifyKeys` with those that passed, in their order.
    case keysVerified(of: Address, [DeviceKey])
}

/// What a connection to the node runs over.
package enum ClientChannel: Hashable, Sendable {
    case plaintext
    /// With the 32 bytes that both ends export from it (`tls-exporter`, RFC 9266).
    case tls(exporter: [UInt8])

    var exporter: [UInt8]? { if case .tls(let exporter) = self { exporter } else { nil } }
}

/// What a login says of the channel (RFC 5802 §6).
package enum LoginBinding: Hashable, Sendable {
    /// It runs over plain TCP, as its user wants.
    case none
    /// It would have used TLS and found none.
    case notOffered
    /// It holds for this one TLS connection only.
    case exporter([UInt8])
}

package enum ScramFailure: Hashable, Sendable {
    /// The password itself cannot be used.
    case passwordRefused
    /// The node does not know the password's verifier, or breaks RFC 5802.
    case nodeRefused
}

/// What the driver is to do, in this order.
package enum ClientAction: Hashable, Sendable {
    /// Open a connection; `opened`, `notTLS`, `unresolved` or `closed` follows.
    case connect(usesTLS: Bool)
    /// Close the connection; `closed` follows.
    case disconnect(reason: String)
    case send(ClientLine)
    /// Check the node's signature, and those of the keys that lead from the pinned one to its own. All have to be right.
    case verifyHello([KeyRotation.Check])
    /// One step of SCRAM-SHA-256 (RFC 5802); `begin` starts anew.
    case scram(ScramStep)
    /// Check digest, size and account signature of each key.
    case verifyKeys(of: Address, [DeviceKey])
    /// Seal `content` for all of `keys`.
    case seal(id: MessageID, to: Address, content: MessageContent, at: Int64, keys: [DeviceKey])
    /// Open a sealed message whose sending device has `key`.
    case open(opening: Int64, Envelope, key: DeviceKey)
    /// Commit to disk behind those that are there, then answer `saved`.
    case savePending(PendingMessage)
    /// Commit in place of the content saved before, then answer `saved`.
    case saveDraft(Draft)
    /// The node has the message; its record stays.
    case saveAccepted(MessageID, isUnconfirmed: Bool, waiting: [ServerName])
    /// The node does not have it after all. Commit that, then answer `recalled` with its record.
    case recall(MessageID)
    case removePending(MessageID)
    /// Do something with a file of this machine, after all that was ordered before.
    case file(FileOrder)
    /// Commit in place of what was saved of it before, then answer `fileSaved`.
    case saveFile(Transfer)
    case removeFile(MessageID)
    case saveCursor(Conversation, Int64)
    case saveGap(Conversation, ClosedRange<Int64>)
    /// Of a gap this much has been shown.
    case fillGap(Conversation, ClosedRange<Int64>)
    case saveKeys(of: Address, [DeviceKey])
    case savePins(of: Address, [IdentityKey])
    case saveServerPin(IdentityKey)
    /// The server has spoken TLS; from now on it has to.
    case saveServerTLS
    /// The node's store, as this client last met it.
    case saveNodeStore(MetStore)
    /// nil forgets the token.
    case saveToken(ResumeToken?)
    case emit(ClientEvent)
    /// Give `tick` at this time; replaces any earlier wish.
    case wake(at: Instant)
    /// The client is over; the connection has to be closed.
    case end(ClientEnd)
}

extension ClientInput {
    /// Whether it answers what the machine wanted done here, so that what its user gave gets on disk.
    var isWorkOfThisMachine: Bool {
        switch self {
        case .saved, .saveFailed, .sealed, .file, .fileSaved, .fileSaveFailed: true
        default: false
        }
    }
}

package enum ScramStep: Hashable, Sendable {
    /// nil: with the password.
    case begin(token: ResumeToken?, LoginBinding)
    case answer(challenge: String)
    case check(String)
}

/// A message that the node has not accepted yet.
package struct PendingMessage: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        /// For one address whose keys are not known yet.
        case content(MessageContent)
        /// What is sent, the same bytes each time.
        case draft(Draft)
    }

    package let id: MessageID
    package let to: Conversation
    /// Milliseconds since 1970.
    package let at: Int64
    /// Larger for messages that were written later.
    package let place: Int64
    package let content: Content

    package init(id: MessageID, to: Conversation, at: Int64, place: Int64, content: Content) {
        self.id = id
        self.to = to
        self.at = at
        self.place = place
        self.content = content
    }
}

/// A message that the node accepted in an earlier run and whose end is not known.
package struct AcceptedMessage: Hashable, Sendable {
    package let id: MessageID
    package let to: Conversation
    /// Compares with that of `PendingMessage`.
    package let place: Int64
    /// nil if it is sealed.
    package let text: String?
    /// Accepted so long ago that the node is asked for its state only once more.
    package let isOld: Bool
    package let isUnconfirmed: Bool
    package let waiting: [ServerName]

    package init(
        id: MessageID, to: Conversation, place: Int64, text: String?, isOld: Bool, isUnconfirmed: Bool,
        waiting: [ServerName]
    ) {
        self.id = id
        self.to = to
        self.place = place
        self.text = text
        self.isOld = isOld
        self.isUnconfirmed = isUnconfirmed
        self.waiting = waiting
    }
}

/// What a client keeps between runs.
package struct StoredState: Sendable {
    package var serverPin: IdentityKey?
    /// The server has spoken TLS before.
    package var hasSeenTLS = false
    package var nodeStore = MetStore()
    package var token: ResumeToken?
    /// Empty only if this profile never logged in.
    package var cursors: [Conversation: Int64] = [:]
    package var gaps: [Conversation: [ClosedRange<Int64>]] = [:]
    package var keys: [Address: [DeviceKey]] = [:]
    package var pins: [Address: [IdentityKey]] = [:]
    /// In the order in which they were saved.
    package var pending: [PendingMessage] = []
    /// In any order; none of them is in `pending`.
    package var accepted: [AcceptedMessage] = []
    /// In any order.
    package var files: [Transfer] = []
    /// The largest number that a file ever had.
    package var lastFileNumber: Int64 = 0
    /// Messages that were pending and whose records are damaged.
    package var damagedPending: [MessageID] = []

    package init() {}
}
