import Wire

/// The files that accounts of a node offer: sealed chunks, and who may have them. In a database of its own, so that
/// bulk never delays a message. Not Sendable: `StoreThread` gives it a thread of its own. It reads no clock.
package final class SpoolStore: DatabaseStore {
    /// Without a new chunk an upload is given up after this long; a client that comes back goes on within a day.
    package static let incompleteMillisecondsMax: Int64 = 86_400_000
    /// How long it is known how a file ended.
    package static let endedMillisecondsMax: Int64 = 30 * 86_400_000
    /// Ended files of one account that are known; more than a hundred a day. Beyond, the oldest is forgotten early.
    package static let endedPerAccountMax: Int64 = 4096
    /// Rows of each kind that one `purge` touches: three MiB of chunks, so that it holds up nobody for long.
    package static let stepRowsMax = 64
    /// Pages that one `purge` gives back to the disk: more than it frees, and four MiB to move at worst.
    package static let stepPagesMax = 256
    /// Three MiB of chunks.
    package static let batchRequestsMax = 64

    let database: Database
    let limits: SpoolLimits
    let freeSpace: FreeSpace
    package internal(set) var broken: StoreError?

    /// Opens or makes the database at `path` (`:memory:` for one that is forgotten).
    package convenience init(path: String, limits: SpoolLimits = SpoolLimits()) throws(StoreError) {
        try self.init(try Database(path: path, isBulk: true), path: path, limits: limits)
    }

    /// Opens a bulk database in memory. Nobody else uses it as long as this store does.
    package convenience init(_ database: Database) throws(StoreError) {
        try self.init(database, path: ":memory:", limits: SpoolLimits())
    }

    private init(_ database: Database, path: String, limits: SpoolLimits) throws(StoreError) {
        self.database = database
        self.limits = limits
        freeSpace = FreeSpace(path: path, bytesMin: limits.freeBytesMin)
        try Schema.spool.apply(to: database)
        if let bytesMax = limits.databaseBytesMax { try database.limitFile(bytesMax: bytesMax) }
    }

    package func perform(_ requests: [SpoolRequest]) -> [SpoolReply] { performBatch(requests) }

    package func close() throws(StoreError) { try database.close() }

    func answer(_ request: SpoolRequest) throws(StoreError) -> SpoolReply {
        switch request {
        case .begin(let owner, let file, let at): try begin(file, of: owner, at: at)
        case .write(let owner, let id, let index, let data, let at):
            try write(data, at: index, of: owner, id, now: at)
        case .read(let place, let reader, let local): try read(place, reader: reader, local: local)
        case .end(let owner, let id, let speaker, let outcome, let local, let at):
            try end(id, of: Address(user: owner, server: local), by: speaker, outcome, at: at)
        case .purge(let now): try purge(at: now)
        case .usage: try usage()
        }
    }

    static let lowReply = SpoolReply.refused(
        Refusal(.spoolFull, "the node's disk is nearly full; it takes no files until there is room"))
    static let noFileReply = SpoolReply.refused(Refusal(.noFile, "there is no such file, or it is not for you"))

    private func usage() throws(StoreError) -> SpoolReply {
        let sums = try database.first("SELECT files, chunks FROM spool") { ($0.count(0), $0.count(1)) } ?? (0, 0)
        let (bytes, overflow) = sums.1.multipliedReportingOverflow(by: Int64(FileChunk.sealedBytesMax))
        return .usage(files: sums.0, bytes: overflow ? .max : bytes)
    }

    func file(_ id: MessageID, of owner: UserName) throws(StoreError) -> StoredFile? {
        try database.first(
            "SELECT \(StoredFile.columns) FROM file f JOIN owner o ON o.id = f.owner WHERE o.name = ? AND f.id = ?",
            owner.text, id.bytes
        ) { StoredFile($0) }
    }

    /// Adds to the sums over an account's files, and over all.
    func count(files: Int64, chunks: Int64, of owner: Int64) throws(StoreError) {
        try database.run(
            "UPDATE owner SET files = max(0, files + ?), chunks = max(0, chunks + ?) WHERE id = ?",
            files, chunks, owner)
        try database.run("UPDATE spool SET files = max(0, files + ?), chunks = max(0, chunks + ?)", files, chunks)
    }

    /// Ends an open file. Its chunks wait for `purge`.
    func settle(_ file: StoredFile, _ outcome: FileOutcome, at: Int64) throws(StoreError) -> FileStatus {
        try database.run(
            "UPDATE file SET state = ?, changed_at = ? WHERE position = ?",
            StoredFile.State(outcome).rawValue, at, file.position)
        try count(files: -1, chunks: file.held - file.chunks, of: file.owner)
        try database.run(
            """
            DELETE FROM file WHERE position IN (SELECT position FROM file WHERE owner = ? AND state >= 2 AND kept = 0
                ORDER BY changed_at DESC LIMIT 1 OFFSET ?)
            """, file.owner, SpoolStore.endedPerAccountMax)
        return FileStatus(id: file.id, held: file.held, chunks: file.chunks, outcome: outcome)
    }
}
