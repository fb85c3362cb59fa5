package import Glibc

/// What became of a chunk handed to a queue.
package enum Admission: Equatable, Sendable {
    case queued
    /// Taken, but too much waits: the producer should pause until it hears that the queue has drained.
    case aboveHighWater
    /// Not taken; the queue would exceed `bytesMax`. A stream closes itself as a slow consumer when it says this.
    case overflow
    /// Not taken; the stream is closing or closed.
    case closed
}

/// Bytes waiting for one reader. Never blocks, never reorders, never holds more than `bytesMax`. Chunks are shared by
/// reference, so that one encoded message may wait in many queues.
package struct EgressQueue {
    package struct Limits: Sendable {
        /// A reader who is 1 MiB behind will not catch up by itself. Must exceed the longest single chunk.
        package var bytesMax: Int
        /// Producers of bulk pause above this...
        package var highWaterBytes: Int
        /// ...and go on below this.
        package var lowWaterBytes: Int

        package init(bytesMax: Int = 1 << 20, highWaterBytes: Int = 256 << 10, lowWaterBytes: Int = 64 << 10) {
            self.bytesMax = bytesMax
            self.highWaterBytes = highWaterBytes
            self.lowWaterBytes = lowWaterBytes
        }
    }

    private let limits: Limits
    /// Pieces before `first` are sent; of that one, `firstOffset` bytes.
    private var pieces: [[UInt8]] = []
    private var first = 0
    private var firstOffset = 0
    /// The last piece was made here and may grow.
    private var lastIsTail = false

    /// Bytes waiting.
    package private(set) var byteCount = 0
    /// True from rising above high water until falling below low water.
    package private(set) var isBackedUp = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isEmpty: Bool { byteCount == 0 }

    package mutating func append(_ chunk: [UInt8]) -> Admission {
        guard chunk.count <= limits.bytesMax - byteCount else { return .overflow }
        guard !chunk.isEmpty else { return isBackedUp ? .aboveHighWater : .queued }
        byteCount += chunk.count
        // Copying a short chunk is cheaper than a reference to it plus one more vector for the kernel to walk.
        if chunk.count <= EgressQueue.copiedBytesMax, first < pieces.count {
            appendToTail(chunk)
        } else {
            pieces.append(chunk)
            lastIsTail = false
        }
        if byteCount > limits.highWaterBytes { isBackedUp = true }
        return isBackedUp ? .aboveHighWater : .queued
    }

    private mutating func appendToTail(_ chunk: [UInt8]) {
        let last = pieces.count - 1
        if lastIsTail, pieces[last].count + chunk.count <= EgressQueue.tailBytesMax {
            pieces[last].append(contentsOf: chunk)
        } else {
            var tail: [UInt8] = []
            tail.reserveCapacity(max(EgressQueue.tailBytesMin, 2 * chunk.count))
            tail.append(contentsOf: chunk)
            pieces.append(tail)
            lastIsTail = true
        }
    }

    /// Offers the front of the queue as vectors, which are valid inside `body` only. Does not change the queue: say
    /// afterwards what was `consumed`. `body` is not called if nothing waits.
    package func withVectors<Result>(_ body: (UnsafeMutableBufferPointer<iovec>) -> Result) -> Result? {
        let count = min(pieces.count - first, EgressQueue.vectorsMax)
        guard count > 0 else { return nil }
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
            fill(vectors, from: 0, body)
        }
    }

    /// Recursive, because an array's storage stays in place only inside its own closure.
    private func fill<Result>(
        _ vectors: UnsafeMutableBufferPointer<iovec>, from index: Int,
        _ body: (UnsafeMutableBufferPointer<iovec>) -> Result
    ) -> Result {
        guard index < vectors.count else { return body(vectors) }
        return pieces[first + index].withUnsafeBytes { bytes in
            let skipped = index == 0 ? firstOffset : 0
            let base = bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + skipped) }
            vectors.initializeElement(at: index, to: iovec(iov_base: base, iov_len: bytes.count - skipped))
            return fill(vectors, from: index + 1, body)
        }
    }

    /// Forgets the first `length` bytes, which were sent. Returns true if this ended a backlog: the queue had been
    /// above high water and is now below low water.
    package mutating func consumed(_ length: Int) -> Bool {
        var rest = min(length, byteCount)
        byteCount -= rest
        while rest > 0 {
            let left = pieces[first].count - firstOffset
            guard rest >= left else {
                firstOffset += rest
                break
            }
            rest -= left
            pieces[first] = []
            first += 1
            firstOffset = 0
        }
        reclaim()
        guard isBackedUp, byteCount < limits.lowWaterBytes || byteCount == 0 else { return false }
        isBackedUp = false
        return true
    }

    package mutating func removeAll() {
        pieces = []
        (first, firstOffset, byteCount, lastIsTail, isBackedUp) = (0, 0, 0, false, false)
    }

    private mutating func reclaim() {
        if first == pieces.count {
            pieces.removeAll(keepingCapacity: pieces.capacity <= EgressQueue.keptPieces)
            (first, lastIsTail) = (0, false)
        } else if first > EgressQueue.keptPieces, first > pieces.count / 2 {
            pieces.removeFirst(first)
            first = 0
        }
    }

    /// Up to here copying beats sharing, by about 50 ns a chunk (measured); beyond, the system's cost is the same and
    /// shared memory is worth more.
    private static let copiedBytesMax = 1 << 10
    /// One tail grows to this before the next is begun: growth copies, and memory is given back piece by piece.
    private static let tailBytesMax = 16 << 10
    private static let tailBytesMin = 512
    /// Vectors in one call; a queue with more sends the rest in the next turn, after others had theirs.
    private static let vectorsMax = 64
    /// An empty queue keeps room for this many pieces, so that idle connections are small.
    private static let keptPieces = 16
}
