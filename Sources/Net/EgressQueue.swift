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
    /// An object, for ten thousand queues share one.
    package final class Limits: Sendable {
        /// A reader who is 1 MiB behind will not catch up by itself. Must exceed the longest single chunk.
        package let bytesMax: Int
        /// Producers of bulk pause above this...
        package let highWaterBytes: Int
        /// ...and go on below this.
        package let lowWaterBytes: Int

        package init(bytesMax: Int = 1 << 20, highWaterBytes: Int = 256 << 10, lowWaterBytes: Int = 64 << 10) {
            self.bytesMax = bytesMax
            self.highWaterBytes = highWaterBytes
            self.lowWaterBytes = lowWaterBytes
        }
    }

    private let limits: Limits
    /// The first piece, of which `frontOffset` bytes are sent. Mostly the only one, and then nothing else is allocated.
    private var front: [UInt8] = []
    private var frontOffset = 0
    /// The pieces behind `front` begin at `next`; those before it are done with.
    private var pieces: [[UInt8]] = []
    private var next = 0

    /// Bytes waiting.
    package private(set) var byteCount = 0
    /// The last piece was made here and may grow.
    private var lastIsTail = false
    /// True from rising above high water until falling below low water.
    package private(set) var isBackedUp = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isEmpty: Bool { byteCount == 0 }

    package mutating func append(_ chunk: [UInt8]) -> Admission {
        guard chunk.count <= limits.bytesMax - byteCount else { return .overflow }
        guard !chunk.isEmpty else { return isBackedUp ? .aboveHighWater : .queued }
        if byteCount == 0 {
            front = chunk
        } else if chunk.count <= EgressQueue.copiedBytesMax {
            // Copying a short chunk is cheaper than a reference to it plus one more vector for the kernel to walk.
            appendToTail(chunk)
        } else {
            pieces.append(chunk)
            lastIsTail = false
        }
        byteCount += chunk.count
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
    /// afterwards what was `consumed`. `body` is not called if nothing waits. It is mutating so that nothing is copied.
    package mutating func withVectors<Result>(_ body: (UnsafeMutableBufferPointer<iovec>) -> Result) -> Result? {
        guard byteCount > 0 else { return nil }
        let count = min(1 + pieces.count - next, EgressQueue.vectorsMax)
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
            front.withUnsafeBytes { bytes in
                EgressQueue.fill(vectors, 0, with: UnsafeRawBufferPointer(rebasing: bytes[frontOffset...]))
                return fill(vectors, from: 1, body)
            }
        }
    }

    /// Recursive, because an array's storage stays in place only inside its own closure.
    private func fill<Result>(
        _ vectors: UnsafeMutableBufferPointer<iovec>, from index: Int,
        _ body: (UnsafeMutableBufferPointer<iovec>) -> Result
    ) -> Result {
        guard index < vectors.count else { return body(vectors) }
        return pieces[next + index - 1].withUnsafeBytes { bytes in
            EgressQueue.fill(vectors, index, with: bytes)
            return fill(vectors, from: index + 1, body)
        }
    }

    private static func fill(
        _ vectors: UnsafeMutableBufferPointer<iovec>, _ index: Int, with bytes: UnsafeRawBufferPointer
    ) {
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        vectors.initializeElement(at: index, to: iovec(iov_base: base, iov_len: bytes.count))
    }

    /// Forgets the first `length` bytes, which were sent. Returns true if this ended a backlog: the queue had been
    /// above high water and is now below low water.
    package mutating func consumed(_ length: Int) -> Bool {
        var rest = min(length, byteCount)
        byteCount -= rest
        while rest > 0 {
            let left = front.count - frontOffset
            guard rest >= left else {
                frontOffset += rest
                break
            }
            rest -= left
            frontOffset = 0
            advance()
        }
        guard isBackedUp, byteCount < limits.lowWaterBytes || byteCount == 0 else { return false }
        isBackedUp = false
        return true
    }

    private mutating func advance() {
        front = []
        guard next < pieces.count else { return }
        swap(&front, &pieces[next])
        next += 1
        if next == pieces.count {
            // What became the front is closed, though it was the tail.
            pieces = []
            (next, lastIsTail) = (0, false)
        } else if next > EgressQueue.deadPiecesKept, next > pieces.count / 2 {
            pieces.removeFirst(next)
            next = 0
        }
    }

    package mutating func removeAll() { self = EgressQueue(limits: limits) }

    /// Up to here copying beats sharing, by about 50 ns a chunk (measured); beyond, the system's cost is the same and
    /// shared memory is worth more.
    private static let copiedBytesMax = 1 << 10
    /// One tail grows to this before the next is begun: growth copies, and memory is given back piece by piece.
    private static let tailBytesMax = 16 << 10
    private static let tailBytesMin = 512
    /// Vectors in one call; a queue with more sends the rest in the next turn, after others had theirs.
    private static let vectorsMax = 64
    /// Moving the rest to the front for fewer is not worth the call.
    private static let deadPiecesKept = 16
}
