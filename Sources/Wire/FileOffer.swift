import Bytes

/// What an author says of a file. It stands where words would: inside a sealed body, or open in a public envelope.
/// Whoever has it can open the chunks and check each of them, whoever brought it. The file's id is that of the envelope.
package struct FileOffer: Hashable, Sendable {
    /// A label for people, chosen by somebody else; never a path.
    package let name: String
    /// The size, 0 to `bytesMax`.
    package let bytes: Int64
    /// SHA-256 of the whole content, 32 bytes.
    package let digest: [UInt8]
    /// AES-256, 32 bytes, of this file alone.
    package let key: [UInt8]
    /// The head of the hash chain over the chunks, 32 bytes; zeros for a file without chunks.
    package let chain: [UInt8]

    package init(name: String, bytes: Int64, digest: [UInt8], key: [UInt8], chain: [UInt8]) {
        self.name = name
        self.bytes = bytes
        self.digest = digest
        self.key = key
        self.chain = chain
    }

    /// The chunks that the content is cut into.
    package var chunkCount: Int64 { FileChunk.count(of: bytes) }

    /// What file systems take.
    package static let nameBytesMax = 255
    /// 350,000 chunks, whose digests the author's client keeps in memory.
    package static let bytesMax: Int64 = 16 << 30

    /// Names are equal if their bytes are; see `Envelope.Body`.
    package static func == (left: FileOffer, right: FileOffer) -> Bool {
        left.name.utf8.elementsEqual(right.name.utf8) && left.bytes == right.bytes && left.digest == right.digest
            && left.key == right.key && left.chain == right.chain
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// What a message says, whether sealed or open.
package enum MessageContent: Hashable, Sendable {
    /// 1 to `Envelope.textBytesMax` bytes of UTF-8.
    case text(String)
    case file(FileOffer)
}

/// The pieces in which a file travels and is spooled: all of `bytesMax` bytes of content but the last.
package enum FileChunk {
    /// Of content in one chunk. In base64 it fits a client's line, and a few of them a link's window.
    package static let bytesMax = 48 << 10
    /// The content, padded, the next link of the hash chain (32 bytes) and the tag of AES-GCM (16).
    package static let sealedBytesMax = bytesMax + 48
    package static let countMax = count(of: FileOffer.bytesMax)

    package static func count(of bytes: Int64) -> Int64 { (max(0, bytes) + Int64(bytesMax) - 1) / Int64(bytesMax) }
}

/// A file as the node of its author spools it: some chunks of ciphertext for one conversation.
package struct SpooledFile: Hashable, Sendable {
    package let id: MessageID
    /// Who may fetch it: one address, or everybody.
    package let to: Conversation
    /// 0 to `FileChunk.countMax`.
    package let chunks: Int64

    package init(id: MessageID, to: Conversation, chunks: Int64) {
        self.id = id
        self.to = to
        self.chunks = chunks
    }
}

/// How a file ended.
package enum FileOutcome: String, Hashable, Sendable, CaseIterable {
    /// Its recipient has it whole, and has checked it.
    case received
    /// Its recipient does not want it, or wants no more of it.
    case declined
    /// Its author took it back.
    case cancelled
    /// Nobody fetched it in time. Said by nodes only.
    case expired
}

/// Where a file of one's own is.
package struct FileStatus: Hashable, Sendable {
    package let id: MessageID
    /// Chunks on the disk of the author's node: the first ones, without a gap.
    package let held: Int64
    package let chunks: Int64
    /// nil while it can be uploaded or fetched. What is for everybody is never `received` or `declined`.
    package let outcome: FileOutcome?

    package init(id: MessageID, held: Int64, chunks: Int64, outcome: FileOutcome? = nil) {
        self.id = id
        self.held = held
        self.chunks = chunks
        self.outcome = outcome
    }
}

/// Names one chunk of somebody's file.
package struct ChunkPlace: Hashable, Sendable {
    /// The author.
    package let from: Address
    package let id: MessageID
    /// Counts from 0.
    package let index: Int64

    package init(from: Address, id: MessageID, index: Int64) {
        self.from = from
        self.id = id
        self.index = index
    }
}
