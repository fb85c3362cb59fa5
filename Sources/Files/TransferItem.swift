import Bytes
import Wire

extension Transfers {
    enum Step: Equatable {
        /// Nothing is to be done until something comes.
        case resting
        /// Outgoing: to be read, for the first time or again. Incoming: the part file is to be opened.
        case unread
        /// A job has been ordered to do so.
        case reading
        /// Outgoing, for the first time: its record is on the way to disk.
        case saving
        /// Outgoing: the node is to be asked how it stands.
        case unasked
        case asking
        /// Chunks are moving.
        case moving
        /// A chunk was refused: over when all that was asked has been answered.
        case draining
        /// Outgoing: the offer is on its way to disk.
        case offering
        /// Incoming: the whole is being checked.
        case finishing
    }

    struct Item: Sendable {
        var transfer: Transfer
        var step: Step
        var job: Int64?
        /// The command that began it, or accepted it, has no answer yet.
        var isUnsettled = false
        /// The command that accepted or cancelled it has its answer once that is on record.
        var isUnrecorded = false
        /// Nothing is kept of it yet.
        var isNew = false
        /// The next chunk to read or to fetch.
        var next: Int64 = 0
        /// The next chunk to send, or to give to the disk.
        var handed: Int64 = 0
        /// Chunks that have been read in vain, or not sent yet.
        var readCount = 0
        /// Chunks that the node has been asked to take or to give.
        var askedCount = 0
        /// Incoming: chunks that are written, safely or not, and the link behind them.
        var written: Int64 = 0
        var link: [UInt8] = []
        /// Where the person wants it, until the disk has made that a place.
        var target: FileTarget?
        /// Fetched, but not the next one.
        var arrived: [Int64: [UInt8]] = [:]
        /// Nothing is asked of the node before.
        var retryAt: Instant?
        /// Chunks have moved since the last refusal.
        var hasMoved = false
        var isTelling = false
        /// Saves under way: how it ended is told once it is on record.
        var saveCount = 0
        var tellAt: Instant?
        var meter = Meter()
        var toldAt: Instant?
        var hasBeenTold = false

        var busyCount: Int { readCount + askedCount }
        var isOutgoing: Bool { transfer.isOutgoing }
        var chunkCount: Int64 { transfer.offer.chunkCount }
        /// Chunks that have moved.
        var movedCount: Int64 { isOutgoing ? transfer.done : max(written, transfer.done) }
    }
}
