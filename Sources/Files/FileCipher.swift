import Bytes
package import Crypto
package import Wire

/// Seals and opens the chunks of one file (`Docs/protocol/client.md`, "Files"). A chunk's nonce is its place, so one key
/// is for one content: whoever seals a place twice does it with the same bytes.
package struct FileCipher: Sendable {
    private let id: MessageID
    private let key: [UInt8]
    private let shape: FileShape

    /// `key` has 32 bytes; `bytes` is the size of the whole file.
    package init(id: MessageID, key: [UInt8], bytes: Int64) {
        self.id = id
        self.key = key
        shape = FileShape(bytes: bytes)
    }

    /// What the author's node spools as chunk `index`. `next` is link `index` + 1. Throws `misuse` for a content that is
    /// not as long as the chunk of that place, or another key.
    package func seal(_ content: [UInt8], index: Int64, next: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let count = shape.contentBytes(of: index), content.count == count, next.count == ChunkChain.linkBytes
        else { throw .misuse }
        var plaintext = content
        plaintext.reserveCapacity(FileShape.paddedBytes(of: count) + next.count)
        plaintext.append(contentsOf: repeatElement(0, count: FileShape.paddedBytes(of: count) - count))
        plaintext += next
        return try AESGCM.seal(
            key: key, nonce: nonce(index), plaintext: plaintext, authenticating: authenticated(index))
    }

    /// The content of chunk `index` and link `index` + 1. `link` is link `index`, which an earlier chunk or the offer
    /// gave: what does not continue the chain is refused, whoever brought it and whatever key it was sealed under.
    package func open(
        _ chunk: [UInt8], index: Int64, link: [UInt8]
    ) throws(ChunkFault) -> (content: [UInt8], next: [UInt8]) {
        guard let count = shape.contentBytes(of: index) else { throw .notAuthentic }
        let padded = FileShape.paddedBytes(of: count)
        guard chunk.count == padded + ChunkChain.linkBytes + AESGCM.tagBytes,
            let plaintext = try? AESGCM.open(
                key: key, nonce: nonce(index), sealed: chunk, authenticating: authenticated(index)),
            plaintext[count..<padded].allSatisfy({ $0 == 0 })
        else { throw .notAuthentic }
        let content = Array(plaintext[..<count])
        let next = Array(plaintext[padded...])
        guard ChunkChain.link(over: Digest.sha256(content), next: next) == link else { throw .notAuthentic }
        if index == shape.chunkCount - 1, next != ChunkChain.end { throw .notAuthentic }
        return (content, next)
    }

    private func nonce(_ index: Int64) -> [UInt8] {
        var nonce: [UInt8] = [0, 0, 0, 0]
        nonce.appendBigEndian(index)
        return nonce
    }

    private func authenticated(_ index: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendField("postroad-file-1")
        bytes.appendField(id.bytes)
        bytes.appendBigEndian(index)
        return bytes
    }
}

/// A chunk is not what the author of the offer sealed: one word, so that no answer tells which check failed.
package enum ChunkFault: Error, Hashable, Sendable {
    case notAuthentic
}

/// How a file of a certain size is cut.
package struct FileShape: Hashable, Sendable {
    package let bytes: Int64

    /// A negative size counts as 0.
    package init(bytes: Int64) { self.bytes = max(0, bytes) }

    package var chunkCount: Int64 { FileChunk.count(of: bytes) }

    /// Bytes of content in chunk `index`; nil if there is no such chunk.
    package func contentBytes(of index: Int64) -> Int? {
        guard index >= 0, index < chunkCount else { return nil }
        return Int(min(Int64(FileChunk.bytesMax), bytes - index * Int64(FileChunk.bytesMax)))
    }

    /// Bytes of content in the first `count` chunks.
    package func bytesBefore(_ count: Int64) -> Int64 {
        count >= chunkCount ? bytes : max(0, count) * Int64(FileChunk.bytesMax)
    }

    /// The next power of two from 1,024 on, but at most a whole chunk: only the last chunk tells something of its size.
    package static func paddedBytes(of count: Int) -> Int {
        var padded = 1024
        while padded < count { padded *= 2 }
        return min(padded, FileChunk.bytesMax)
    }
}
