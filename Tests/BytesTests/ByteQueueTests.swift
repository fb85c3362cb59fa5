import Bytes
import Testing

@Suite struct ByteQueueTests {
    @Test func isEmptyAtFirst() {
        var queue = ByteQueue()
        #expect(queue.isEmpty)
        #expect(queue.byte(at: 0) == nil)
        #expect(queue.firstIndex(of: 0) == nil)
        #expect(queue.consume(5) == [])
        queue.drop(5)
        queue.append([])
        #expect(queue.count == 0)
        queue.withUnsafeBytes { #expect($0.isEmpty) }
    }

    @Test func survivesOddArguments() {
        var queue = ByteQueue()
        queue.append([1, 2, 3])
        #expect(queue.byte(at: -1) == nil && queue.byte(at: 3) == nil && queue.byte(at: .max) == nil)
        #expect(queue.byte(at: .min) == nil)
        #expect(queue.firstIndex(of: 1, from: -1) == nil && queue.firstIndex(of: 1, from: 4) == nil)
        #expect(queue.firstIndex(of: 1, from: .max) == nil && queue.firstIndex(of: 3, from: 3) == nil)
        #expect(queue.prefix(-1) == [] && queue.prefix(.min) == [] && queue.prefix(.max) == [1, 2, 3])
        #expect(queue.consume(-1) == [])
        queue.drop(.min)
        #expect(queue.consume(.max) == [1, 2, 3])
        queue.drop(.max)
        #expect(queue.isEmpty)
    }

    /// A queue is a value: what one copy loses the other keeps.
    @Test func copiesAreIndependent() {
        var queue = ByteQueue()
        queue.append([1, 2, 3])
        var copy = queue
        #expect(copy.consume(2) == [1, 2])
        copy.append([4])
        #expect(queue.prefix(9) == [1, 2, 3])
        #expect(copy.prefix(9) == [3, 4])
    }

    /// Random acts, mirrored on a plain array; small and large enough to cross every reclaiming threshold.
    @Test(arguments: [(8, 1), (8, 2), (300, 3), (300, 4), (9000, 5), (9000, 6)])
    func behavesLikeAnArray(lengthMax: Int, seed: UInt64) {
        var generator = SplitMix64(state: seed)
        var queue = ByteQueue()
        var model: [UInt8] = []
        for _ in 0..<2000 {
            let length = Int.random(in: 0...lengthMax, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0:
                let bytes = generator.bytes(length)
                queue.append(bytes)
                model += bytes
            case 1:
                let bytes = generator.bytes(length)
                bytes.withUnsafeBytes { queue.append($0) }
                model += bytes
            case 2:
                #expect(queue.consume(length) == Array(model.prefix(length)))
                model.removeFirst(min(length, model.count))
            case 3:
                queue.drop(length)
                model.removeFirst(min(length, model.count))
            case 4:
                let byte = UInt8.random(in: 0...255, using: &generator)
                let expected = length <= model.count ? model[length...].firstIndex(of: byte) : nil
                #expect(queue.firstIndex(of: byte, from: length) == expected)
            default:
                #expect(queue.byte(at: length) == (length < model.count ? model[length] : nil))
                #expect(queue.prefix(length) == Array(model.prefix(length)))
            }
            #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
        }
        #expect(queue.withUnsafeBytes { Array($0) } == model)
    }
}
