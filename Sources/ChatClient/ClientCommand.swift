package import Wire

/// What a person or program asks of the client. The driver makes ids and reads clocks, so that the machine needs none.
package enum ClientCommand: Hashable, Sendable {
    /// `at` is milliseconds since 1970.
    case message(id: MessageID, to: Conversation, text: String, at: Int64)
    case who
    /// nil: what this client has pinned, its own account's included, without asking the node.
    case keys(of: Address?)
    /// Offers the file at `path` under the id of the message that will carry the offer.
    case file(id: MessageID, to: Conversation, path: String, at: Int64)
    /// Those that are not over, and the last ones that are.
    case files
    /// Fetches an offered file into the folder, or the new file, `path`; nil: into the folder for downloads.
    case accept(MessageID, path: String?)
    /// Takes back an offer, or declines one.
    case cancel(MessageID)
    /// The newest `count` messages below `before` (nil: of all), or the oldest above `after`; 1 to
    /// `HistoryRange.countMax`.
    case history(Conversation, count: Int, before: Int64?, after: Int64? = nil)
    /// Accepts the account keys that an address shows now, after they were replaced.
    case trust(Address)
}

/// Names one command; what answers it carries it. The caller counts.
package struct CommandToken: Hashable, Sendable {
    package let number: Int64

    package init(_ number: Int64) { self.number = number }
}

/// What the client tells its user. `answering` names the command that asked, nil where nobody did.
package enum ClientEvent: Hashable, Sendable {
    case connected(Address)
    case disconnected(reason: String, retryIn: Duration)
    /// In the order of `seq` in each conversation, each once, but for those that answer a history command.
    case message(ShownMessage, answering: CommandToken?)
    case state(MessageID, SendState, answering: CommandToken?)
    case person(Person, answering: CommandToken?)
    /// Another server cannot be reached any more, or can again. `waiting` of one's own messages are for it.
    case server(ServerStatus, waiting: Int)
    case key(DeviceKey, of: Address, change: KeyChange?, answering: CommandToken?)
    /// These messages of the conversation are not here; the history command asks for them.
    case gap(Conversation, ClosedRange<Int64>, answering: CommandToken?)
    /// `code` is a word for programs: that of a refusal, or one of `ClientFault`.
    case error(code: String, text: String, answering: CommandToken?)
    case file(FileProgress, answering: CommandToken?)
    /// The last event of each command.
    case done(CommandToken)
}

extension ClientEvent {
    static func error(_ refusal: Refusal, answering: CommandToken? = nil) -> ClientEvent {
        .error(code: refusal.code.rawValue, text: refusal.text, answering: answering)
    }
}

/// Codes of error events that no refusal has.
package enum ClientFault: String, Sendable {
    /// A sealed message that could not be opened. Why is not told, see `Sealing`.
    case unreadable
    /// The node's proof of knowing the password is wrong.
    case nodeUnproven = "node-unproven"
    /// The node's store went back; it may have lost messages.
    case nodeWentBack = "node-went-back"
    /// A device key that its account did not sign.
    case badDeviceKey = "bad-device-key"
    /// The node speaks no TLS.
    case withoutTLS = "without-tls"
    /// The server has a new key that the known one signed for; the client knows it by that from now on.
    case serverKeyRotated = "server-key-rotated"
}

/// One message as it may be shown.
package struct ShownMessage: Hashable, Sendable {
    package let conversation: Conversation
    package let seq: Int64
    package let id: MessageID
    package let from: Address
    package let to: Conversation
    /// The author's clock, milliseconds since 1970.
    package let at: Int64
    /// nil if the message is sealed and cannot be opened: nobody's words.
    package let content: MessageContent?
    package let isEncrypted: Bool

    /// `content` is what the entry says once it has been opened.
    package init(_ entry: Entry, in conversation: Conversation, _ content: MessageContent?) {
        self.conversation = conversation
        seq = entry.seq
        id = entry.envelope.id
        from = entry.envelope.from
        to = entry.envelope.to
        at = entry.envelope.at
        self.content = content
        if case .sealed = entry.envelope.body { isEncrypted = true } else { isEncrypted = false }
    }

    /// nil if it is no text, or nobody's.
    package var text: String? { if case .text(let text) = content { text } else { nil } }
}

/// A file as its user sees it, at one moment.
package struct FileProgress: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        /// Whole at the author's node; it can be accepted, or waits to be.
        case offered
        /// On its way from here to our node, or waiting for the connection.
        case sending
        /// On its way to here, or waiting for the connection.
        case receiving
        /// The recipient has it whole and has checked it.
        case complete
        case failed
        /// By its author, or declined by its recipient.
        case cancelled
    }

    /// Counts up from 1 in this profile: what people type.
    package let number: Int64
    /// That of the message with the offer.
    package let id: MessageID
    package let state: State
    package let from: Address
    package let to: Conversation
    /// The author's label.
    package let name: String
    /// Sent or received so far.
    package let bytes: Int64
    /// The size.
    package let of: Int64
    /// Where it lies on this machine: what is sent, or what has been received whole.
    package let path: String?
    /// Over the last seconds; nil unless it is moving.
    package let bytesPerSecond: Int64?
    /// Why it failed, was cancelled, or does not move.
    package let reason: Refusal?

    package init(
        number: Int64, id: MessageID, state: State, from: Address, to: Conversation, name: String, bytes: Int64,
        of: Int64, path: String? = nil, bytesPerSecond: Int64? = nil, reason: Refusal? = nil
    ) {
        self.number = number
        self.id = id
        self.state = state
        self.from = from
        self.to = to
        self.name = name
        self.bytes = bytes
        self.of = of
        self.path = path
        self.bytesPerSecond = bytesPerSecond
        self.reason = reason
    }

    /// At the present speed; nil if it is not moving.
    package var secondsLeft: Int64? {
        guard let bytesPerSecond, bytesPerSecond > 0 else { return nil }
        return max(0, of - bytes) / bytesPerSecond
    }
}

/// Where a message of ours is.
package enum SendState: Hashable, Sendable {
    /// Kept here until the node has it; the reason says what it waits for besides the connection.
    case pending(PendingReason?)
    case accepted(waiting: [ServerName])
    case delivered
    case failed(Refusal)
    case unconfirmed(waiting: [ServerName])
}

package enum PendingReason: String, Hashable, Sendable {
    /// None of the account keys known for the address remains: `trust` decides.
    case keyChanged = "key-changed"
    /// The device keys are not known yet, or the address has no device so far.
    case noKeys = "no-keys"
}

/// What is new about an account key since it was last seen.
package enum KeyChange: String, Hashable, Sendable {
    case first, added, replaced
}

/// Why the client stopped for good.
package enum ClientEnd: Error, Hashable, Sendable {
    /// The first connection failed.
    case unreachable(String)
    /// The node serves another name.
    case unknownHost(String)
    case loginRefused(String)
    /// The node broke the protocol, or is not the node it was.
    case protocolFault(String)

    package var text: String {
        switch self {
        case .unreachable(let text), .unknownHost(let text), .loginRefused(let text), .protocolFault(let text): text
        }
    }
}
