import Store
import Testing
import Wire

/// What a spool should hold, kept the simple way.
private struct SpoolModel {
    struct Key: Hashable {
        let owner: String
        let number: UInt64
    }

    struct File {
        let to: String
        let chunks: Int64
        var data: [[UInt8]] = []
        var outcome: FileOutcome?
        var changedAt: Int64
        var isDeleted = false

        var held: Int64 { Int64(data.count) }
        var isComplete: Bool { held == chunks }
        var taken: Int64 { outcome == nil ? chunks : isDeleted ? 0 : held }
    }

    var files: [Key: File] = [:]
    let limits: SpoolLimits

    var taken: Int64 { files.values.reduce(0) { $0 + $1.taken } }
    var openCount: Int64 { Int64(files.values.count { $0.outcome == nil }) }

    /// Open files, in an order that can be repeated.
    func open(isComplete: Bool) -> [Key] {
        files.filter { $0.value.outcome == nil && $0.value.chunks > 0 && $0.value.isComplete == isComplete }.keys
            .sorted { ($0.owner, $0.number) < ($1.owner, $1.number) }
    }

    mutating func begin(_ key: Key, chunks: Int64, to: String, at now: Int64) -> SpoolReply? {
        if let known = files[key] {
            return known.to == to && known.chunks == chunks ? status(key) : nil
        }
        let own = files.filter { $0.key.owner == key.owner }.values
        guard chunks * Int64(FileChunk.bytesMax) <= limits.fileBytesMax,
            own.count(where: { $0.outcome == nil }) < limits.openFilesPerAccountMax,
            (own.reduce(chunks) { $0 + $1.taken }) * sealedBytesMax <= limits.accountBytesMax,
            (taken + chunks) * sealedBytesMax <= limits.spoolBytesMax
        else { return nil }
        files[key] = File(to: to, chunks: chunks, changedAt: now)
        return status(key)
    }

    mutating func write(_ key: Key, _ index: Int64, _ data: [UInt8], at now: Int64) -> SpoolReply? {
        guard let file = files[key] else { return nil }
        guard file.outcome == nil else { return status(key) }
        guard index >= 0, index < file.chunks, index <= file.held else { return nil }
        if index == file.held {
            files[key]?.data.append(data)
            files[key]?.changedAt = now
        }
        return status(key)
    }

    func read(_ key: Key, _ index: Int64, as reader: String) -> SpoolReply? {
        guard let file = files[key], file.outcome == nil, file.isComplete, file.data.indices.contains(Int(index)),
            [file.to, "\(key.owner)@north"].contains(reader) || file.to == "public"
        else { return nil }
        return .chunk(file.data[Int(index)])
    }

    mutating func end(_ key: Key, _ outcome: FileOutcome, by speaker: String, at now: Int64) -> SpoolReply? {
        let isOwner = speaker == "\(key.owner)@north"
        guard let file = files[key] else { return nil }
        let isReaders = [speaker, "public"].contains(file.to) && (file.isComplete || file.outcome != nil)
        guard isOwner || isReaders else { return nil }
        func reply(isNew: Bool) -> SpoolReply? {
            files[key].map { .ended(fileStatus(key.number, $0.held, of: $0.chunks, $0.outcome), isNew: isNew) }
        }
        if file.outcome != nil { return reply(isNew: false) }
        if outcome == .cancelled ? !isOwner : file.to != "public" && (file.to != speaker || !file.isComplete) {
            return nil
        }
        if outcome != .cancelled, file.to == "public" { return reply(isNew: false) }
        files[key]?.outcome = outcome
        files[key]?.changedAt = now
        return reply(isNew: true)
    }

    mutating func purge(at now: Int64) -> Set<SpoolChange> {
        var changes: Set<SpoolChange> = []
        for (key, file) in files {
            let age = now - file.changedAt
            if file.outcome == nil,
                age > (file.isComplete ? limits.keepMilliseconds : SpoolStore.incompleteMillisecondsMax),
                let owner = try? user(key.owner)
            {
                files[key]?.outcome = .expired
                files[key]?.changedAt = now
                let status = fileStatus(key.number, file.held, of: file.chunks, .expired)
                changes.insert(SpoolChange(owner: owner, status: status))
            }
            if files[key]?.outcome != nil { files[key]?.isDeleted = true }
            if file.outcome != nil, age > SpoolStore.endedMillisecondsMax { files[key] = nil }
        }
        return changes
    }

    private func status(_ key: Key) -> SpoolReply? {
        files[key].map { .status(fileStatus(key.number, $0.held, of: $0.chunks, $0.outcome)) }
    }
}

/// One random play: the spool, its model, and what they disagree about.
private struct SpoolPlay {
    let path: String
    var random: SplitMix64
    var model: SpoolModel
    var store: SpoolStore
    var now: Int64 = 1_000_000
    /// What was done, so that a play that did nothing fails.
    var counts: [String: Int] = [:]

    init(path: String, seed: UInt64) throws {
        self.path = path
        random = SplitMix64(seed: seed)
        var limits = SpoolLimits()
        limits.fileBytesMax = Int64(8 * FileChunk.bytesMax)
        limits.accountBytesMax = 24 * sealedBytesMax
        limits.spoolBytesMax = 40 * sealedBytesMax
        limits.openFilesPerAccountMax = 6
        limits.keepMilliseconds = 3 * day
        model = SpoolModel(limits: limits)
        store = try openSpool(path, limits: limits)
    }

    mutating func pick<Element>(_ elements: [Element]) throws -> Element {
        try #require(elements.randomElement(using: &random))
    }

    mutating func step() throws {
        let key = SpoolModel.Key(
            owner: try pick(["alice", "bob", "carol"]), number: UInt64.random(in: 1...12, using: &random))
        let speaker = try pick(["alice@north", "bob@north", "carol@north", "dora@south"])
        now += Int64.random(in: 0...(day / 200), using: &random)
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<40:
            // Mostly the same shape for the same id, so that again is often the same file.
            let chunks = Int64(key.number % 7) + (Int.random(in: 0..<20, using: &random) == 0 ? 1 : 0)
            let usual = key.number % 3 == 0 ? "public" : key.number % 3 == 1 ? "dora@south" : "bob@north"
            let to = Int.random(in: 0..<20, using: &random) == 0 ? "carol@north" : usual
            let expected = model.begin(key, chunks: chunks, to: to, at: now)
            let reply = try store.begin(key.number, chunks: chunks, to: to, owner: key.owner, at: now)
            try check("begin", reply, expected)
        case 40..<130:
            let key = try pick([key] + model.open(isComplete: false))
            let held = model.files[key]?.held ?? 0
            let index = held + (try pick([0, 0, 0, 0, 0, 0, -1, 1]) as Int64)
            let byte = UInt8.random(in: 0...255, using: &random)
            let data = [UInt8](repeating: byte, count: Int.random(in: 1...60, using: &random))
            let expected = model.write(key, index, data, at: now)
            try check("write", try store.write(key.number, index, data, owner: key.owner, at: now), expected)
        case 130..<182:
            let key = try pick([key] + model.open(isComplete: true))
            let index = Int64.random(in: -1...7, using: &random)
            let reply = try store.read(key.number, index, as: speaker, from: "\(key.owner)@north")
            try check("read", reply, model.read(key, index, as: speaker))
        case 182..<190:
            let outcome = try pick([FileOutcome.received, .declined, .cancelled])
            let expected = model.end(key, outcome, by: speaker, at: now)
            let reply = try store.end(key.number, outcome, by: speaker, owner: key.owner, at: now)
            try check("end", reply, expected)
        case 190..<195:
            let changes = try store.purgeAll(at: now)
            #expect(Set(changes).count == changes.count)
            #expect(Set(changes) == model.purge(at: now))
            counts["expired", default: 0] += changes.count
        case 195..<198: now += Int64.random(in: 0...(30 * day), using: &random)
        default:
            if Bool.random(using: &random) { try store.close() }
            // The one before has to let the file go.
            store = try openSpool()
            store = try openSpool(path, limits: model.limits)
            counts["reopened", default: 0] += 1
        }
    }

    /// A nil stands for any refusal; which one, other tests say.
    private mutating func check(_ what: String, _ reply: SpoolReply, _ expected: SpoolReply?) throws {
        counts[expected == nil ? "no \(what)" : what, default: 0] += 1
        if let expected {
            try #require(reply == expected)
        } else {
            try #require(reply.refusalCode != nil)
        }
        try #require(try store.usage() == [model.openCount, model.taken])
    }
}

@Test(arguments: 1...6 as ClosedRange<UInt64>)
func theSpoolBehavesAsItsModel(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    var play = try SpoolPlay(path: folder.file("spool.db"), seed: seed)
    for _ in 0..<1500 { try play.step() }
    for word in ["begin", "no begin", "write", "no write", "read", "no read", "end", "no end", "expired", "reopened"] {
        #expect(play.counts[word] ?? 0 > 4, "the play hardly had: \(word)")
    }
}
