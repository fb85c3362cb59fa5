package import Bytes
import Crypto
package import Files
import Glibc
import Wire

/// Carries out orders on files of this machine. Each takes milliseconds, however large the file; not Sendable.
package final class FileDisk {
    private let downloadsPath: String?
    private var sources: [Int64: SourceFile] = [:]
    private var parts: [Int64: PartFile] = [:]

    /// `downloadsPath` is the folder for files that are accepted without saying where to; made when it is needed.
    package init(downloadsPath: String?) { self.downloadsPath = downloadsPath }

    /// nil where the order has nothing to report.
    package func perform(_ order: FileOrder, at now: Instant) -> FileReport? {
        switch order {
        case .hash(let job, let path, let bytesMax):
            report(job) { () throws(Refusal) in
                let source = try SourceFile(path: path, bytesMax: bytesMax)
                sources[job] = source
                return .reading(bytes: 0, of: source.bytes)
            }
        case .goOn(let job):
            report(job) { () throws(Refusal) in
                if let source = sources[job] { return try source.readOn() }
                return try parts[job]?.readOn()
            }
        case .read(let job, let id, let key, let index):
            report(job) { () throws(Refusal) in
                guard let source = sources[job] else { return nil }
                return .chunk(index: index, data: try source.chunk(index, of: id, key: key))
            }
        case .prepare(let job, let id, let offer, let target, let done, let link):
            report(job) { () throws(Refusal) in
                let place = try self.place(for: target, offer)
                if case .place = target, let part = try PartFile(movedBefore: id, offer: offer, place: place, at: now) {
                    parts[job] = part
                    return .reading(bytes: 0, of: offer.bytes)
                }
                let part = try PartFile(id: id, offer: offer, place: place, done: done, link: link, at: now)
                parts[job] = part
                return .prepared(part.place)
            }
        case .write(let job, let data):
            report(job) { () throws(Refusal) in try parts[job]?.write(data, at: now) }
        case .finish(let job):
            report(job) { () throws(Refusal) in try parts[job]?.finish() }
        case .drop(let job, let removesPart):
            drop(job, removesPart: removesPart)
        case .removePart(let id, let folder):
            remove(id, in: folder)
        }
    }

    private func report(_ job: Int64, _ body: () throws(Refusal) -> FileReport.Event?) -> FileReport? {
        do throws(Refusal) {
            guard let event = try body() else { return nil }
            if case .finished = event { parts[job] = nil }
            return FileReport(job: job, event)
        } catch {
            _ = drop(job, removesPart: true)
            return FileReport(job: job, .failed(error))
        }
    }

    private func drop(_ job: Int64, removesPart: Bool) -> FileReport? {
        sources[job] = nil
        if removesPart { parts[job]?.remove() }
        parts[job] = nil
        return nil
    }

    private func remove(_ id: MessageID, in folder: String) -> FileReport? {
        try? PartFile.remove(id, in: folder)
        return nil
    }

    // MARK: Where to

    private func place(for target: FileTarget, _ offer: FileOffer) throws(Refusal) -> Transfer.Place {
        let safeName = SafeFileName(offer.name).text
        switch target {
        case .place(let place): return place
        case .downloads:
            guard let downloadsPath else {
                throw Refusal(
                    .badValue,
                    "nothing says where downloads go: name a path, or set \"downloads\" in client_setup.json")
            }
            // Its parent has to be there; whoever has neither says so with a path.
            mkdir(downloadsPath, 0o700)
            return Transfer.Place(folder: try FileDisk.absolute(downloadsPath), name: safeName)
        case .path(let path):
            let path = try FileDisk.absolute(path)
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                return Transfer.Place(folder: path, name: safeName)
            }
            guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { throw Refusal(.badValue, "no path") }
            let name = String(path[path.index(after: slash)...])
            guard !name.isEmpty, name != ".", name != ".." else {
                throw Refusal(.badValue, "the folder \(path) does not exist; make it first")
            }
            // Also a symbolic link that leads nowhere is there.
            guard lstat(path, &status) != 0 else {
                throw Refusal(.badValue, "\(path) exists already and is not overwritten; choose another name")
            }
            return Transfer.Place(folder: slash == path.startIndex ? "/" : String(path[..<slash]), name: name)
        }
    }

    /// A path that means the same in the next run.
    static func absolute(_ path: String) throws(Refusal) -> String {
        // C would read a path up to the first zero, and that may be another file.
        guard !path.isEmpty, !path.utf8.contains(0) else { throw Refusal(.badValue, "this is no path") }
        guard !path.utf8.starts(with: "/".utf8) else { return path }
        guard let folder = getcwd(nil, 0) else { throw FileDisk.last("find the present folder") }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// The failure of the call that just returned.
    static func last(_ attempt: String) -> Refusal {
        let number = errno
        let code: Refusal.Code =
            [ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG].contains(number) ? .badValue : .storeFailed
        return Refusal(code, "cannot \(attempt): \(String(cString: strerror(number)))")
    }

    /// `count` bytes from `offset`, fewer only where the file ends.
    static func read(_ descriptor: Int32, _ count: Int, at offset: Int64) throws(Refusal) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let result = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset) + off_t(done))
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw last("read the file") }
            if result == 0 { break }
            done += result
        }
        bytes.removeLast(count - done)
        return bytes
    }
}

/// A descriptor that is closed with its owner.
final class FileDescriptor {
    let number: Int32

    /// Throws what `attempt` failed of if `number` is that of a call that failed.
    init(_ number: Int32, _ attempt: String) throws(Refusal) {
        guard number >= 0 else { throw FileDisk.last(attempt) }
        self.number = number
    }

    deinit { close(number) }
}
