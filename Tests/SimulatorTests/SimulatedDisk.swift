import Bytes
import Crypto
import Files
import Wire

/// The files of one machine, which outlive its client; jobs do not. It does what `FileDisk` does, with chunks that are
/// words, so that a run costs no gigabytes.
final class SimulatedDisk {
    struct Content: Hashable {
        let bytes: Int64
        /// One for each chunk.
        var words: [UInt64]

        var digest: [UInt8] {
            var bytes: [UInt8] = []
            bytes.appendBigEndian(self.bytes)
            for word in words { bytes.appendBigEndian(word) }
            return Digest.sha256(bytes)
        }
    }

    struct Received {
        let id: MessageID
        let content: Content
    }

    private struct Part {
        var words: [UInt64] = []
        /// Of the first words: they outlive a loss of power.
        var safeCount = 0
    }

    private struct Reading {
        let path: String
        let content: Content
        let links: [[UInt8]]
    }

    private struct Writing {
        let id: MessageID
        let offer: FileOffer
        let place: Transfer.Place
        var link: [UInt8]
        var isFinishing = false
    }

    /// What can be sent, by path.
    var sources: [String: Content] = [:]
    private(set) var received: [Received] = []
    private var parts: [MessageID: Part] = [:]
    private var readings: [Int64: Reading] = [:]
    private var writings: [Int64: Writing] = [:]
    private var random: SplitMix64

    init(_ random: SplitMix64) { self.random = random }

    /// What is here in part.
    var partIDs: Set<MessageID> { Set(parts.keys) }

    /// - Parameter losesPower: what no fsync has taken to the disk is lost, or something else stands there.
    func crash(losesPower: Bool) {
        (readings, writings) = ([:], [:])
        guard losesPower else { return }
        for (id, part) in parts.sorted(by: { $0.key < $1.key }) {
            var words = part.words.prefix(Int.random(in: part.safeCount...part.words.count, using: &random))
            for index in words.indices where index >= part.safeCount && random.chance(0.5) { words[index] = 0 }
            parts[id] = words.isEmpty && random.chance(0.5) ? nil : Part(words: Array(words), safeCount: part.safeCount)
        }
    }

    func perform(_ order: FileOrder) -> FileReport? {
        switch order {
        case .hash(let job, let path, let bytesMax): report(job) { () throws(Refusal) in try open(path, job, bytesMax) }
        case .goOn(let job): report(job) { () throws(Refusal) in try goOn(job) }
        case .read(let job, let id, let key, let index):
            report(job) { () throws(Refusal) in try read(job, index, of: id, key: key) }
        case .prepare(let job, let id, let offer, let target, let done, let link):
            report(job) { () throws(Refusal) in
                let writing = Writing(id: id, offer: offer, place: SimulatedDisk.place(for: target, offer), link: link)
                return try prepare(job, writing, done: Int(done))
            }
        case .write(let job, let data): report(job) { () throws(Refusal) in try write(job, data) }
        case .finish(let job): report(job) { () throws(Refusal) in try finish(job) }
        case .drop(let job, let removesPart): drop(job, removesPart: removesPart)
        case .removePart(let id, _): drop(id)
        }
    }

    private func report(_ job: Int64, _ body: () throws(Refusal) -> FileReport.Event?) -> FileReport? {
        do throws(Refusal) {
            return try body().map { FileReport(job: job, $0) }
        } catch {
            _ = drop(job, removesPart: true)
            return FileReport(job: job, .failed(error))
        }
    }

    private func drop(_ job: Int64, removesPart: Bool) -> FileReport? {
        readings[job] = nil
        if let writing = writings.removeValue(forKey: job), removesPart { parts[writing.id] = nil }
        return nil
    }

    private func drop(_ id: MessageID) -> FileReport? {
        parts[id] = nil
        return nil
    }

    private static func place(for target: FileTarget, _ offer: FileOffer) -> Transfer.Place {
        switch target {
        case .place(let place): place
        case .path(let folder): Transfer.Place(folder: folder, name: SafeFileName(offer.name).text)
        case .downloads: Transfer.Place(folder: "/downloads", name: SafeFileName(offer.name).text)
        }
    }

    // MARK: What is sent

    private static let changed = Refusal(.damaged, "the file was changed while it was sent; send it again")

    private func open(_ path: String, _ job: Int64, _ bytesMax: Int64) throws(Refusal) -> FileReport.Event {
        guard let content = sources[path] else { throw Refusal(.badValue, "there is no \(path)") }
        guard content.bytes <= bytesMax else { throw Transfers.tooLarge(content.bytes, bytesMax) }
        readings[job] = Reading(path: path, content: content, links: StandIn.links(of: content.words))
        return .reading(bytes: 0, of: content.bytes)
    }

    private func goOn(_ job: Int64) throws(Refusal) -> FileReport.Event? {
        guard let reading = readings[job] else { return try readOn(job) }
        guard sources[reading.path] == reading.content else { throw SimulatedDisk.changed }
        let name = String(reading.path.split(separator: "/").last ?? "file")
        let offer = FileOffer(
            name: name, bytes: reading.content.bytes, digest: reading.content.digest, key: random.bytes(32),
            chain: reading.links.first ?? StandIn.lastLink)
        return .hashed(offer, path: reading.path)
    }

    private func read(_ job: Int64, _ index: Int64, of id: MessageID, key: [UInt8]) throws(Refusal) -> FileReport.Event?
    {
        guard let reading = readings[job], index >= 0, index < reading.content.words.count else { return nil }
        let word = reading.content.words[Int(index)]
        guard sources[reading.path]?.words[Int(index)] == word else { throw SimulatedDisk.changed }
        let next = reading.links[Int(index) + 1]
        return .chunk(index: index, data: StandIn.seal(word, index: index, next: next, of: id, key: key))
    }

    // MARK: What is received

    private func prepare(_ job: Int64, _ writing: Writing, done: Int) throws(Refusal) -> FileReport.Event {
        guard !writings.values.contains(where: { $0.id == writing.id }) else {
            throw Refusal(.busy, "the part file is open already")
        }
        var part = parts[writing.id] ?? Part()
        guard part.words.count >= done else {
            throw Refusal(.damaged, "the part file is shorter than what was received; accept the file again")
        }
        part.words.removeLast(part.words.count - done)
        part.safeCount = min(part.safeCount, done)
        parts[writing.id] = part
        writings[job] = writing
        return .prepared(writing.place)
    }

    private func write(_ job: Int64, _ data: [UInt8]) throws(Refusal) -> FileReport.Event? {
        guard var writing = writings[job], var part = parts[writing.id] else { return nil }
        let index = Int64(part.words.count)
        guard
            let (word, next) = StandIn.open(
                data, index: index, link: writing.link, of: writing.id, offer: writing.offer)
        else { throw Refusal(.damaged, "chunk \(index) is not what the author offered; accept the file again") }
        part.words.append(word)
        writing.link = next
        // Now and then, as a second has passed.
        let isSafe = part.words.count - part.safeCount >= 64 || random.chance(0.2)
        if isSafe { part.safeCount = part.words.count }
        (parts[writing.id], writings[job]) = (part, writing)
        return .written(count: Int64(part.words.count), link: next, isSafe: isSafe)
    }

    private func finish(_ job: Int64) throws(Refusal) -> FileReport.Event? {
        guard let writing = writings[job], let part = parts[writing.id] else { return nil }
        guard part.words.count == writing.offer.chunkCount, writing.link == StandIn.lastLink else {
            throw Refusal(.damaged, "the file is not what its author offered")
        }
        writings[job]?.isFinishing = true
        parts[writing.id]?.safeCount = part.words.count
        return .reading(bytes: 0, of: writing.offer.bytes)
    }

    /// The name, once it is there, is there for good.
    private func readOn(_ job: Int64) throws(Refusal) -> FileReport.Event? {
        guard let writing = writings[job], writing.isFinishing, let part = parts[writing.id] else { return nil }
        let content = Content(bytes: writing.offer.bytes, words: part.words)
        guard content.digest == writing.offer.digest else {
            throw Refusal(.damaged, "what was received is not the file that was offered; accept it again")
        }
        _ = drop(job, removesPart: true)
        received.append(Received(id: writing.id, content: content))
        return .finished(path: "\(writing.place.folder)/\(writing.place.name)")
    }
}
