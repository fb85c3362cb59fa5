/// Bytes in the order they arrived: appended at the back, consumed at the front. Consumed space is reclaimed when it
/// is worth a move, so a long-lived queue neither grows nor copies on each read.
package struct ByteQueue: Sendable {
    private var storage: [UInt8] = []
    private var start = 0

    package init() {}

    package var count: Int { storage.count - start }
    package var isEmpty: Bool { count == 0 }

    package mutating func append(_ bytes: some Collection<UInt8>) { storage.append(contentsOf: bytes) }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) { storage.append(contentsOf: bytes) }

    /// The byte `offset` places behind the front, or nil if it has not arrived.
    package func byte(at offset: Int) -> UInt8? {
        offset >= 0 && offset < count ? storage[start + offset] : nil
    }

    /// The place of the first `byte` at or behind `offset`, counted from the front.
    package func firstIndex(of byte: UInt8, from offset: Int = 0) -> Int? {
        guard offset >= 0, offset <= count else { return nil }
        return storage[(start + offset)...].firstIndex(of: byte).map { $0 - start }
    }

    /// A copy of the first `length` bytes (all of them if there are fewer), which stay in the queue.
    package func prefix(_ length: Int) -> [UInt8] {
        Array(storage[start..<(start + Swift.max(0, Swift.min(length, count)))])
    }

    /// Takes the first `length` bytes (all of them if there are fewer) out of the queue.
    package mutating func consume(_ length: Int) -> [UInt8] {
        let taken = prefix(length)
        drop(taken.count)
        return taken
    }

    /// Forgets the first `length` bytes (all of them if there are fewer).
    package mutating func drop(_ length: Int) {
        start += Swift.max(0, Swift.min(length, count))
        if start == storage.count {
            storage.removeAll(keepingCapacity: storage.capacity <= ByteQueue.keptBytesMax)
            start = 0
        } else if start > storage.count / 2, start >= ByteQueue.moveBytesMin {
            storage.removeFirst(start)
            start = 0
        }
    }

    /// The queued bytes in place; the pointer is valid inside `body` only.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try storage.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    /// An empty queue keeps at most this much memory, so that idle connections are small.
    private static let keptBytesMax = 4096
    /// Moving fewer bytes than this to the front is not worth the call.
    private static let moveBytesMin = 4096
}
