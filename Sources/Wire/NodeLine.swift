/// What a node says to its clients: one line of JSON each (`Docs/protocol/client.md`).
package enum NodeLine: Hashable, Sendable {
    /// Answers `hello`: who the node is, its signature over `ClientHello.transcript`, and how it came to its key.
    case hello(
        version: Int64, server: ServerName, key: IdentityKey, signature: [UInt8], rotations: [KeyRotation] = [])
    /// The server-first message of SCRAM.
    case challenge(data: String)
    case welcome(Welcome)
    /// Other servers. Where it is whole, as behind the welcome, all others can be reached; otherwise those that changed.
    case servers([ServerStatus], isWhole: Bool)
    /// What became of a message that this account sent.
    case state(MessageState)
    /// Ends the answer to `states`, whose `state` lines came before it: of `unknown` the account never had any accepted.
    case states(ref: Int64, unknown: [MessageID])
    case message(Entry, in: Conversation)
    /// Somebody's presence changed.
    case presence([Person])
    case people(ref: Int64, [Person])
    case keys(ref: Int64, of: Address, [DeviceKey])
    case history(ref: Int64, HistoryPage)
    case published(Fingerprint)
    /// How a file of this account stands: answers `file` and `chunk`, or comes by itself (no `ref`) when it has ended.
    case file(ref: Int64?, FileStatus)
    /// Answers `fetch`: 1 to `FileChunk.sealedBytesMax` bytes.
    case chunk(ref: Int64, data: [UInt8])
    /// Answers `outcome`: it is kept.
    case outcome(ref: Int64)
    /// `ref` or `id` names what is refused, where the refused line had one.
    case refused(Refusal, ref: Int64?, id: MessageID?)
    case pong(ref: Int64)
    /// The session has been silent; answered by `pong`.
    case ping(ref: Int64)
    /// The node ends this connection. `retrySeconds` says when to come back.
    case closing(Refusal, retrySeconds: Int64?)
}

/// A message in its place: `seq` counts up from 1 in each conversation of a home node.
package struct Entry: Hashable, Sendable {
    package let seq: Int64
    package let envelope: Envelope

    package init(seq: Int64, envelope: Envelope) {
        self.seq = seq
        self.envelope = envelope
    }
}

/// The end of a login: the node's SCRAM proof, a token for the next login, and where each conversation stands.
package struct Welcome: Hashable, Sendable {
    package let data: String
    package let address: Address
    package let token: ResumeToken
    /// The last sequence number of each of the account's conversations, at most `headsMax` of the liveliest.
    package let heads: [Head]
    /// A file may have this many bytes, 0 if none are taken; nil from a node of an earlier version.
    package let fileBytesMax: Int64?
    /// Of the node's store: another one than before says that it was put back from a backup. nil from a node of an earlier
    /// version.
    package let epoch: Epoch?
    /// The present run of the node's store; nil from a node of an earlier version.
    package let run: Run?
    /// The last run that both the client has met and the store knows, and where it ended for both of them; nil if there
    /// is none.
    package let known: MetRun?

    package struct Head: Hashable, Sendable {
        package let conversation: Conversation
        package let seq: Int64
        /// The last number that means what the client knows it to mean; nil if all do.
        package let base: Int64?

        package init(conversation: Conversation, seq: Int64, base: Int64? = nil) {
            self.conversation = conversation
            self.seq = seq
            self.base = base
        }
    }

    package init(
        data: String, address: Address, token: ResumeToken, heads: [Head], fileBytesMax: Int64? = nil,
        epoch: Epoch? = nil, run: Run? = nil, known: MetRun? = nil
    ) {
        self.data = data
        self.address = address
        self.token = token
        self.heads = heads
        self.fileBytesMax = fileBytesMax
        self.epoch = epoch
        self.run = run
        self.known = known
    }

    /// 1,000 heads of the longest names take under 200 KiB, which fits a line.
    package static let headsMax = 1000
}

/// A random password (32 bytes) with which a client logs in again without asking the person.
package struct ResumeToken: Hashable, Sendable {
    /// 16 bytes, public.
    package let id: [UInt8]
    /// 32 bytes, as secret as a password.
    package let secret: [UInt8]

    package init(id: [UInt8], secret: [UInt8]) {
        self.id = id
        self.secret = secret
    }
}

package struct HistoryPage: Hashable, Sendable {
    package let conversation: Conversation
    /// In ascending order of `seq`.
    package let entries: [Entry]
    /// Sequence numbers in the page's range whose records are damaged and therefore not shown.
    package let damaged: [Int64]
    /// The conversation's last sequence number, 0 if it is empty.
    package let last: Int64
    /// True if the range holds more than this page.
    package let hasMore: Bool

    package init(conversation: Conversation, entries: [Entry], damaged: [Int64], last: Int64, hasMore: Bool) {
        self.conversation = conversation
        self.entries = entries
        self.damaged = damaged
        self.last = last
        self.hasMore = hasMore
    }
}

/// Where a message is, said to its author's sessions only.
package struct MessageState: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// Committed on the author's home node, in its place in the conversation.
        case accepted(seq: Int64)
        /// Committed on the recipient's home node; for `public`, on every server that was to have it.
        case delivered
        case failed(Refusal)
        /// The deadline passed and it is not known whether the recipient's node has it.
        case unconfirmed
    }

    package let id: MessageID
    package let state: State
    /// Servers that have not confirmed a public message yet.
    package let waiting: [ServerName]

    package init(id: MessageID, state: State, waiting: [ServerName] = []) {
        self.id = id
        self.state = state
        self.waiting = waiting
    }
}
