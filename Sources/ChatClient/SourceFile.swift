import Crypto
import Files
import Glibc
import Wire

/// A file of this machine that is being sent: read once from end to end for the offer, then chunk by chunk. Whatever has
/// changed in between is found, since one place of a file must never be sealed with two contents.
final class SourceFile {
    let path: String
    let bytes: Int64
    private let descriptor: FileDescriptor
    private let changedAt: timespec
    private let name: String
    private let digest: RunningDigest
    private var readBytes: Int64 = 0
    private var digests: [UInt8] = []
    private var chain: ChunkChain?

    /// Only regular files are sent; a link of our own user to one is followed.
    init(path: String, bytesMax: Int64) throws(Refusal) {
        self.path = try FileDisk.absolute(path)
        // Opening a pipe or a device would wait for its other end.
        descriptor = try FileDescriptor(open(self.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), "open \(path)")
        var status = stat()
        guard fstat(descriptor.number, &status) == 0 else { throw FileDisk.last("look at \(path)") }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Refusal(.badValue, "\(path) is a folder; pack it into one file first")
        default: throw Refusal(.badValue, "\(path) is a device or a pipe; only files are sent")
        }
        bytes = Int64(status.st_size)
        changedAt = status.st_mtim
        guard bytes <= bytesMax else { throw Transfers.tooLarge(bytes, bytesMax) }
        name = String(self.path.split(separator: "/").last ?? "file")
        guard name.utf8.count <= FileOffer.nameBytesMax else {
            throw Refusal(.tooLong, "the name has more than \(FileOffer.nameBytesMax) bytes")
        }
        do throws(CryptoError) { digest = try RunningDigest() } catch {
            throw Refusal(.storeFailed, "no memory is left")
        }
    }

    /// A part of the first reading.
    func readOn() throws(Refusal) -> FileReport.Event {
        let end = min(bytes, readBytes + SourceFile.partBytes)
        while readBytes < end {
            let count = Int(min(Int64(FileChunk.bytesMax), bytes - readBytes))
            let content = try FileDisk.read(descriptor.number, count, at: readBytes)
            guard content.count == count else { throw SourceFile.changed }
            digest.add(content)
            digests += Digest.sha256(content)
            readBytes += Int64(count)
        }
        guard readBytes == bytes else { return .reading(bytes: readBytes, of: bytes) }
        try checkSame()
        let chain = ChunkChain(digests: digests)
        digests = []
        self.chain = chain
        do throws(CryptoError) {
            let key = try SecureRandom.bytes(AESGCM.keyBytes)
            let offer = FileOffer(name: name, bytes: bytes, digest: digest.finish(), key: key, chain: chain.head)
            return .hashed(offer, path: path)
        } catch { throw Refusal(.storeFailed, "no random numbers are to be had") }
    }

    /// Neither longer, as some files that the kernel makes up are, nor written to.
    private func checkSame() throws(Refusal) {
        var status = stat()
        guard fstat(descriptor.number, &status) == 0 else { throw FileDisk.last("look at \(path)") }
        guard Int64(status.st_size) == bytes, status.st_mtim.tv_sec == changedAt.tv_sec,
            status.st_mtim.tv_nsec == changedAt.tv_nsec,
            try FileDisk.read(descriptor.number, 1, at: bytes).isEmpty
        else { throw SourceFile.changed }
    }

    /// Chunk `index`, sealed, if it is what it was.
    func chunk(_ index: Int64, of id: MessageID, key: [UInt8]) throws(Refusal) -> [UInt8] {
        let shape = FileShape(bytes: bytes)
        guard let chain, let next = chain.link(index + 1), let count = shape.contentBytes(of: index) else {
            throw Refusal(.storeFailed, "the file has no chunk \(index)")
        }
        let content = try FileDisk.read(descriptor.number, count, at: shape.bytesBefore(index))
        guard chain.covers(content, at: index) else { throw SourceFile.changed }
        do throws(CryptoError) {
            return try FileCipher(id: id, key: key, bytes: bytes).seal(content, index: index, next: next)
        } catch { throw Refusal(.storeFailed, "a chunk of the file could not be sealed") }
    }

    private static let changed = Refusal(.damaged, "the file was changed while it was sent; send it again")
    /// Read at one go: 16 MiB, some tens of milliseconds.
    private static let partBytes = Int64(341 * FileChunk.bytesMax)
}
