import Bytes
import ChatClient
import Crypto
import Files
import Glibc
import Testing
import Wire

private let chunk = FileChunk.bytesMax
private let start = Instant(nanoseconds: 0)

/// A folder of its own for each test, gone at its end.
private final class Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/postroad-files-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Folder.remove(path) }

    private static func remove(_ path: String) {
        chmod(path, 0o700)
        for name in names(in: path) where unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        rmdir(path)
    }

    private static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    var names: [String] { Folder.names(in: path) }

    func names(in folder: String) -> [String] { Folder.names(in: file(folder)) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ bytes: [UInt8], mode: String = "w") throws {
        let file = try #require(fopen(file(name), mode))
        defer { fclose(file) }
        try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    func read(_ name: String) throws -> [UInt8] {
        try #require(try PrivateFile.read(file(name), bytesMax: 64 << 20))
    }
}

private func content(_ count: Int) -> [UInt8] {
    var random = SplitMix64(state: UInt64(count))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { bytes.appendBigEndian(random.next()) }
    return Array(bytes.prefix(count))
}

extension FileDisk {
    /// Carries out a chain of orders as the rules would, until something other than a part of the way is reported.
    fileprivate func run(_ order: FileOrder) -> FileReport.Event? {
        var report = perform(order, at: start)
        while case .reading = report?.event, let job = report?.job { report = perform(.goOn(job: job), at: start) }
        return report?.event
    }

    fileprivate func hash(_ path: String, job: Int64 = 1, bytesMax: Int64 = 1 << 30) throws -> FileOffer {
        let event = run(.hash(job: job, path: path, bytesMax: bytesMax))
        guard case .hashed(let offer, _)? = event else { throw Unexpected(event: event) }
        return offer
    }

    fileprivate func chunks(of offer: FileOffer, job: Int64 = 1) throws -> [[UInt8]] {
        try (0..<offer.chunkCount).map { index in
            let event = run(.read(job: job, id: id(1), key: offer.key, index: index))
            guard case .chunk(index, let data)? = event else { throw Unexpected(event: event) }
            return data
        }
    }

    fileprivate func prepare(
        _ offer: FileOffer, _ target: FileTarget, job: Int64 = 2, done: Int64 = 0, link: [UInt8]? = nil
    ) -> FileReport.Event? {
        run(.prepare(job: job, id: id(1), offer: offer, target: target, done: done, link: link ?? offer.chain))
    }

    fileprivate func write(_ chunks: some Sequence<[UInt8]>, job: Int64 = 2) -> FileReport.Event? {
        var last: FileReport.Event?
        for data in chunks { last = run(.write(job: job, data: data)) }
        return last
    }
}

private struct Unexpected: Error {
    let event: FileReport.Event?
}

private func refusal(_ event: FileReport.Event?) -> Refusal? {
    if case .failed(let refusal)? = event { refusal } else { nil }
}

private let partName = ".postroad-\(id(1)).part"

@Suite struct FileDiskTests {
    private let folder: Folder
    private let disk: FileDisk

    init() throws {
        folder = try Folder()
        disk = FileDisk(downloadsPath: folder.file("downloads"))
        mkdir(folder.file("to"), 0o700)
    }

    private var to: FileTarget { .path(folder.file("to")) }

    /// Writes a file, and returns its offer and chunks.
    private func offer(_ bytes: [UInt8], _ name: String = "source") throws -> (FileOffer, [[UInt8]]) {
        try folder.write(name, bytes)
        let sender = FileDisk(downloadsPath: nil)
        let offer = try sender.hash(folder.file(name))
        return (offer, try sender.chunks(of: offer))
    }

    @Test(arguments: [0, 1, 1023, 1024, 1025, chunk - 1, chunk, chunk + 1, 3 * chunk, 20 << 20])
    func everySizeArrives(_ count: Int) throws {
        let bytes = content(count)
        let (offer, chunks) = try offer(bytes)
        #expect(offer.name == "source")
        #expect(offer.bytes == Int64(count))
        #expect(offer.digest == Digest.sha256(bytes))
        #expect(chunks.count == (count + chunk - 1) / chunk)
        guard case .prepared(let place)? = disk.prepare(offer, to) else {
            Issue.record("not prepared")
            return
        }
        #expect(place == Transfer.Place(folder: folder.file("to"), name: "source"))
        #expect(Folder.mode(folder.file("to/" + partName)) == 0o600)
        _ = disk.write(chunks)
        #expect(disk.run(.finish(job: 2)) == .finished(path: folder.file("to/source")))
        #expect(try folder.read("to/source") == bytes)
        #expect(folder.names == ["source", "to"])
    }

    // MARK: What is sent

    @Test func onlyFilesAreSent() throws {
        mkfifo(folder.file("pipe"), 0o600)
        let refusals = [
            folder.path, folder.file("pipe"), "/dev/zero", folder.file("none"), "", folder.path + "/a\u{0}b",
        ]
        .map { refusal(disk.run(.hash(job: 1, path: $0, bytesMax: 1 << 30)))?.code }
        #expect(refusals == Array(repeating: .badValue, count: 6))
        try folder.write("secret", [1])
        chmod(folder.file("secret"), 0)
        if geteuid() != 0 {
            #expect(refusal(disk.run(.hash(job: 1, path: folder.file("secret"), bytesMax: 9)))?.code == .badValue)
        }
        // A link of our own user to a file is one to follow.
        try folder.write("source", [1, 2])
        symlink(folder.file("source"), folder.file("link"))
        #expect(try disk.hash(folder.file("link")).name == "link")
    }

    @Test func theSizeIsCheckedBeforeItIsRead() throws {
        try folder.write("source", content(101))
        let event = disk.run(.hash(job: 1, path: folder.file("source"), bytesMax: 100))
        #expect(refusal(event) == Transfers.tooLarge(101, 100))
    }

    @Test func aFileOfTheKernelThatClaimsToBeEmptyIsNotSentAsSuch() {
        #expect(refusal(disk.run(.hash(job: 1, path: "/proc/self/status", bytesMax: 1 << 30)))?.code == .damaged)
    }

    @Test func aLargeFileIsReadInParts() throws {
        try folder.write("source", content(40 << 20))
        var (parts, report) = (
            0, disk.perform(.hash(job: 1, path: folder.file("source"), bytesMax: 1 << 30), at: start)
        )
        while case .reading(_, 40 << 20)? = report?.event {
            parts += 1
            report = disk.perform(.goOn(job: 1), at: start)
        }
        #expect(parts == 3)
        guard case .hashed? = report?.event else {
            Issue.record("not read")
            return
        }
    }

    @Test(arguments: ["grown", "shrunk", "changed"]) func aFileThatChangesWhileItIsReadIsNotSent(_ how: String) throws {
        try folder.write("source", content(20 << 20))
        // Clocks of file systems are slow; what was written long ago is surely older than the change.
        var times = [timeval(tv_sec: 1_000_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000_000, tv_usec: 0)]
        try #require(utimes(folder.file("source"), &times) == 0)
        _ = disk.perform(.hash(job: 1, path: folder.file("source"), bytesMax: 1 << 30), at: start)
        try change(how)
        #expect(refusal(disk.run(.goOn(job: 1)))?.code == .damaged)
        #expect(disk.perform(.goOn(job: 1), at: start) == nil, "the job is over")
    }

    @Test(arguments: ["shrunk", "changed"]) func aFileThatChangesWhileItIsSentFails(_ how: String) throws {
        try folder.write("source", content(20 << 20))
        let offer = try disk.hash(folder.file("source"))
        let last = offer.chunkCount - 1
        guard case .chunk? = disk.run(.read(job: 1, id: id(1), key: offer.key, index: last)) else {
            Issue.record("not read")
            return
        }
        try change(how)
        let event = disk.run(.read(job: 1, id: id(1), key: offer.key, index: last))
        #expect(refusal(event)?.text.contains("changed while it was sent") == true)
    }

    private func change(_ how: String) throws {
        switch how {
        case "grown": try folder.write("source", [1], mode: "a")
        case "shrunk": truncate(folder.file("source"), 100)
        default:
            let descriptor = open(folder.file("source"), O_WRONLY)
            defer { close(descriptor) }
            try #require(pwrite(descriptor, [1, 2, 3], 3, off_t(20 << 20) - 3) == 3)
        }
    }

    // MARK: Where it is received

    @Test func theDownloadsFolderIsMade() throws {
        let (offer, chunks) = try offer(content(10), "a.txt")
        guard case .prepared? = disk.prepare(offer, .downloads) else {
            Issue.record("not prepared")
            return
        }
        _ = disk.write(chunks)
        #expect(disk.run(.finish(job: 2)) == .finished(path: folder.file("downloads/a.txt")))
        #expect(refusal(FileDisk(downloadsPath: nil).prepare(offer, .downloads))?.code == .badValue)
    }

    @Test func aNewFileIsMadeWhereItsFolderIs() throws {
        let (offer, chunks) = try offer(content(10))
        guard case .prepared? = disk.prepare(offer, .path(folder.file("to/my name"))) else {
            Issue.record("not prepared")
            return
        }
        _ = disk.write(chunks)
        #expect(disk.run(.finish(job: 2)) == .finished(path: folder.file("to/my name")))
    }

    @Test func whatIsThereIsNotOverwritten() throws {
        let (offer, _) = try offer(content(10))
        try folder.write("to/taken", [1])
        symlink("/nowhere", folder.file("to/dangling"))
        symlink(folder.file("to/taken"), folder.file("to/link"))
        for name in ["to/taken", "to/dangling", "to/link", "none/a", "none/", "to/..x/", "to/taken/b", "a\u{0}b"] {
            #expect(refusal(disk.prepare(offer, .path(folder.file(name))))?.code == .badValue, "\(name)")
        }
        #expect(refusal(disk.prepare(offer, .path("")))?.code == .badValue)
        #expect(folder.names == ["source", "to"])
        #expect(try folder.read("to/taken") == [1])
    }

    @Test(arguments: ["../../escape", "/etc/escape", "..", "a\u{0}/escape", ".hidden", "-rf"])
    func noLabelLeadsOutOfTheFolder(_ label: String) throws {
        let (offer, chunks) = try offer(content(10))
        let named = FileOffer(
            name: label, bytes: offer.bytes, digest: offer.digest, key: offer.key, chain: offer.chain)
        guard case .prepared? = disk.prepare(named, to) else {
            Issue.record("not prepared")
            return
        }
        _ = disk.write(chunks)
        guard case .finished(let path)? = disk.run(.finish(job: 2)) else {
            Issue.record("not finished")
            return
        }
        #expect(path == folder.file("to/" + SafeFileName(label).text))
        #expect(folder.names == ["source", "to"])
        #expect(access(path, F_OK) == 0)
    }

    @Test func namesThatAreTakenInTheMeantimeAreLeftAlone() throws {
        let (offer, chunks) = try offer(content(10), "a.txt")
        _ = disk.prepare(offer, to)
        _ = disk.write(chunks)
        try folder.write("to/a.txt", [7])
        symlink(folder.file("victim"), folder.file("to/a (1).txt"))
        #expect(disk.run(.finish(job: 2)) == .finished(path: folder.file("to/a (2).txt")))
        #expect(try folder.read("to/a.txt") == [7])
        #expect(access(folder.file("victim"), F_OK) != 0)
    }

    @Test func aPartFileThatSomebodyElseLaidOutIsNotUsed() throws {
        let (offer, _) = try offer(content(10))
        try folder.write("victim", [7])
        symlink(folder.file("victim"), folder.file("to/" + partName))
        #expect(refusal(disk.prepare(offer, to))?.code == .badValue)
        unlink(folder.file("to/" + partName))
        link(folder.file("victim"), folder.file("to/" + partName))
        #expect(refusal(disk.prepare(offer, to))?.code == .badValue)
        unlink(folder.file("to/" + partName))
        mkfifo(folder.file("to/" + partName), 0o600)
        #expect(refusal(disk.prepare(offer, to))?.code == .badValue)
        #expect(try folder.read("victim") == [7])
    }

    @Test func twoClientsDoNotWriteOneFile() throws {
        let (offer, chunks) = try offer(content(10))
        _ = disk.prepare(offer, to)
        let other = FileDisk(downloadsPath: nil)
        #expect(refusal(other.prepare(offer, to))?.code == .busy)
        _ = other.perform(.removePart(id: id(1), folder: folder.file("to")), at: start)
        _ = disk.write(chunks)
        #expect(disk.run(.finish(job: 2)) == .finished(path: folder.file("to/source")))
    }

    @Test func aFolderThatMayNotBeWrittenIsRefused() throws {
        let (offer, _) = try offer(content(10))
        chmod(folder.file("to"), 0o500)
        if geteuid() != 0 { #expect(refusal(disk.prepare(offer, to))?.code == .badValue) }
    }

    // MARK: Going on

    @Test func aLaterRunGoesOnWhereTheRecordSays() throws {
        let bytes = content(5 * chunk + 7)
        let (offer, chunks) = try offer(bytes)
        guard case .prepared(let place)? = disk.prepare(offer, to) else {
            Issue.record("not prepared")
            return
        }
        guard case .written(2, let link, false)? = disk.write(chunks.prefix(2)) else {
            Issue.record("not written")
            return
        }
        // One more that no record knows of, torn.
        _ = disk.write([chunks[2]])
        _ = disk.perform(.drop(job: 2, removesPart: false), at: start)
        truncate(folder.file("to/" + partName), off_t(2 * chunk + 99))
        let later = FileDisk(downloadsPath: nil)
        #expect(later.prepare(offer, .place(place), done: 2, link: link) == .prepared(place))
        _ = later.write(chunks.dropFirst(2))
        #expect(later.run(.finish(job: 2)) == .finished(path: folder.file("to/source")))
        #expect(try folder.read("to/source") == bytes)
    }

    /// The run was killed between the last name and the record.
    @Test(arguments: [0, 2, 5]) func aFileThatHasItsNameAlreadyIsFound(_ done: Int) throws {
        let (offer, chunks) = try offer(content(5 * chunk))
        try folder.write("to/source", [1])
        guard case .prepared(let place)? = disk.prepare(offer, to) else {
            Issue.record("not prepared")
            return
        }
        _ = disk.write(chunks)
        let path = folder.file("to/source (1)")
        #expect(disk.run(.finish(job: 2)) == .finished(path: path))
        let later = FileDisk(downloadsPath: nil)
        #expect(later.prepare(offer, .place(place), done: Int64(done)) == .finished(path: path))
        #expect(folder.names(in: "to") == ["source", "source (1)"])
        try folder.write("to/source (1)", content(5 * chunk - 1) + [0])
        #expect(refusal(later.prepare(offer, .place(place), done: Int64(done)))?.code == .damaged)
        #expect(folder.names(in: "to") == ["source", "source (1)"])
    }

    @Test func aPartFileThatIsGoneOrShortIsTold() throws {
        let (offer, chunks) = try offer(content(5 * chunk))
        guard case .prepared(let place)? = disk.prepare(offer, to),
            case .written(_, let link, _)? = disk.write(chunks.prefix(2))
        else {
            Issue.record("not prepared")
            return
        }
        _ = disk.perform(.drop(job: 2, removesPart: false), at: start)
        truncate(folder.file("to/" + partName), 100)
        #expect(refusal(disk.prepare(offer, .place(place), done: 2, link: link))?.code == .damaged)
        unlink(folder.file("to/" + partName))
        #expect(refusal(disk.prepare(offer, .place(place), done: 2, link: link))?.code == .badValue)
    }

    @Test func whatWasDamagedOnThisDiskIsFoundAtTheEnd() throws {
        let (offer, chunks) = try offer(content(3 * chunk))
        _ = disk.prepare(offer, to)
        _ = disk.write(chunks)
        let descriptor = open(folder.file("to/" + partName), O_WRONLY)
        pwrite(descriptor, [1, 2, 3, 4], 4, 77)
        close(descriptor)
        #expect(refusal(disk.run(.finish(job: 2)))?.code == .damaged)
        #expect(access(folder.file("to/" + partName), F_OK) != 0)
        #expect(access(folder.file("to/source"), F_OK) != 0)
    }

    @Test func aChunkOfAnotherPlaceIsNotWritten() throws {
        let (offer, chunks) = try offer(content(3 * chunk))
        _ = disk.prepare(offer, to)
        #expect(refusal(disk.write([chunks[1]]))?.code == .damaged)
        #expect(access(folder.file("to/" + partName), F_OK) != 0)
    }

    @Test func whatIsSafeIsSaidNowAndThen() throws {
        let (offer, chunks) = try offer(content(70 * chunk))
        _ = disk.prepare(offer, to)
        let safe = chunks.enumerated().filter { _, data in
            if case .written(_, _, true)? = disk.run(.write(job: 2, data: data)) { true } else { false }
        }
        #expect(safe.map(\.offset) == [63])
        _ = disk.prepare(offer, .path(folder.path), job: 3)
        let later = start.advanced(by: .seconds(1))
        guard case .written(1, _, true)? = disk.perform(.write(job: 3, data: chunks[0]), at: later)?.event else {
            Issue.record("not safe after a second")
            return
        }
    }

    @Test func aDeclinedFileLeavesNothing() throws {
        let (offer, chunks) = try offer(content(3 * chunk))
        _ = disk.prepare(offer, to)
        _ = disk.write(chunks.prefix(1))
        _ = disk.perform(.drop(job: 2, removesPart: true), at: start)
        #expect(disk.run(.write(job: 2, data: chunks[1])) == nil)
        _ = disk.prepare(offer, to, job: 4)
        _ = disk.perform(.drop(job: 4, removesPart: false), at: start)
        #expect(access(folder.file("to/" + partName), F_OK) == 0)
        _ = disk.perform(.removePart(id: id(1), folder: folder.file("to")), at: start)
        #expect(access(folder.file("to/" + partName), F_OK) != 0)
    }
}

extension Folder {
    fileprivate static func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }
}
