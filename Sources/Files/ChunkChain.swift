import Bytes
import Crypto
import Wire

/// The links of one file's hash chain, of which `head` stands in the offer. Link i vouches for chunk i and, through link
/// i + 1 inside it, for all that follow.
package struct ChunkChain: Sendable {
    /// One behind the other, the first one first; one more than there are chunks.
    private let links: [UInt8]

    /// `digests` holds SHA-256 of the content of each chunk, 32 bytes each, the first one first.
    package init(digests: [UInt8]) {
        let count = digests.count / ChunkChain.linkBytes
        var links = [UInt8](repeating: 0, count: (count + 1) * ChunkChain.linkBytes)
        var next = ChunkChain.end
        for index in stride(from: count - 1, through: 0, by: -1) {
            let place = index * ChunkChain.linkBytes..<(index + 1) * ChunkChain.linkBytes
            next = ChunkChain.link(over: Array(digests[place]), next: next)
            links.replaceSubrange(place, with: next)
        }
        self.links = links
    }

    /// Link 0; zeros for a file without chunks.
    package var head: [UInt8] { Array(links.prefix(ChunkChain.linkBytes)) }
    package var chunkCount: Int64 { Int64(links.count / ChunkChain.linkBytes - 1) }

    /// Link `index`, or nil if the file is not that long.
    package func link(_ index: Int64) -> [UInt8]? {
        guard index >= 0, index <= chunkCount else { return nil }
        let start = Int(index) * ChunkChain.linkBytes
        return Array(links[start..<start + ChunkChain.linkBytes])
    }

    /// Whether `content` is what stood at chunk `index` when the chain was made.
    package func covers(_ content: [UInt8], at index: Int64) -> Bool {
        guard index < chunkCount, let own = link(index), let next = link(index + 1) else { return false }
        return ChunkChain.link(over: Digest.sha256(content), next: next) == own
    }

    package static let linkBytes = 32
    /// The link behind the last chunk.
    package static let end = [UInt8](repeating: 0, count: linkBytes)

    /// The link over a chunk whose content has this digest, in front of `next`.
    static func link(over digest: [UInt8], next: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendField("postroad-chunk-1")
        bytes.appendField(digest)
        bytes.appendField(next)
        return Digest.sha256(bytes)
    }
}
