import Deflate
import Testing
import WebSocket

/// What `Inflater` promises to those who hold messages to their limits.
struct InflaterTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        let text: String
    }

    /// Blocks of each kind (RFC 1951 §3.2.4 to §3.2.7), not written by this library's deflater.
    static let vectors = [
        Vector(testDescription: "stored", bytes: [0x00, 0x05, 0x00, 0xFA, 0xFF] + Array("Hello".utf8), text: "Hello"),
        Vector(testDescription: "stored and empty", bytes: [0x00, 0x00, 0x00, 0xFF, 0xFF], text: ""),
        Vector(
            testDescription: "fixed codes",
            bytes: [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF], text: "Hello"),
        Vector(
            testDescription: "final ones, and another",
            bytes: [0x03, 0x00, 0x01, 0x01, 0x00, 0xFE, 0xFF, 0x61, 0x00, 0x01, 0x00, 0xFE, 0xFF, 0x62], text: "ab"),
        Vector(
            testDescription: "dynamic codes",
            bytes: [
                0x34, 0x8D, 0x81, 0x0D, 0xC0, 0x30, 0x08, 0xC3, 0x6E, 0x4D, 0xDC, 0xFF, 0x6F, 0x58, 0x4D, 0x47, 0x84,
                0x40,
                0x86, 0x00, 0xE4, 0x9C, 0x1B, 0x8A, 0x54, 0xB8, 0x6A, 0x4A, 0x88, 0x54, 0x29, 0x01, 0xF3, 0x0A, 0xED,
                0x3B,
                0xCE, 0x3F, 0x81, 0xED, 0xDB, 0xB3, 0xB6, 0x8F, 0xC6, 0xC7, 0x1C, 0x9D, 0x0F, 0xCC, 0x92, 0x1F, 0xEA,
                0xCA,
                0xD0, 0x07, 0x00, 0x00, 0xFF, 0xFF,
            ],
            text: "caddaddddddcabaddaaaababcacaaddabaabaaaccbaaaaaaaaaaacddddaaddabaaabaaaaaaccacddddaaaaabddaabbddaaaa"
                + "ddabacbabcabaddacaaabacacabacddaaaba"),
    ]

    @Test(arguments: vectors, [1, 2, 7, 1000])
    func readsBlocksOfEachKindCutAnywhere(_ vector: Vector, step: Int) throws {
        for cut in 0...vector.bytes.count {
            let inflater = try #require(Zlib().makeInflater(windowBits: 15))
            let first = try ZlibTests.inflated(Array(vector.bytes[..<cut]), by: inflater, step: step)
            let second = try ZlibTests.inflated(Array(vector.bytes[cut...]), by: inflater, step: step)
            #expect(first + second == Array(vector.text.utf8))
            #expect(inflater.isBetweenBlocks)
        }
    }

    /// No more than was asked for, behind what was there; and all of the input unless that much was made.
    @Test(arguments: [1, 2, 100, 4096, 100_000])
    func makesNoMoreThanItIsAllowed(bytesMax: Int) throws {
        let deflater = try #require(Zlib().makeDeflater(windowBits: 15))
        let payload = [UInt8](repeating: 7, count: 3_000) + Array(0...255)
        let input = try #require(deflater.deflate(payload))
        let inflater = try #require(Zlib().makeInflater(windowBits: 15))
        var output: [UInt8] = [1, 2, 3]
        var position = 0
        for _ in 0...payload.count {
            let before = output.count
            position += try inflater.inflate(input, from: position, onto: &output, bytesMax: bytesMax)
            #expect(output.count - before <= bytesMax)
            #expect(position <= input.count)
            if output.count - before < bytesMax { break }
        }
        #expect(position == input.count)
        #expect(output == [1, 2, 3] + payload)
    }

    @Test func nothingIsNothing() throws {
        let inflater = try #require(Zlib().makeInflater(windowBits: 15))
        var output: [UInt8] = []
        #expect(try inflater.inflate([], from: 0, onto: &output, bytesMax: 10) == 0)
        #expect(try inflater.inflate([0x00], from: 1, onto: &output, bytesMax: 10) == 0)
        #expect(output.isEmpty && inflater.isBetweenBlocks)
    }

    /// Each stream has a window of its own.
    @Test func streamsDoNotKnowEachOther() throws {
        let deflater = try #require(Zlib().makeDeflater(windowBits: 15))
        let first = try #require(deflater.deflate(Array("the same words".utf8)))
        let second = try #require(deflater.deflate(Array("the same words".utf8)))
        let (one, other) = (
            try #require(Zlib().makeInflater(windowBits: 15)), try #require(Zlib().makeInflater(windowBits: 15))
        )
        #expect(try ZlibTests.inflated(first, by: one) == Array("the same words".utf8))
        #expect(throws: InflateFault.notDeflate) { try ZlibTests.inflated(second, by: other) }
        #expect(try ZlibTests.inflated(second, by: one) == Array("the same words".utf8))
    }

    /// Any bytes are read or refused, in bounded steps, whatever the cuts; what was refused once stays refused.
    @Test(arguments: UInt64(1)...200)
    func anyBytesAreReadOrRefused(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let input = random.bytes(Int.random(in: 1...200, using: &random))
        var outcomes: Set<[UInt8]> = []
        for step in [1, 3, 64, 20_000] {
            let inflater = try #require(Zlib().makeInflater(windowBits: 15))
            let output = try? ZlibTests.inflated(input, by: inflater, step: step)
            outcomes.insert(output ?? [0xDE, 0xAD])
            if output == nil { #expect(throws: InflateFault.notDeflate) { try ZlibTests.inflated([0], by: inflater) } }
        }
        #expect(outcomes.count == 1)
    }
}
