import Glibc
import Net
import Testing

extension EgressQueue {
    /// What the queue offers now.
    fileprivate mutating func offered() -> [UInt8] {
        withVectors { vectors in vectors.flatMap { UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len) } }
            ?? []
    }
}

@Suite struct EgressQueueTests {
    private func expectAppend(
        _ queue: inout EgressQueue, _ chunk: [UInt8], _ expected: Admission,
        at location: SourceLocation = #_sourceLocation
    ) {
        let admission = queue.append(chunk)
        #expect(admission == expected, sourceLocation: location)
    }

    @Test(arguments: UInt64(1)...8)
    func equalsAPlainArray(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let limits = EgressQueue.Limits(bytesMax: 200_000, highWaterBytes: 60_000, lowWaterBytes: 20_000)
        var queue = EgressQueue(limits: limits)
        let source = randomBytes(100_000, seed: seed)
        var model: [UInt8] = []
        var isBackedUp = false
        for _ in 0..<600 {
            if Bool.random(using: &generator) {
                let longest = [1, 40, 3_000, 50_000][Int.random(in: 0..<4, using: &generator)]
                let start = Int.random(in: 0..<50_000, using: &generator)
                let chunk = Array(source[start..<(start + Int.random(in: 0...longest, using: &generator))])
                let admission = queue.append(chunk)
                guard model.count + chunk.count <= limits.bytesMax else {
                    #expect(admission == .overflow)
                    continue
                }
                model += chunk
                if model.count > limits.highWaterBytes { isBackedUp = true }
                #expect(admission == (isBackedUp ? .aboveHighWater : .queued))
            } else {
                let offered = queue.offered()
                #expect(offered.elementsEqual(model.prefix(offered.count)))
                #expect(model.isEmpty == offered.isEmpty)
                let sent = Int.random(in: 0...offered.count, using: &generator)
                let isDrained = queue.consumed(sent)
                model.removeFirst(sent)
                #expect(isDrained == (isBackedUp && model.count < limits.lowWaterBytes))
                if isDrained { isBackedUp = false }
            }
            #expect(queue.byteCount == model.count)
            #expect(queue.isEmpty == model.isEmpty)
            #expect(queue.isBackedUp == isBackedUp)
        }
    }

    @Test func refusesWholeWhatWouldOverflow() {
        var queue = EgressQueue(limits: EgressQueue.Limits(bytesMax: 10, highWaterBytes: 8, lowWaterBytes: 2))
        expectAppend(&queue, [1, 2, 3, 4, 5, 6], .queued)
        expectAppend(&queue, [7, 8, 9, 10, 11], .overflow)
        #expect(queue.offered() == [1, 2, 3, 4, 5, 6])
        expectAppend(&queue, [7, 8, 9, 10], .aboveHighWater)
        expectAppend(&queue, [11], .overflow)
        #expect(queue.offered() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }

    @Test func joinsShortChunksAndSharesLongOnes() {
        var queue = EgressQueue()
        let long = [UInt8](repeating: 7, count: 10_000)
        var bases: [UnsafeMutableRawPointer?] = []
        for _ in 0..<10 { _ = queue.append([1, 2, 3]) }
        _ = queue.append(long)
        _ = queue.append([4])
        _ = queue.withVectors { vectors in bases = vectors.map(\.iov_base) }
        #expect(bases.count == 4)
        long.withUnsafeBytes { #expect(bases[2] == UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
    }

    @Test func boundsTheVectorsOfOneCall() {
        var queue = EgressQueue()
        for _ in 0..<100 { _ = queue.append([UInt8](repeating: 1, count: 3_000)) }
        #expect(queue.withVectors(\.count) == 64)
        #expect(queue.byteCount == 300_000)
    }

    @Test func anEmptyQueueOffersNothing() {
        var queue = EgressQueue()
        expectAppend(&queue, [], .queued)
        #expect(queue.withVectors { _ in true } == nil)
        let isDrained = queue.consumed(5)
        #expect(!isDrained)
    }
}
