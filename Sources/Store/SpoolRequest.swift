package import Wire

/// What a node asks of its spool. Times (`at`) are milliseconds since 1970 and come from the asker, `local` is the
/// node's own name; `owner` is the account whose file it is, its author. Every request may also be answered by
/// `failed`: the spool could not do it, and nothing was changed.
package enum SpoolRequest: Hashable, Sendable {
    /// Begins a file, goes on with one or asks how one stands; one that has ended as well, for as long as it is known.
    /// Answers `status`, or `refused`: idReused (the account has a file of this id with another `to` or `chunks`),
    /// fileTooLarge, spoolFull (the account's or the node's room, the account's open files, or a short disk), badValue
    /// (a negative count). Whether `to` exists is for the asker to know.
    case begin(owner: UserName, SpooledFile, at: Int64)
    /// Commits chunk `index`, 1 to `FileChunk.sealedBytesMax` bytes. Answers `status` once it is on the disk; of a
    /// chunk that is held, or of a file that has ended, too, and nothing changes. Or `refused`: noFile (begin it),
    /// outOfOrder (an earlier chunk is missing), badValue (no place of this file, or the size), spoolFull (a short disk).
    case write(owner: UserName, id: MessageID, index: Int64, data: [UInt8], at: Int64)
    /// One chunk of a complete file, for its recipient or its owner, or for anybody if it is for everybody. Answers
    /// `chunk`, or `refused`: damaged (found in the record; nothing of it is shown), noFile for all else alike.
    case read(ChunkPlace, reader: Address, local: ServerName)
    /// `by` says how a file ended; the first outcome counts, and from then on nothing of it can be read. `cancelled` is
    /// the owner's to say, at any time; `received` and `declined` the recipient's, once the file is complete. Said of a
    /// file for everybody, those two change nothing. Answers `ended`, or `refused`: noFile (also for whoever the file
    /// is not for), badValue (not theirs to say).
    case end(owner: UserName, id: MessageID, by: Address, FileOutcome, local: ServerName, at: Int64)
    /// Expires what is too old, deletes chunks of ended files, forgets files that ended long ago and gives room on the
    /// disk back, each only so much at a time. Answers `purged`.
    case purge(at: Int64)
    /// Answers `usage`.
    case usage
}

extension SpoolRequest: BatchRequest {
    var isWrite: Bool {
        switch self {
        case .begin, .write, .end, .purge: true
        case .read, .usage: false
        }
    }

    var isAddition: Bool {
        switch self {
        case .begin, .write: true
        case .read, .end, .purge, .usage: false
        }
    }
}

/// What the spool answers; which request gets which, `SpoolRequest` says. Changes are on the disk when it is given.
package enum SpoolReply: Hashable, Sendable, BatchReply {
    /// A rule forbids it. Nothing changed.
    case refused(Refusal)
    /// The spool could not do it. Nothing changed; the same request may succeed later.
    case failed(Refusal)

    case status(FileStatus)
    /// As the author sealed it, 1 to `FileChunk.sealedBytesMax` bytes.
    case chunk([UInt8])
    /// `isNew`: this request ended the file. Otherwise it changed nothing, and a file for everybody may still be open.
    case ended(FileStatus, isNew: Bool)
    /// Files that have just expired. `hasMore`: ask again.
    case purged([SpoolChange], hasMore: Bool)
    /// Files that have not ended, and the bytes counted against `SpoolLimits.spoolBytesMax`.
    case usage(files: Int64, bytes: Int64)
}

/// A new status to tell the owner's sessions.
package struct SpoolChange: Hashable, Sendable {
    package let owner: UserName
    package let status: FileStatus

    package init(owner: UserName, status: FileStatus) {
        self.owner = owner
        self.status = status
    }
}
