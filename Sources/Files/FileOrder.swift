package import Wire

/// What is to be done with files on this machine. A job is one piece of work on one of them, from `hash` or `prepare` to
/// `drop` or its last report; its number is never used again. Orders are carried out one after the other.
package enum FileOrder: Hashable, Sendable {
    /// Read the file at `path`, a part of it at a time. Reports `reading`, in the end `hashed`.
    case hash(job: Int64, path: String, bytesMax: Int64)
    /// Answers `reading`.
    case goOn(job: Int64)
    /// Read chunk `index` once more, of a file that was hashed, and seal it. Reports `chunk`.
    case read(job: Int64, id: MessageID, key: [UInt8], index: Int64)
    /// Make the part file, or open it again with its first `done` chunks, behind which `link` comes. Reports `prepared`;
    /// if an earlier run has moved the whole to its name already, `reading`, in the end `finished`.
    case prepare(job: Int64, id: MessageID, offer: FileOffer, target: FileTarget, done: Int64, link: [UInt8])
    /// Check the next chunk of a file that was prepared, and write it. Reports `written`.
    case write(job: Int64, data: [UInt8])
    /// All chunks are written: check the whole, and move it to its name. Reports `reading`, in the end `finished`.
    case finish(job: Int64)
    /// The job is over, or is gone on with by another one. Reports nothing.
    case drop(job: Int64, removesPart: Bool)
    /// Remove the part file of an earlier run. Reports nothing.
    case removePart(id: MessageID, folder: String)
}

/// Where a file is to be received to.
package enum FileTarget: Hashable, Sendable {
    /// A safe name in the folder for downloads.
    case downloads
    /// A safe name in this folder, or this new file.
    case path(String)
    /// What an earlier report said.
    case place(Transfer.Place)
}

/// What came of an order.
package struct FileReport: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case reading(bytes: Int64, of: Int64)
        /// The whole has been read. `path` is absolute, `key` fresh.
        case hashed(FileOffer, path: String)
        case chunk(index: Int64, data: [UInt8])
        case prepared(Transfer.Place)
        /// The first `count` chunks are in the file, and link `count` is `link`. `isSafe`: they are on disk.
        case written(count: Int64, link: [UInt8], isSafe: Bool)
        case finished(path: String)
        /// The job is over, and so is what it made.
        case failed(Refusal)
    }

    package let job: Int64
    package let event: Event

    package init(job: Int64, _ event: Event) {
        self.job = job
        self.event = event
    }
}
