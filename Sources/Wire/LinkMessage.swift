import Bytes

/// What two nodes say to each other: one JSON object in one WebSocket text message each
/// (`Docs/protocol/federation.md`).
package enum LinkMessage: Hashable, Sendable {
    /// The first message of either side: who it is, whom it wants, and 32 fresh bytes for the other to sign.
    case hello(LinkHello)
    /// Ed25519 over `LinkProof.transcript`, 64 bytes.
    case proof(signature: [UInt8])
    /// After both proofs: the stream that this side will continue, and what it has committed of the other's.
    case resume(StreamPosition)
    /// One envelope in its place in the sender's stream.
    case envelope(seq: Int64, Envelope)
    /// A place in the sender's stream that holds nothing any more: its record is damaged or has expired. It is
    /// committed and acknowledged like an envelope, so that the places behind it follow without a gap.
    /// With a refusal, which is never sent: an envelope stands there that this side cannot read. Its place is refused
    /// by name, or it would come again on every link and block what is behind it.
    case skip(seq: Int64, unreadable: Refusal? = nil)
    /// All envelopes up to `through` are committed, but for the refused ones.
    case acknowledgement(through: Int64, refused: [StreamRefusal])
    case presence(PresencePage)
    case keysWanted(ref: Int64, user: UserName)
    /// `devices` is empty where `refusal` says why.
    case keys(ref: Int64, user: UserName, devices: [DeviceKey], refusal: Refusal?)
    /// Somebody of the sender's, `reader`, wants a chunk of a file of the receiver's people.
    case chunkWanted(ref: Int64, ChunkPlace, reader: UserName)
    /// Answers `chunkWanted`; `data` is empty where `refusal` says why.
    case chunk(ref: Int64, data: [UInt8], refusal: Refusal?)
    /// `reader` of the sender has received or declined a file of `from`, who is of the receiver.
    case outcome(ref: Int64, from: Address, id: MessageID, reader: UserName, FileOutcome)
    /// Answers `outcome`: it is on disk, or refused.
    case outcomeKept(ref: Int64, refusal: Refusal?)
    /// On a link that is a test, once both sides are proven; answered by `echoed`.
    case echo(ref: Int64)
    /// `at` is the time by the clock of whoever answers.
    case echoed(ref: Int64, at: Int64)
    /// This side ends the link; the other may dial again after `retrySeconds`.
    case closing(retrySeconds: Int64)
}

package struct LinkHello: Hashable, Sendable {
    package let version: Int64
    package let from: ServerName
    package let to: ServerName
    package let nonce: [UInt8]
    package let key: IdentityKey
    /// How this side came to `key`, oldest first.
    package let rotations: [KeyRotation]
    /// The dialler wants to know whether a link could be, and no link; the acceptor repeats it.
    package let isTest: Bool

    package init(
        version: Int64, from: ServerName, to: ServerName, nonce: [UInt8], key: IdentityKey,
        rotations: [KeyRotation] = [], isTest: Bool = false
    ) {
        self.version = version
        self.from = from
        self.to = to
        self.nonce = nonce
        self.key = key
        self.rotations = rotations
        self.isTest = isTest
    }

    package static let currentVersion: Int64 = 1
    package static let nonceBytes = 32
}

/// Names one life of a server's store. A store that is made anew or restored from a backup takes a new epoch, which
/// tells its peers that earlier sequence numbers and acknowledgements no longer count. Written as 16 hex digits.
package struct Epoch: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package init?(_ text: String) {
        guard text.utf8.count == 16, let bytes = Hex.decode(text) else { return nil }
        value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var text: String {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(value)
        return Hex.encode(bytes)
    }

    package var description: String { text }
}

package struct StreamPosition: Hashable, Sendable {
    /// The epoch of the side that speaks.
    package let epoch: Epoch
    /// The smallest sequence number that this side may still send.
    package let first: Int64
    /// The other side's epoch as this side knows it, and how far it has committed that stream; nil if it has nothing.
    package let received: Received?
    /// The run of the speaker's store; nil from a node that does not tell.
    package let run: Run?

    package struct Received: Hashable, Sendable {
        package let epoch: Epoch
        package let through: Int64
        /// The other side's run when the last of it came.
        package let run: Run?

        package init(epoch: Epoch, through: Int64, run: Run? = nil) {
            self.epoch = epoch
            self.through = through
            self.run = run
        }
    }

    package init(epoch: Epoch, first: Int64, received: Received?, run: Run? = nil) {
        self.epoch = epoch
        self.first = first
        self.received = received
        self.run = run
    }
}

package struct StreamRefusal: Hashable, Sendable {
    package let seq: Int64
    package let refusal: Refusal

    package init(seq: Int64, refusal: Refusal) {
        self.seq = seq
        self.refusal = refusal
    }
}

/// Presence of the sender's own people. A snapshot in pages replaces what was known; a delta changes it.
package struct PresencePage: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// `isLast` ends the snapshot: whoever it did not name is offline.
        case snapshot(isFirst: Bool, isLast: Bool)
        case delta
    }

    /// Grows by one with each page on a link; a gap or a repetition is a fault.
    package let version: Int64
    package let kind: Kind
    package let people: [Person]
    /// Device keys that this link has not carried yet.
    package let keys: [DeviceKey]

    package init(version: Int64, kind: Kind, people: [Person], keys: [DeviceKey]) {
        self.version = version
        self.kind = kind
        self.people = people
        self.keys = keys
    }

    /// Counted as `weight`s: keeps a page below 256 KiB.
    package static let peopleMax = 200
}

/// What the two sides of a link sign. The accepting side is the one whose port was dialled.
package enum LinkProof {
    package enum Role: String, Sendable {
        case dialler, acceptor
    }

    /// - Parameters:
    ///   - binding: the TLS exporter (`tls-exporter`, RFC 9266), or the word `plaintext`.
    ///   - signer: the role of the side whose signature this is.
    package static func transcript(
        signer: Role, dialler: LinkHello, acceptor: LinkHello, transport: String, binding: [UInt8]
    ) -> [UInt8] {
        var transcript: [UInt8] = []
        transcript.appendField("postroad-link-proof")
        transcript.appendField(String(dialler.version))
        transcript.appendField(transport)
        transcript.appendField(signer.rawValue)
        for hello in [dialler, acceptor] {
            transcript.appendField(hello.from.text)
            transcript.appendField(hello.key.bytes)
            transcript.appendField(hello.nonce)
        }
        transcript.appendField(binding)
        // So that nobody on the way makes a link of a test, or a test of a link.
        if dialler.isTest, acceptor.isTest { transcript.appendField(LinkHello.testPurpose) }
        return transcript
    }
}

/// What a node signs to prove its name to a client.
package enum ClientHello {
    /// - Parameter exporter: of the TLS connection (`tls-exporter`, RFC 9266); nil on plain TCP.
    package static func transcript(server: ServerName, nonce: [UInt8], exporter: [UInt8]?) -> [UInt8] {
        var transcript: [UInt8] = []
        transcript.appendField("postroad-client-hello")
        transcript.appendField("1")
        transcript.appendField(exporter == nil ? "tcp" : "tls")
        transcript.appendField(server.text)
        transcript.appendField(nonce)
        transcript.appendField(exporter ?? Array("plaintext".utf8))
        return transcript
    }
}
