package import Wire

/// What the store answers; which request gets which, `NodeRequest` says. Changes are on the disk when it is given.
package enum NodeReply: Hashable, Sendable, BatchReply {
    case done
    /// A rule forbids it. Nothing changed, except that a refused message of a peer's stream counts as dealt with.
    case refused(Refusal)
    /// The store could not do it. Nothing changed; the same request may succeed later.
    case failed(Refusal)

    case accepted(Acceptance)
    /// A peer's message is in our store; `seq` is its place in the conversation.
    case committed(seq: Int64, isDuplicate: Bool)
    /// This place of the stream was dealt with before: the message was committed, or refused for the reason given.
    case replay(through: Int64, refusal: Refusal?)
    /// The next message wanted is `through` + 1; nil if the stream of that epoch has not begun.
    case gap(through: Int64?)
    case inbound(through: Int64)
    case refusals([StreamRefusal])

    case acknowledged(Settlement)
    case outbox(OutboxPage)
    /// The first sequence number to send.
    case rewound(first: Int64)
    /// `hasMore`: ask again.
    case expired([StateChange], hasMore: Bool)
    case purged(hasMore: Bool)
    case streams(Streams)
    case peerDecisions(PeerDecisions)

    case accounts([Account])
    /// In order of registration.
    case devices([UserName: [DeviceKey]])
    case token(StoredToken?)

    /// Those that are known, in the order in which they were asked for; of `unknown` there is no record.
    case states([MessageState], unknown: [MessageID])
    case history(HistoryPage)
    /// `known` is the last of the client's runs that the store knows.
    case heads([Welcome.Head], known: MetRun? = nil)
}

/// A message of our own user, committed.
package struct Acceptance: Hashable, Sendable {
    /// A place in the stream to a peer.
    package struct Queued: Hashable, Sendable {
        package let peer: ServerName
        package let seq: Int64

        package init(peer: ServerName, seq: Int64) {
            self.peer = peer
            self.seq = seq
        }
    }

    package let seq: Int64
    /// The message was committed by an earlier request; `state` is the present one and nothing was queued.
    package let isDuplicate: Bool
    package let state: MessageState
    /// Servers whose outbox was full, so that they will not get this public message. It never becomes `delivered`.
    package let skipped: [ServerName]
    package let queued: [Queued]

    package init(seq: Int64, isDuplicate: Bool, state: MessageState, skipped: [ServerName], queued: [Queued]) {
        self.seq = seq
        self.isDuplicate = isDuplicate
        self.state = state
        self.skipped = skipped
        self.queued = queued
    }
}

/// A new state to tell the author's sessions.
package struct StateChange: Hashable, Sendable {
    package let author: Address
    package let state: MessageState

    package init(author: Address, state: MessageState) {
        self.author = author
        self.state = state
    }
}

package struct Settlement: Hashable, Sendable {
    package let changes: [StateChange]
    /// How far the peer has now acknowledged our stream.
    package let through: Int64
    /// The peer named more than we ever queued: it lies, or our store is older than it was. Nothing was changed.
    package let isBeyond: Bool

    package init(changes: [StateChange], through: Int64, isBeyond: Bool) {
        self.changes = changes
        self.through = through
        self.isBeyond = isBeyond
    }
}

package struct OutboxPage: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package let seq: Int64
        /// nil where nothing may be sent: the record is damaged, or the peer refused it before it showed a new epoch.
        /// The number still belongs to the stream, so the peer must be told to go past it.
        package let envelope: Envelope?

        package init(seq: Int64, envelope: Envelope?) {
            self.seq = seq
            self.envelope = envelope
        }
    }

    package let items: [Item]
    /// Authors of messages that were just found damaged. Whether an earlier sending arrived is not known.
    package let damaged: [StateChange]
    package let hasMore: Bool

    package init(items: [Item], damaged: [StateChange], hasMore: Bool) {
        self.items = items
        self.damaged = damaged
        self.hasMore = hasMore
    }
}

package struct Streams: Hashable, Sendable {
    package struct Pin: Hashable, Sendable {
        package let server: ServerName
        package let pin: KeyPin

        package init(server: ServerName, pin: KeyPin) {
            self.server = server
            self.pin = pin
        }
    }

    package struct Peer: Hashable, Sendable {
        package let server: ServerName
        /// The last number of our stream to the peer, 0 if it is empty.
        package let last: Int64
        package let acknowledged: Int64
        /// The peer's epoch as `rewind` last recorded it.
        package let epoch: Epoch?
        /// The peer's stream to us.
        package let inbound: StreamPosition.Received?
        /// The last place that each earlier run gave out, as far back as runs are kept.
        package let lastPlaces: [Run: Int64]

        /// The smallest number that may still be sent; `last` + 1 if all is acknowledged.
        package var first: Int64 { min(acknowledged, last) + 1 }

        package init(
            server: ServerName, last: Int64, acknowledged: Int64, epoch: Epoch?, inbound: StreamPosition.Received?,
            lastPlaces: [Run: Int64] = [:]
        ) {
            self.server = server
            self.last = last
            self.acknowledged = acknowledged
            self.epoch = epoch
            self.inbound = inbound
            self.lastPlaces = lastPlaces
        }
    }

    /// Our own.
    package let epoch: Epoch
    package let run: Run
    package let pins: [Pin]
    package let peers: [Peer]

    package init(epoch: Epoch, run: Run, pins: [Pin], peers: [Peer]) {
        self.epoch = epoch
        self.run = run
        self.pins = pins
        self.peers = peers
    }
}

package struct Account: Hashable, Sendable {
    package let user: UserName
    /// As design decision D11 writes it.
    package let verifier: String
    package let entryDigest: [UInt8]
    package let isDisabled: Bool

    package init(user: UserName, verifier: String, entryDigest: [UInt8], isDisabled: Bool) {
        self.user = user
        self.verifier = verifier
        self.entryDigest = entryDigest
        self.isDisabled = isDisabled
    }
}

package struct StoredToken: Hashable, Sendable {
    package let user: UserName
    package let verifier: String

    package init(user: UserName, verifier: String) {
        self.user = user
        self.verifier = verifier
    }
}
