import Glibc
import Store
import Testing
import Wire

let sealedBytesMax = Int64(FileChunk.sealedBytesMax)
let day: Int64 = 86_400_000

func openSpool(_ path: String = ":memory:", limits: SpoolLimits = SpoolLimits()) throws -> SpoolStore {
    try SpoolStore(path: path, limits: limits)
}

/// Bytes that tell by themselves whose they are.
func chunk(_ number: UInt64, _ index: Int64, bytes: Int = 20) -> [UInt8] {
    let label = Array("file \(number) chunk \(index);".utf8)
    return (0..<bytes).map { label[$0 % label.count] }
}

/// By their number: a file of alice for bob, unless said otherwise. Times are 10, unless said otherwise.
extension SpoolStore {
    func perform(_ request: SpoolRequest) throws -> SpoolReply { try #require(perform([request]).first) }

    func begin(
        _ number: UInt64, chunks: Int64, to: String = "bob@south", owner: String = "alice", at: Int64 = 10
    ) throws -> SpoolReply {
        let file = SpooledFile(id: id(number), to: try Conversation(parsing: to), chunks: chunks)
        return try perform(.begin(owner: try user(owner), file, at: at))
    }

    func write(
        _ number: UInt64, _ index: Int64, _ data: [UInt8]? = nil, owner: String = "alice", at: Int64 = 10
    ) throws -> SpoolReply {
        try perform(.write(number, index, data, owner: owner, at: at))
    }

    /// Begins a file and writes some of its chunks, all if nothing is said.
    func upload(
        _ number: UInt64, chunks: Int64, held: Int64? = nil, bytes: Int = 20, to: String = "bob@south",
        owner: String = "alice", at: Int64 = 10
    ) throws {
        #expect(try begin(number, chunks: chunks, to: to, owner: owner, at: at) == status(number, 0, of: chunks))
        let writes = try (0..<(held ?? chunks)).map {
            try SpoolRequest.write(number, $0, chunk(number, $0, bytes: bytes), owner: owner, at: at)
        }
        for (index, reply) in perform(writes).enumerated() {
            #expect(reply == status(number, Int64(index) + 1, of: chunks))
        }
    }

    func read(
        _ number: UInt64, _ index: Int64, as reader: String = "bob@south", from: String = "alice@north"
    ) throws -> SpoolReply {
        let place = ChunkPlace(from: try address(from), id: id(number), index: index)
        return try perform(.read(place, reader: try address(reader), local: north))
    }

    func end(
        _ number: UInt64, _ outcome: FileOutcome, by speaker: String, owner: String = "alice", at: Int64 = 20
    ) throws -> SpoolReply {
        try perform(
            .end(
                owner: try user(owner), id: id(number), by: try address(speaker), outcome, local: north, at: at))
    }

    func purge(at now: Int64) throws -> (changes: [SpoolChange], hasMore: Bool) {
        guard case .purged(let changes, let hasMore) = try perform(.purge(at: now)) else { throw Unexpected() }
        return (changes, hasMore)
    }

    /// Purges until nothing is left to do.
    func purgeAll(at now: Int64) throws -> [SpoolChange] {
        var changes: [SpoolChange] = []
        for _ in 0..<1000 {
            let step = try purge(at: now)
            changes += step.changes
            if !step.hasMore { return changes }
        }
        throw Unexpected()
    }

    /// In whole chunks.
    func usage() throws -> [Int64] {
        guard case .usage(let files, let bytes) = try perform(.usage) else { throw Unexpected() }
        #expect(bytes % sealedBytesMax == 0)
        return [files, bytes / sealedBytesMax]
    }
}

extension SpoolRequest {
    static func write(
        _ number: UInt64, _ index: Int64, _ data: [UInt8]? = nil, owner: String = "alice", at: Int64 = 10
    ) throws -> SpoolRequest {
        .write(owner: try user(owner), id: id(number), index: index, data: data ?? chunk(number, index), at: at)
    }
}

func fileStatus(_ number: UInt64, _ held: Int64, of chunks: Int64, _ outcome: FileOutcome? = nil) -> FileStatus {
    FileStatus(id: id(number), held: held, chunks: chunks, outcome: outcome)
}

func status(_ number: UInt64, _ held: Int64, of chunks: Int64, _ outcome: FileOutcome? = nil) -> SpoolReply {
    .status(fileStatus(number, held, of: chunks, outcome))
}

func ended(
    _ number: UInt64, _ held: Int64, of chunks: Int64, _ outcome: FileOutcome?, isNew: Bool = true
) -> SpoolReply {
    .ended(fileStatus(number, held, of: chunks, outcome), isNew: isNew)
}

extension SpoolReply {
    var refusalCode: Refusal.Code? {
        if case .refused(let refusal) = self { refusal.code } else { nil }
    }

    var failureCode: Refusal.Code? {
        if case .failed(let refusal) = self { refusal.code } else { nil }
    }
}
