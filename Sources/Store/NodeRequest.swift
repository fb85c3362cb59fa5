package import Wire

/// What a node asks of its store. Times (`at`, `deadline`) are milliseconds since 1970 and come from the asker.
/// Every request may also be answered by `failed`: the store could not do it, and nothing was changed.
package enum NodeRequest: Hashable, Sendable {
    // Messages.

    /// Commits a message of one of our own users. A direct message for another server goes to that server's outbox, a
    /// public one to those of `peers`. Past `deadline` its state becomes `unconfirmed`. Answers `accepted`, or
    /// `refused`: idReused, unknownUser, outboxFull, damaged.
    case accept(Envelope, peers: [ServerName], local: ServerName, at: Int64, deadline: Int64)
    /// What `accept` said of it before, and may say again; answers `failed` with the refusal if it said nothing.
    case recognise(Envelope, otherwise: Refusal)
    /// Commits message `seq` of a peer's stream. Answers `committed`, `refused` (kept, and the stream goes on),
    /// `replay` or `gap`.
    case receive(from: ServerName, epoch: Epoch, seq: Int64, Envelope, local: ServerName, at: Int64)
    /// Goes past message `seq` of a peer's stream without taking it, and keeps the refusal. Answers as `receive` does.
    case refuse(from: ServerName, epoch: Epoch, seq: Int64, Refusal, at: Int64)
    /// Says that a peer's stream in `epoch` continues at `first`. Another epoch than the known one starts a new
    /// stream; in the same one the position only moves forward. From here on it comes from this run of the peer's store.
    /// Answers `inbound`.
    case beginInbound(from: ServerName, epoch: Epoch, first: Int64, run: Run? = nil)
    /// The refusals of a peer's present stream above `after`, oldest first. Answers `refusals`.
    case refusals(peer: ServerName, after: Int64)

    // The outbox.

    /// A peer has committed our stream up to `through`, but for `refused`. Answers `acknowledged`.
    case acknowledge(peer: ServerName, through: Int64, refused: [StreamRefusal], at: Int64)
    /// The unacknowledged part of the stream to a peer above `after`, in order; at least one item if there is any.
    /// Answers `outbox`.
    case outbox(peer: ServerName, after: Int64, countMax: Int, bytesMax: Int)
    /// The peer shows a new epoch, or knows less than it acknowledged, so all that is retained for it is unsent again.
    /// Answers `rewound`.
    case rewind(peer: ServerName, epoch: Epoch)
    /// This store was put back from a backup, as others show: it gets a new epoch. Answers `done`.
    case renewEpoch(Epoch)
    /// Turns messages whose deadline has passed `unconfirmed`, some at a time. Answers `expired`.
    case expire(at: Int64)
    /// Deletes what is kept only for a while, some at a time. Answers `purged`.
    case purge(at: Int64)
    /// Everything about links that a node needs at its start. Answers `streams`.
    case streams
    /// Binds a first key to a server name. Answers `done`.
    case pin(ServerName, IdentityKey, at: Int64)

    // What administrators decide of other servers.

    /// Binds a key to a server name, in place of the one before. Answers `done`.
    case repin(ServerName, KeyPin, at: Int64)
    /// Answers `peerDecisions`.
    case peerDecisions
    /// Adds a server, or changes one that was added. Answers `done`, or `refused`: tooManyServers.
    case addPeer(PeerDecisions.Added, at: Int64)
    /// Forgets that a server was added or paused; what is kept of it and for it stays. Answers `done`.
    case removePeer(ServerName)
    /// Keeps whether a server is paused. Answers `done`.
    case pausePeer(ServerName, Bool, at: Int64)

    // People.

    /// Answers `accounts`.
    case accounts
    /// Makes, changes or re-enables an account. A changed verifier ends its resume tokens. Answers `done`.
    case saveAccount(UserName, verifier: String, entryDigest: [UInt8], at: Int64)
    /// No login and no new messages; what is stored stays. Ends its resume tokens. Answers `done`.
    case disableAccount(UserName)
    /// All devices of all accounts. Answers `devices`.
    case devices
    /// Registers a device; again is harmless. Answers `done`, or `refused`: unknownUser, tooManyDevices.
    case publish(UserName, DeviceKey, at: Int64)
    /// Keeps a resume token. `replaces` stays valid until this one is first used. Answers `done`, or `refused`:
    /// unknownUser.
    case saveToken(id: [UInt8], user: UserName, verifier: String, replaces: [UInt8]?, at: Int64)
    /// Answers `token`: nil if it is unknown or was not used for `NodeStore.tokenMillisecondsMax`.
    case token(id: [UInt8], at: Int64)
    /// A login with this token succeeded. Answers `done`.
    case tokenUsed(id: [UInt8], at: Int64)

    // Reading.

    /// What has become of messages that `author` sent by this node. Answers `states`.
    case states(author: Address, ids: [MessageID])
    /// A page of a conversation as `owner` sees it; at least one entry if there is any. Answers `history`.
    case history(owner: Address, HistoryRange, bytesMax: Int)
    /// Where the liveliest conversations of `owner` stand, `public` included, the liveliest first, and from where on they
    /// are news to a client that has met these runs, the last one first. Answers `heads`.
    case heads(owner: Address, countMax: Int, met: [MetRun] = [])
}

extension NodeRequest: BatchRequest {
    var isWrite: Bool {
        switch self {
        case .refusals, .outbox, .streams, .accounts, .devices, .token, .states, .history, .heads,
            .peerDecisions, .recognise:
            false
        default: true
        }
    }

    var isAddition: Bool {
        switch self {
        case .accept, .receive: true
        default: false
        }
    }
}

extension NodeRequest {
    var isRenewal: Bool { if case .renewEpoch = self { true } else { false } }

    /// When it adds a message; nil for all others.
    var additionAt: Int64? {
        switch self {
        case .accept(_, _, _, let at, _), .receive(_, _, _, _, _, let at): at
        default: nil
        }
    }
}
