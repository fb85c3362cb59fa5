package import Bytes
package import Wire

/// One server that this node exchanges messages with, from `setup.json` or added by an administrator.
package struct PeerSetup: Hashable, Sendable {
    package let name: ServerName
    /// Where to dial, as the driver understands it; nil for a server that only dials us.
    package let address: String?
    /// The key that the entry names. It beats a pin that does not stand in for it.
    package let key: IdentityKey?
    /// How it is dialled.
    package let transport: LinkTransport
    /// A link to it is under TLS, whoever dialled.
    package let requiresTLS: Bool
    /// Which of our people it is told of.
    package let presence: PresencePolicy
    /// By an administrator, and not in `setup.json`.
    package let isAdded: Bool

    package init(
        name: ServerName, address: String?, key: IdentityKey? = nil, transport: LinkTransport = .tls,
        requiresTLS: Bool = false, presence: PresencePolicy = .all, isAdded: Bool = false
    ) {
        self.name = name
        self.address = address
        self.key = key
        self.transport = transport
        self.requiresTLS = requiresTLS
        self.presence = presence
        self.isAdded = isAdded
    }
}

/// Names one connection to a peer for as long as the process lives. Only `Mesh` makes them, so they never clash.
package struct LinkID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package static func < (left: LinkID, right: LinkID) -> Bool { left.value < right.value }
}

/// Which of a node's people a peer may see. Whoever it may not see it can write to all the same.
package enum PresencePolicy: String, Hashable, Sendable, CaseIterable {
    case all, none
}

/// What is below the WebSocket of a link, as both sides sign it.
package enum LinkTransport: String, Hashable, Sendable {
    case plaintext = "ws"
    case tls = "wss"
}

/// What a link runs over; both sides sign it.
package struct LinkChannel: Hashable, Sendable {
    package let transport: LinkTransport
    /// The TLS exporter (RFC 9266), or the word `plaintext`.
    package let binding: [UInt8]

    private init(_ transport: LinkTransport, binding: [UInt8]) {
        self.transport = transport
        self.binding = binding
    }

    package static let plaintext = LinkChannel(.plaintext, binding: Array("plaintext".utf8))

    package static func tls(exporter: [UInt8]) -> LinkChannel { LinkChannel(.tls, binding: exporter) }
}

/// One of this node's own people as its peers are to see them.
package struct LocalPerson: Hashable, Sendable {
    package let user: UserName
    package let isOnline: Bool
    /// At most `DeviceKey.devicesPerAccountMax`; what is beyond is not told.
    package let devices: [DeviceKey]

    package init(user: UserName, isOnline: Bool, devices: [DeviceKey]) {
        self.user = user
        self.isOnline = isOnline
        self.devices = Array(devices.prefix(DeviceKey.devicesPerAccountMax))
    }
}

/// What the store holds of the two streams between this node and one peer when the node starts.
package struct PeerRecord: Hashable, Sendable {
    /// The key pinned at first use, or in its place since.
    package let pin: KeyPin?
    /// An administrator wants no link.
    package let isPaused: Bool
    /// The peer's epoch as the last `rewind` recorded it.
    package let peerEpoch: Epoch?
    /// Everything up to here in our stream is acknowledged; 0 if nothing is.
    package let acknowledged: Int64
    /// The last sequence number given out in our stream; 0 if none was.
    package let last: Int64
    /// How far the peer's stream is committed here.
    package let received: StreamPosition.Received?
    /// The last place of our stream that each earlier run of our store gave out; nil if nobody knows.
    package let lastPlaces: [Run: Int64]?

    package init(
        pin: KeyPin? = nil, isPaused: Bool = false, peerEpoch: Epoch? = nil, acknowledged: Int64 = 0, last: Int64 = 0,
        received: StreamPosition.Received? = nil, lastPlaces: [Run: Int64]? = nil
    ) {
        self.pin = pin
        self.isPaused = isPaused
        self.peerEpoch = peerEpoch
        self.acknowledged = acknowledged
        self.last = last
        self.received = received
        self.lastPlaces = lastPlaces
    }
}

/// One place of our stream as the store holds it. `envelope` is nil where the record is damaged or has expired.
package struct OutboxRow: Hashable, Sendable {
    package let seq: Int64
    package let envelope: Envelope?

    package init(seq: Int64, envelope: Envelope?) {
        self.seq = seq
        self.envelope = envelope
    }
}

/// What happened. Every answer to an action comes back as one of these; those of the store in the order of the actions.
package enum MeshEvent: Sendable {
    /// The node serves: begin to dial.
    case started
    /// The WebSocket of a dialled or accepted link is open.
    case opened(LinkID, LinkChannel)
    case received(LinkID, LinkMessage)
    /// A message came that `Wire` could not read.
    case unreadable(LinkID, Refusal)
    /// A pong, or any other sign of life.
    case heard(LinkID)
    /// The link is gone or was never reached. The refusal is the close reason the peer gave, if it is one of ours, or
    /// says how the network failed.
    case closed(LinkID, Refusal?)
    /// Answers `sign`.
    case signed(LinkID, signature: [UInt8])
    /// Answers `verify`.
    case verified(LinkID, Bool)
    /// Answers `pin` and `repin`: the key is durable.
    case pinned(ServerName, IdentityKey)
    /// The store committed rows of our stream up to `through`.
    case queued(ServerName, through: Int64)
    /// Answers `readOutbox` with the rows behind `after`, in order. `hasMore` says that another read would find some.
    case outboxRead(ServerName, after: Int64, [OutboxRow], hasMore: Bool)
    /// Answers `rewind`: our stream may now be sent from `first` on.
    case rewound(ServerName, Epoch, first: Int64)
    /// Answers `rewind`: the store cannot do it now.
    case rewindFailed(ServerName, Epoch)
    /// Places of the peer's stream up to `through` are durable; those in `refused` as refusals, from whatever cause.
    case committed(ServerName, Epoch, through: Int64, refused: [StreamRefusal])
    /// The store could commit neither `seq` nor anything behind it.
    case commitFailed(ServerName, Epoch, seq: Int64)
    /// Answers `readRefusals`; `hasMore` if the range holds more than these.
    case refusalsRead(ServerName, Epoch, after: Int64, through: Int64, [StreamRefusal], hasMore: Bool)
    /// Answers `renewEpoch`: the store has this epoch now.
    case renewed(Epoch)
    /// Answers `renewEpoch`: the store cannot do it now.
    case renewalFailed
    /// People of this node whose presence or devices changed.
    case presence([LocalPerson])
    /// One of our sessions wants the device keys of somebody on another server.
    case askKeys(Address, token: UInt64)
    /// Answers `findKeys`.
    case keysAnswer(LinkID, ref: Int64, user: UserName, devices: [DeviceKey], refusal: Refusal?)
    /// One of our sessions asks about a file of somebody on another server.
    case askFile(FileQuestion, token: UInt64)
    /// Nobody waits for these answers any more: what is not on its way is answered `timedOut` at once.
    case withdrawFiles(tokens: Set<UInt64>)
    /// Answers `findChunk`; `data` is empty where `refusal` says why.
    case chunkAnswer(LinkID, ref: Int64, data: [UInt8], refusal: Refusal?)
    /// Answers `keepOutcome`: it is on disk, or refused.
    case outcomeAnswer(LinkID, ref: Int64, refusal: Refusal?)
    /// The instant of the last `wake` has come. Ticks too many do no harm.
    case tick
    /// The node is going down.
    case draining(retrySeconds: Int64)
    /// An administrator decided something, and it is durable.
    case ordered(PeerOrder)
    /// This server has a new key.
    case rekeyed(LinkIdentity)
}

/// What the driver does, in the order given.
package enum MeshAction: Hashable, Sendable {
    case dial(LinkID, ServerName, address: String, LinkTransport)
    case send(LinkID, LinkMessage)
    /// A WebSocket ping.
    case ping(LinkID)
    /// Close the link with this reason and forget it. No `closed` need follow.
    case close(LinkID, Refusal)
    /// Sign with this server's key; answered by `signed`.
    case sign(LinkID, [UInt8])
    /// Answered by `verified`.
    case verify(LinkID, IdentityKey, [UInt8], signature: [UInt8])
    /// Make the peer's key durable; answered by `pinned`.
    case pin(ServerName, IdentityKey)
    /// The same, in place of the key before; answered by `pinned`.
    case repin(ServerName, KeyPin)
    /// Answer a test with the time: `.echoed(ref:at:)`.
    case echo(LinkID, ref: Int64)
    /// The peer's stream goes on at `first` under this epoch: nothing before it will come any more. No answer. If the
    /// stored position under the same epoch is already at `first` - 1 or beyond, only the run is news.
    case beginInbound(ServerName, Epoch, first: Int64, Run?)
    /// Commit one place of the peer's stream, in order; with a refusal, only the refusal. Answered by `committed`, one
    /// for many, or `commitFailed`.
    case commit(ServerName, Epoch, seq: Int64, Envelope, refusal: Refusal?)
    /// The same for a place that holds nothing, or with a refusal: nothing that can be read.
    case commitSkip(ServerName, Epoch, seq: Int64, refusal: Refusal? = nil)
    /// Read at most `countMax` rows behind `after`; stop before `bytesMax` bytes but give at least one row. Answered by
    /// `outboxRead`.
    case readOutbox(ServerName, after: Int64, countMax: Int, bytesMax: Int)
    /// The peer has everything up to `through`, but for the refused ones. No answer.
    case acknowledge(ServerName, through: Int64, refused: [StreamRefusal])
    /// The peer's store is in this epoch, new to us, or does not know what it acknowledged: record the epoch and make kept
    /// rows that were acknowledged sendable again. Answered by `rewound`.
    case rewind(ServerName, Epoch)
    /// Our store was put back from a backup, as a peer shows: give it a new epoch. Answered by `renewed` or
    /// `renewalFailed`.
    case renewEpoch
    /// Read stored refusals of the peer's stream with `after` < seq <= `through`, in order. Those up to `after` are no
    /// longer needed. Answered by `refusalsRead`.
    case readRefusals(ServerName, Epoch, after: Int64, through: Int64, countMax: Int)
    /// Presence of people of other servers changed.
    case people([Person])
    /// The peer wants the keys of one of our people; answered by `keysAnswer`.
    case findKeys(LinkID, ref: Int64, UserName)
    /// Answers `askKeys`, with the keys last known where the peer cannot be asked and some are known.
    case keysFound(token: UInt64, Address, [DeviceKey], Refusal?)
    /// Somebody of the peer's wants a chunk of a file of one of our people; answered by `chunkAnswer`. A link has no
    /// more than 16 of these and the next under way.
    case findChunk(LinkID, ref: Int64, ChunkPlace, reader: Address)
    /// Somebody of the peer's has received or declined a file of `from`, one of our people; answered by
    /// `outcomeAnswer`.
    case keepOutcome(LinkID, ref: Int64, from: Address, id: MessageID, by: Address, FileOutcome)
    /// Answers `askFile`: a chunk, or empty data for an outcome that is kept or where the refusal says why not.
    case fileAnswered(token: UInt64, data: [UInt8], Refusal?)
    /// Send `tick` at this instant, in place of any later one.
    case wake(at: Instant)
    case note(MeshNote)
}
