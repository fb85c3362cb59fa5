import Deflate
import Testing
import WebSocket

struct ZlibTests {
    /// Everything that `input` means, and whether it ended between two blocks.
    static func inflated(_ input: [UInt8], by inflater: any Inflater, step: Int = 1000) throws -> [UInt8] {
        var (output, position): ([UInt8], Int) = ([], 0)
        while true {
            let before = output.count
            position += try inflater.inflate(input, from: position, onto: &output, bytesMax: step)
            if output.count - before < step { return output }
        }
    }

    /// RFC 7692 §7.2.3.1: "Hello" with the fixed code, its tail put back.
    private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF]

    @Test func writesTheExampleOfTheStandard() throws {
        let deflater = try #require(Zlib().makeDeflater(windowBits: 15))
        #expect(deflater.deflate(Array("Hello".utf8)) == ZlibTests.hello)
        // §7.2.3.2: the same again, now as a reference to the first.
        #expect(
            deflater.deflate(Array("Hello".utf8)) == [0xF2, 0x00, 0x11, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 100])
    func readsTheExampleInStepsOfAnySize(step: Int) throws {
        let inflater = try #require(Zlib().makeInflater(windowBits: 15))
        #expect(inflater.isBetweenBlocks)
        #expect(try ZlibTests.inflated(ZlibTests.hello, by: inflater, step: step) == Array("Hello".utf8))
        #expect(inflater.isBetweenBlocks)
    }

    @Test func knowsWhereBlocksEnd() throws {
        for length in 1..<ZlibTests.hello.count {
            let inflater = try #require(Zlib().makeInflater(windowBits: 15))
            _ = try ZlibTests.inflated(Array(ZlibTests.hello.prefix(length)), by: inflater)
            #expect(!inflater.isBetweenBlocks)
        }
    }

    /// RFC 7692 §7.2.3.4: the window outlives a final block.
    @Test func aFinalBlockIsNoEnd() throws {
        let inflater = try #require(Zlib().makeInflater(windowBits: 15))
        let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        #expect(try ZlibTests.inflated(final, by: inflater) == Array("Hello".utf8))
        #expect(inflater.isBetweenBlocks)
        let reference: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF]
        #expect(try ZlibTests.inflated(reference, by: inflater) == Array("Hello".utf8))
    }

    @Test(
        arguments: [
            [0x07],  // a block of the reserved kind
            [0x00, 0x01, 0x00, 0x01, 0x00],  // a stored block whose lengths contradict each other
            [0xF2, 0x00, 0x11, 0x00],  // a reference to before the beginning
        ] as [[UInt8]])
    func refusesWhatIsNotDeflate(bytes: [UInt8]) throws {
        let inflater = try #require(Zlib().makeInflater(windowBits: 15))
        #expect(throws: InflateFault.notDeflate) { try ZlibTests.inflated(bytes, by: inflater) }
    }

    /// Whatever the window, what one side writes the other reads with a window as small.
    @Test(arguments: 9...15, [UInt64(1), 2, 3])
    func roundTrips(windowBits: Int, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let deflater = try #require(Zlib().makeDeflater(windowBits: windowBits))
        let inflater = try #require(Zlib().makeInflater(windowBits: windowBits))
        for length in [0, 1, 100, 5_000, 300_000] {
            // Runs and references at all distances.
            var message = random.bytes(min(length, 3_000))
            while message.count < length {
                let start = Int.random(in: 0..<message.count, using: &random)
                message += message[start..<min(start + 500, message.count)]
            }
            let compressed = try #require(deflater.deflate(message))
            #expect(compressed.suffix(4) == [0x00, 0x00, 0xFF, 0xFF] || length == 0)
            #expect(try ZlibTests.inflated(compressed, by: inflater, step: 16_384) == message)
        }
    }

    @Test func refusesAWindowThatItCannotKeepTo() {
        #expect(Zlib().makeDeflater(windowBits: Zlib().deflateWindowBitsMin - 1) == nil)
        #expect(Zlib().makeInflater(windowBits: 8) != nil)
    }
}

/// A small generator with a seed, so that a failing run can be repeated.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}
