/// What a client says to its node: one line of JSON each (`Docs/protocol/client.md`).
package enum ClientLine: Hashable, Sendable {
    /// The first line. `server` is the name whose node the client wants; `nonce` is 32 fresh bytes for the node to sign.
    case hello(version: Int64, server: ServerName, nonce: [UInt8])
    /// Begins SCRAM-SHA-256 (RFC 5802): `data` is the client-first message.
    case login(user: UserName, method: LoginMethod, data: String)
    /// The client-final message, and which runs of the node's store the client has met, the last one first.
    case response(data: String, met: [MetRun] = [])
    /// Registers this session's device. Messages can be sealed to it from then on.
    case publish(DeviceKey)
    case message(Draft)
    case who(ref: Int64)
    case keys(ref: Int64, of: Address)
    case history(ref: Int64, HistoryRange)
    /// What has become of messages of this account: 1 to `MessageState.idsMax` ids.
    case states(ref: Int64, ids: [MessageID])
    /// Begins to upload a file, goes on with it, or asks how it stands; answered by `file`.
    case file(ref: Int64, SpooledFile)
    /// Chunk `index` of a file that `file` began; `data` is 1 to `FileChunk.sealedBytesMax` bytes. Answered by `file`
    /// once it is on disk.
    case chunk(ref: Int64, id: MessageID, index: Int64, data: [UInt8])
    /// Wants one chunk of a file; answered by `chunk`.
    case fetch(ref: Int64, ChunkPlace)
    /// Ends a file of `from`: `cancelled` by its author, `received` or `declined` by who it is for. Answered by
    /// `outcome` once `from`'s node knows it.
    case outcome(ref: Int64, from: Address, id: MessageID, FileOutcome)
    case ping(ref: Int64)
    /// Answers the node's `ping`.
    case pong(ref: Int64)
    case bye
}

/// What a login proves knowledge of.
package enum LoginMethod: Hashable, Sendable {
    case password
    /// A resume token from an earlier welcome, named by its id (16 bytes).
    case token([UInt8])
}

/// An envelope as its author hands it in: the node writes `from`. A `from` that says somebody else is refused.
package struct Draft: Hashable, Sendable {
    package let id: MessageID
    package let from: Address?
    package let to: Conversation
    package let at: Int64
    package let body: Envelope.Body

    package init(id: MessageID, from: Address? = nil, to: Conversation, at: Int64, body: Envelope.Body) {
        self.id = id
        self.from = from
        self.to = to
        self.at = at
        self.body = body
    }
}

/// A page of a conversation. `before` alone pages backwards from there (nil: from the end); `after` pages forwards.
package struct HistoryRange: Hashable, Sendable {
    package let conversation: Conversation
    /// Only messages with a smaller sequence number.
    package let before: Int64?
    /// Only messages with a larger sequence number; with it, the oldest ones come first.
    package let after: Int64?
    /// 1 to `countMax`.
    package let count: Int

    package init(conversation: Conversation, before: Int64? = nil, after: Int64? = nil, count: Int) {
        self.conversation = conversation
        self.before = before
        self.after = after
        self.count = count
    }

    /// A node ends a page early where its lines would grow large, so a client asks again until it has all.
    package static let countMax = 500
}
