import Bytes
import Files
import Testing
import Wire

let alice = address("alice@s1")
let bob = address("bob@s2")

/// A node that spools, as far as clients see it, and two clients with disks of their own. What is under way arrives in an
/// order that chance decides, answers of the node among them in any order, those of a disk in theirs.
struct TransferStage {
    /// A client: its rules, its disk, and what its node has not answered.
    struct Client {
        let address: Address
        var transfers: Transfers
        var orders: [FileOrder] = []
        var jobs: [Int64: Job] = [:]
        var questions: [FileQuestion] = []
        var rows: [MessageID: Transfer] = [:]
        var unsaved: [MessageID] = []
        var isOnline = false
        var settled: [MessageID: [Refusal?]] = [:]
        var told: [MessageID: [Transfer.State]] = [:]
        var offers: [MessageID: Int] = [:]
        var tellTimes: [MessageID: [Instant]] = [:]
    }

    struct Job {
        var count: Int64 = 0
        var chunks: Int64 = 0
        var bytes: Int64 = 0
        var isOpen = true
        var path = ""
    }

    struct Spooled {
        let file: SpooledFile
        var held: Int64 = 0
        var outcome: FileOutcome?
    }

    var random: SplitMix64
    var now = Instant(nanoseconds: 0)
    var clients: [Client] = [alice, bob].map { Client(address: $0, transfers: Transfers(address: $0)) }
    var spool: [MessageID: Spooled] = [:]
    /// The sizes of the files that can be sent.
    var sizes: [String: Int64] = [:]
    var messages: [Transfer] = []
    /// Of a hundred answers.
    var refusalPercent = 0
    var isSlow = false

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    static func offer(_ path: String, _ bytes: Int64) -> FileOffer {
        let digest = [UInt8](repeating: UInt8(truncatingIfNeeded: bytes), count: 32)
        return FileOffer(name: path, bytes: bytes, digest: digest, key: fileKey, chain: link(0))
    }

    static func link(_ index: Int64) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 32) }
    static func data(_ index: Int64) -> [UInt8] { Array("chunk \(index)".utf8) }

    // MARK: What clients want

    mutating func perform(_ number: Int) {
        for action in clients[number].transfers.takeActions() {
            switch action {
            case .order(let order): clients[number].orders.append(order)
            case .ask(let question):
                #expect(clients[number].isOnline)
                #expect(!clients[number].questions.contains(question), "asked twice")
                clients[number].questions.append(question)
                checkWindow(number)
            case .save(let transfer):
                clients[number].rows[transfer.id] = transfer
                clients[number].unsaved.append(transfer.id)
            case .remove(let id): clients[number].rows[id] = nil
            case .offer(let transfer):
                #expect(spool[transfer.id]?.held == transfer.offer.chunkCount, "offered before it is there")
                clients[number].offers[transfer.id, default: 0] += 1
                clients[number].transfers.offerKept(transfer.id, at: now)
                messages.append(transfer)
                perform(number)
            case .withdraw(let id): messages.removeAll { $0.id == id }
            case .tell(let progress):
                clients[number].told[progress.transfer.id, default: []].append(progress.transfer.state)
                clients[number].tellTimes[progress.transfer.id, default: []].append(now)
            case .settle(let id, let refusal): clients[number].settled[id, default: []].append(refusal)
            }
        }
    }

    private func checkWindow(_ number: Int) {
        var counts: [MessageID: Int] = [:]
        for question in clients[number].questions {
            switch question {
            case .chunk, .fetch: counts[question.id, default: 0] += 1
            case .status, .outcome: break
            }
        }
        #expect(counts.values.allSatisfy { $0 <= Transfers.chunksPerTransferMax })
        #expect(counts.values.reduce(0, +) <= Transfers.chunksMax)
    }

    mutating func send(_ id: MessageID, _ bytes: Int64, to: Conversation = .direct(bob)) throws {
        let path = "/home/alice/\(id).bin"
        sizes[path] = bytes
        try clients[0].transfers.send(id, to: to, path: path, at: 7, now: now)
        perform(0)
    }

    @discardableResult
    mutating func accept(_ id: MessageID) throws -> Bool {
        let isNew = try clients[1].transfers.accept(id, to: .downloads, now: now)
        perform(1)
        return isNew
    }

    // MARK: The world

    mutating func connect(_ number: Int, fileBytesMax: Int64? = 1 << 30) {
        guard !clients[number].isOnline else { return }
        clients[number].isOnline = true
        clients[number].transfers.connected(fileBytesMax: fileBytesMax, at: now)
        perform(number)
    }

    mutating func cut(_ number: Int) {
        guard clients[number].isOnline else { return }
        clients[number].isOnline = false
        // Some of what was asked has reached the node all the same.
        for question in clients[number].questions where Bool.random(using: &random) { _ = answer(question, number) }
        clients[number].questions = []
        clients[number].transfers.disconnected(at: now)
        perform(number)
    }

    /// The program ends, and is started again with what is on its disk.
    mutating func crash(_ number: Int) {
        cut(number)
        clients[number].orders = []
        clients[number].jobs = [:]
        clients[number].unsaved = []
        let rows = Array(clients[number].rows.values)
        clients[number].transfers = Transfers(address: clients[number].address, stored: rows, lastNumber: 0)
        perform(number)
    }

    mutating func advance(by duration: Duration) {
        now = now.advanced(by: duration)
        for number in clients.indices {
            clients[number].transfers.tick(at: now)
            perform(number)
        }
    }

    /// One thing happens. False if nothing is under way.
    mutating func step() -> Bool {
        let first = Int.random(in: 0..<2, using: &random)
        for number in [first, 1 - first] {
            for kind in [0, 1, 2].shuffled(using: &random) {
                let isDone =
                    switch kind {
                    case 0: saveOne(number)
                    case 1: orderOne(number)
                    default: answerOne(number)
                    }
                if isDone { return true }
            }
        }
        return false
    }

    mutating func run() { while step() {} }

    private mutating func saveOne(_ number: Int) -> Bool {
        guard !clients[number].unsaved.isEmpty else { return false }
        let id = clients[number].unsaved.removeFirst()
        clients[number].transfers.saved(id, at: now)
        perform(number)
        return true
    }

    // MARK: The disk

    private mutating func orderOne(_ number: Int) -> Bool {
        guard !clients[number].orders.isEmpty else { return false }
        let order = clients[number].orders.removeFirst()
        var jobs = clients[number].jobs
        let report = report(on: order, &jobs)
        clients[number].jobs = jobs
        if let report {
            clients[number].transfers.report(report, at: now)
            perform(number)
        }
        return true
    }

    private mutating func report(on order: FileOrder, _ jobs: inout [Int64: Job]) -> FileReport? {
        switch order {
        case .hash(let job, let path, let bytesMax):
            guard let bytes = sizes[path], bytes <= bytesMax else {
                return FileReport(job: job, .failed(Refusal(.badValue, "no such file")))
            }
            jobs[job] = Job(bytes: bytes, path: path)
            return FileReport(job: job, .reading(bytes: 0, of: bytes))
        case .goOn(let job):
            guard let known = jobs[job] else { return nil }
            return FileReport(
                job: job, .hashed(TransferStage.offer("file", known.bytes), path: known.path))
        case .read(let job, _, let key, let index):
            #expect(jobs[job] != nil)
            #expect(key == fileKey)
            return FileReport(job: job, .chunk(index: index, data: TransferStage.data(index)))
        case .prepare(let job, _, let offer, let target, let done, let link):
            #expect(link == TransferStage.link(done))
            jobs[job] = Job(count: done, chunks: offer.chunkCount)
            guard case .place(let place) = target else {
                return FileReport(job: job, .prepared(Transfer.Place(folder: "/home/bob", name: offer.name)))
            }
            return FileReport(job: job, .prepared(place))
        case .write(let job, let data):
            guard var known = jobs[job], known.isOpen else { return nil }
            #expect(data == TransferStage.data(known.count), "written in order, each once")
            known.count += 1
            jobs[job] = known
            let isSafe = Int.random(in: 0..<3, using: &random) == 0
            return FileReport(
                job: job, .written(count: known.count, link: TransferStage.link(known.count), isSafe: isSafe))
        case .finish(let job):
            guard let known = jobs[job] else { return nil }
            #expect(known.count == known.chunks)
            return FileReport(job: job, .finished(path: "/home/bob/file"))
        case .drop(let job, _):
            jobs[job]?.isOpen = false
            return nil
        case .removePart: return nil
        }
    }

    // MARK: The node

    private mutating func answerOne(_ number: Int) -> Bool {
        guard !clients[number].questions.isEmpty else { return false }
        // Uploads are answered in their order, the rest as it comes.
        var place = Int.random(in: 0..<clients[number].questions.count, using: &random)
        if case .chunk(let id, _, _) = clients[number].questions[place] {
            place =
                clients[number].questions.firstIndex { if case .chunk(id, _, _) = $0 { true } else { false } } ?? place
        }
        let question = clients[number].questions.remove(at: place)
        let said = answer(question, number)
        clients[number].transfers.answered(question, said, at: now)
        perform(number)
        return true
    }

    private mutating func answer(_ question: FileQuestion, _ number: Int) -> FileAnswer {
        if Int.random(in: 0..<100, using: &random) < refusalPercent {
            return .refused(Refusal(Bool.random(using: &random) ? .busy : .timedOut, "not now"))
        }
        switch question {
        case .status(let file):
            var spooled = spool[file.id] ?? Spooled(file: file)
            guard spooled.file == file else { return .refused(Refusal(.idReused, "another file")) }
            if file.chunks == 0 { spooled.held = 0 }
            spool[file.id] = spooled
            return .status(status(spooled))
        case .chunk(let id, let index, let data):
            guard var spooled = spool[id], spooled.outcome == nil else { return .refused(Refusal(.noFile, "none")) }
            guard index <= spooled.held else { return .refused(Refusal(.outOfOrder, "too early")) }
            #expect(data == TransferStage.data(index))
            if index == spooled.held { spooled.held += 1 }
            spool[id] = spooled
            return .status(status(spooled))
        case .fetch(let place):
            guard let spooled = spool[place.id], spooled.outcome == nil, place.index < spooled.held else {
                return .refused(Refusal(.noFile, "none"))
            }
            return .chunk(TransferStage.data(place.index))
        case .outcome(_, let id, let outcome):
            guard var spooled = spool[id] else { return .refused(Refusal(.noFile, "none")) }
            let isNew = spooled.outcome == nil
            if isNew { spooled.outcome = outcome }
            spool[id] = spooled
            // Whoever cancels hears how it ended, even if that was before.
            if isNew || number == 0, clients[0].isOnline {
                clients[0].transfers.ended(status(spooled), at: now)
                perform(0)
            }
            return .kept
        }
    }

    private func status(_ spooled: Spooled) -> FileStatus {
        FileStatus(
            id: spooled.file.id, held: spooled.held, chunks: spooled.file.chunks, outcome: spooled.outcome)
    }

    /// The offers that were sent arrive at Bob's.
    mutating func deliver() {
        for transfer in messages {
            _ = clients[1].transfers.offered(
                transfer.offer, id: transfer.id, from: transfer.from, to: transfer.to, at: transfer.at, now: now)
        }
        messages = []
        perform(1)
    }

    func state(_ number: Int, _ id: MessageID) -> Transfer.State? {
        clients[number].transfers.progress(of: id)?.transfer.state
    }
}
