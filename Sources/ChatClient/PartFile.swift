import Bytes
import Crypto
import Files
import Glibc
import Wire

/// A file that is being received: `.postroad-ID.part` in the folder where it is to be, reached through that folder's
/// descriptor and locked, so that nobody can make us write elsewhere and no other client of ours writes the same. It
/// gets its name when it is whole and checked; what has that name already stays.
final class PartFile {
    let place: Transfer.Place
    private let offer: FileOffer
    private let cipher: FileCipher
    private let partName: String
    private let folder: FileDescriptor
    private let file: FileDescriptor
    private var count: Int64
    private var link: [UInt8]
    private var safeCount: Int64
    private var safeAt: Instant
    /// Set once all is written.
    private var digest: RunningDigest?
    private var readBytes: Int64 = 0
    /// Set if it has its name already.
    private let movedName: String?

    init(
        id: MessageID, offer: FileOffer, place: Transfer.Place, done: Int64, link: [UInt8], at now: Instant
    ) throws(Refusal) {
        self.place = place
        self.offer = offer
        self.link = link
        (count, safeCount, safeAt) = (done, done, now)
        cipher = FileCipher(id: id, key: offer.key, bytes: offer.bytes)
        partName = PartFile.name(of: id)
        movedName = nil
        folder = try PartFile.open(folder: place.folder)
        var isNew = done == 0
        var number: Int32 = -1
        if isNew {
            number = openat(folder.number, partName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            if number < 0 {
                guard errno == EEXIST else { throw FileDisk.last("make a file in \(place.folder)") }
                isNew = false
            }
        }
        if !isNew { number = openat(folder.number, partName, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        file = try FileDescriptor(number, "open \(partName) in \(place.folder)")
        try PartFile.checkOwn(file, partName)
        // What lies behind the chunks on record may not have reached the disk.
        let size = FileShape(bytes: offer.bytes).bytesBefore(done)
        var status = stat()
        guard fstat(file.number, &status) == 0, Int64(status.st_size) >= size else {
            throw Refusal(.damaged, "\(partName) is shorter than what was received; accept the file again")
        }
        guard ftruncate(file.number, off_t(size)) == 0 else { throw FileDisk.last("shorten \(partName)") }
    }

    /// The file of an earlier run that was moved to its name, and whose end did not come on record before that run was
    /// killed: `readOn` says whether it is the one. nil if there is a part file, or nothing of that name and size.
    init?(movedBefore id: MessageID, offer: FileOffer, place: Transfer.Place, at now: Instant) throws(Refusal) {
        folder = try PartFile.open(folder: place.folder)
        partName = PartFile.name(of: id)
        var status = stat()
        guard fstatat(folder.number, partName, &status, AT_SYMLINK_NOFOLLOW) != 0, errno == ENOENT else { return nil }
        // It took the first name that was free, so the last one that is taken is its own.
        var name: String?
        for number in 0...PartFile.namesMax {
            let taken = PartFile.name(place, number)
            guard fstatat(folder.number, taken, &status, AT_SYMLINK_NOFOLLOW) == 0 else { break }
            name = taken
        }
        guard let name else { return nil }
        let number = openat(folder.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard number >= 0 else { return nil }
        file = try FileDescriptor(number, "open \(name) in \(place.folder)")
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int64(status.st_size) == offer.bytes
        else { return nil }
        do throws(CryptoError) { digest = try RunningDigest() } catch {
            throw Refusal(.storeFailed, "no memory is left")
        }
        (movedName, self.place, self.offer) = (name, place, offer)
        (count, safeCount, safeAt, link) = (offer.chunkCount, offer.chunkCount, now, ChunkChain.end)
        cipher = FileCipher(id: id, key: offer.key, bytes: offer.bytes)
    }

    static func name(of id: MessageID) -> String { ".postroad-\(id.text).part" }

    private static func open(folder: String) throws(Refusal) -> FileDescriptor {
        let path = try FileDisk.absolute(folder)
        return try FileDescriptor(Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open the folder \(folder)")
    }

    /// A regular file of this user, under this name only, that no other client has open.
    private static func checkOwn(_ file: FileDescriptor, _ name: String) throws(Refusal) {
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw FileDisk.last("look at \(name)") }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_nlink == 1 else {
            throw Refusal(.badValue, "\(name) in that folder was not made by this program; remove it")
        }
        guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
            throw Refusal(.busy, "another client on this machine is receiving the same file into this folder")
        }
    }

    /// What an earlier run left, if no other client is at it.
    static func remove(_ id: MessageID, in path: String) throws(Refusal) {
        let folder = try open(folder: path)
        let name = name(of: id)
        let number = openat(folder.number, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        let file = try FileDescriptor(number, "open \(name)")
        try checkOwn(file, name)
        unlinkat(folder.number, name, 0)
    }

    func remove() { unlinkat(folder.number, partName, 0) }

    // MARK: Writing

    func write(_ chunk: [UInt8], at now: Instant) throws(Refusal) -> FileReport.Event {
        let opened: (content: [UInt8], next: [UInt8])
        do throws(ChunkFault) { opened = try cipher.open(chunk, index: count, link: link) } catch {
            throw Refusal(.damaged, "chunk \(count) is not what the author offered; accept the file again")
        }
        try write(opened.content, to: FileShape(bytes: offer.bytes).bytesBefore(count))
        count += 1
        link = opened.next
        let isDue = count - safeCount >= PartFile.unsafeChunksMax || now.since(safeAt) >= PartFile.unsafeDurationMax
        if isDue {
            guard fsync(file.number) == 0 else { throw FileDisk.last("write \(partName)") }
            (safeCount, safeAt) = (count, now)
        }
        return .written(count: count, link: link, isSafe: isDue)
    }

    private func write(_ content: [UInt8], to offset: Int64) throws(Refusal) {
        var done = 0
        while done < content.count {
            let result = content.withUnsafeBytes { buffer in
                pwrite(
                    file.number, buffer.baseAddress.map { $0 + done }, content.count - done, off_t(offset) + off_t(done)
                )
            }
            if result < 0, errno == EINTR { continue }
            guard result > 0 else { throw FileDisk.last("write to \(place.folder)") }
            done += result
        }
    }

    // MARK: The end

    func finish() throws(Refusal) -> FileReport.Event {
        guard count == offer.chunkCount, link == ChunkChain.end else {
            throw Refusal(.damaged, "the file is not what its author offered")
        }
        guard fsync(file.number) == 0 else { throw FileDisk.last("write \(partName)") }
        do throws(CryptoError) { digest = try RunningDigest() } catch {
            throw Refusal(.storeFailed, "no memory is left")
        }
        return .reading(bytes: 0, of: offer.bytes)
    }

    /// A part of the last reading: what lies on the disk, of earlier runs too, is what was offered.
    func readOn() throws(Refusal) -> FileReport.Event? {
        guard let digest else { return nil }
        let end = min(offer.bytes, readBytes + PartFile.partBytes)
        while readBytes < end {
            let content = try FileDisk.read(file.number, Int(min(1 << 20, end - readBytes)), at: readBytes)
            guard !content.isEmpty else { break }
            digest.add(content)
            readBytes += Int64(content.count)
        }
        guard readBytes == offer.bytes || readBytes < end else { return .reading(bytes: readBytes, of: offer.bytes) }
        guard readBytes == offer.bytes, digest.finish() == offer.digest else {
            throw Refusal(.damaged, "what was received is not the file that was offered; accept it again")
        }
        let name = if let movedName { movedName } else { try takeName() }
        return .finished(path: (place.folder == "/" ? "" : place.folder) + "/" + name)
    }

    /// Moves it to its name, or the next one that is free.
    private func takeName() throws(Refusal) -> String {
        for number in 0...PartFile.namesMax {
            let name = PartFile.name(place, number)
            if move(to: name) {
                fsync(folder.number)
                return name
            }
            guard errno == EEXIST else { throw FileDisk.last("name the file \(name) in \(place.folder)") }
        }
        throw Refusal(.badValue, "\(place.name) and \(PartFile.namesMax) names like it are taken in \(place.folder)")
    }

    private static func name(_ place: Transfer.Place, _ number: Int) -> String {
        number == 0 ? place.name : SafeFileName.numbered(place.name, number)
    }

    /// Never over something that is there, not even a symbolic link. False leaves the reason in `errno`.
    private func move(to name: String) -> Bool {
        // Glibc's module leaves renameat2(2) out, and some file systems do not know it.
        if let symbol = dlsym(nil, "renameat2") {
            typealias Call =
                @convention(c) (
                    Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
                ) -> Int32
            let rename = unsafeBitCast(symbol, to: Call.self)
            let isMoved = rename(folder.number, partName, folder.number, name, PartFile.noReplace) == 0
            if isMoved || (errno != EINVAL && errno != ENOSYS) { return isMoved }
        }
        guard linkat(folder.number, partName, folder.number, name, 0) == 0 else { return false }
        unlinkat(folder.number, partName, 0)
        return true
    }

    /// RENAME_NOREPLACE of renameat2(2).
    private static let noReplace: UInt32 = 1
    /// Chunks that may have to be fetched again after a crash: 3 MiB…
    private static let unsafeChunksMax: Int64 = 64
    /// …or what came in this time.
    private static let unsafeDurationMax: Duration = .seconds(1)
    /// Read at one go.
    private static let partBytes: Int64 = 16 << 20
    private static let namesMax = 999
}
