import Deflate
import Testing
import WebSocket

/// What a compressed message may cost us: the limits on what it inflates to.
struct MessageInflationTests {
    private static func server(message: Int = 512 << 10, ratio: Int = 250, free: Int = 64 << 10) throws -> Connection {
        var settings = DeflateSettings(library: Zlib())
        settings.ratioMax = ratio
        settings.freeBytesMax = free
        var limits = Limits()
        limits.messageBytesMax = message
        return try MessageDeflationTests.openServer(settings, limits: limits)
    }

    private static func deflated(_ payload: [UInt8]) throws -> [UInt8] {
        let deflater = try #require(Zlib().makeDeflater(windowBits: 15))
        return Array(try #require(deflater.deflate(payload)).dropLast(4))
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    @Test(arguments: [7, 64, Int.max])
    func theLongestMessagePassesAndALongerDoesNot(size: Int) throws {
        // The limit lies inside a step, at its border, and beside it.
        for limit in [1, 1000, 16_384, 16_385, 40_000] {
            var server = try MessageInflationTests.server(message: limit)
            let exact = frame(0xC2, try MessageInflationTests.deflated(MessageInflationTests.zeros(limit)))
            #expect(server.receive(exact, inChunksOf: size) == [.message(.binary(MessageInflationTests.zeros(limit)))])
            let longer = frame(0xC2, try MessageInflationTests.deflated(MessageInflationTests.zeros(limit + 1)))
            #expect(closeCode(of: server.receive(longer, inChunksOf: size)) == .messageTooBig)
        }
    }

    @Test(arguments: chunkings)
    func aBombIsRefusedByItsRatio(size: Int) throws {
        let bomb = frame(0xC2, try MessageInflationTests.deflated(MessageInflationTests.zeros(500_000)))
        #expect(bomb.count < 600)
        var server = try MessageInflationTests.server()
        #expect(closeCode(of: server.receive(bomb, inChunksOf: size)) == .policyViolation)
        // The same in fragments of one byte: what counts is the message.
        let payload = try MessageInflationTests.deflated(MessageInflationTests.zeros(500_000))
        let pieces = payload.dropFirst().flatMap { frame(0x00, [$0]) }
        var other = try MessageInflationTests.server()
        #expect(
            closeCode(of: other.receive(frame(0x42, [payload[0]]) + pieces, inChunksOf: size)) == .policyViolation)
    }

    @Test func smallMessagesMayHaveAnyRatio() throws {
        var server = try MessageInflationTests.server()
        let message = MessageInflationTests.zeros(64 << 10)
        let wire = frame(0xC2, try MessageInflationTests.deflated(message))
        for _ in 0..<50 { #expect(server.receive(wire) == [.message(.binary(message))]) }
    }

    /// A ratio is of one message: what it is allowed does not grow with those before it.
    @Test func theRatioStartsAnewWithEachMessage() throws {
        var random = SplitMix64(seed: 1)
        var server = try MessageInflationTests.server()
        let fat = random.bytes(100_000)
        #expect(server.receive(frame(0xC2, try MessageInflationTests.deflated(fat))) == [.message(.binary(fat))])
        let bomb = frame(0xC2, try MessageInflationTests.deflated(MessageInflationTests.zeros(100_000)))
        #expect(closeCode(of: server.receive(bomb)) == .policyViolation)
    }

    /// Most of such a message is never made: not even where nobody looks at a ratio.
    @Test func aBombStopsAtTheLimitAndNotAfterIt() throws {
        let counting = CountingZlib()
        var settings = DeflateSettings(library: counting)
        settings.ratioMax = 100_000
        var limits = Limits()
        limits.messageBytesMax = 100_000
        var server = try MessageDeflationTests.openServer(settings, limits: limits)
        // 64 MB in 64 KB, which is a message that passes on the wire.
        let bomb = frame(0xC2, try MessageInflationTests.deflated(MessageInflationTests.zeros(64_000_000)))
        #expect(closeCode(of: server.receive(bomb)) == .messageTooBig)
        #expect(counting.inflater?.bytesMade == 100_001)
    }

    /// Blocks without content cost time and give nothing; as many as a message may have bytes, and no more.
    @Test(arguments: [[0x00, 0x00, 0x00, 0xFF, 0xFF], [0x03, 0x00]] as [[UInt8]])
    func emptyBlocksAreCounted(block: [UInt8]) throws {
        var server = try MessageInflationTests.server(message: 10_000)
        let blocks = Array(repeatElement(block, count: 1000).joined())
        #expect(server.receive(frame(0xC2, blocks + [0x00])) == [.message(.binary([]))])
        #expect(server.receive(frame(0x42, blocks)).isEmpty)
        var events: [Event] = []
        for _ in 0..<10 where events.isEmpty { events = server.receive(frame(0x00, blocks)) }
        #expect(closeCode(of: events) == .messageTooBig)
    }

    /// The header alone decides, as it does for other messages.
    @Test func aCompressedMessageHasALengthOnTheWire() throws {
        var server = try MessageInflationTests.server(message: 1000)
        #expect(server.receive(Array(frame(0xC2, MessageInflationTests.zeros(1067)).prefix(8))).isEmpty)
        var other = try MessageInflationTests.server(message: 1000)
        let events = other.receive(Array(frame(0xC2, MessageInflationTests.zeros(1068)).prefix(8)))
        #expect(closeCode(of: events) == .messageTooBig)
    }

    /// A message that cannot be compressed and is as long as allowed grows, and passes all the same.
    @Test func theLongestMessagePassesAlsoIfItGrows() throws {
        var random = SplitMix64(seed: 3)
        for length in [1000, 200_000] {
            let message = random.bytes(length)
            let payload = try MessageInflationTests.deflated(message)
            #expect(payload.count > length)
            var server = try MessageInflationTests.server(message: length)
            #expect(server.receive(frame(0xC2, payload)) == [.message(.binary(message))])
        }
    }

    @Test func withoutMemoryTheConnectionEnds() throws {
        var server = try MessageDeflationTests.openServer(DeflateSettings(library: NoMemory()))
        try server.send(.text([UInt8](repeating: 0x61, count: 500)))
        #expect(server.takeOutput().first == 0x81)
        #expect(closeCode(of: server.receive(frame(0xC1, [0x00]))) == .internalError)
    }
}

/// zlib, and how much it was asked to make.
private final class CountingZlib: DeflateLibrary, @unchecked Sendable {
    // One test on one thread.
    private(set) var inflater: CountingInflater?

    var deflateWindowBitsMin: Int { 9 }

    func makeDeflater(windowBits: Int) -> (any Deflater)? { nil }

    func makeInflater(windowBits: Int) -> (any Inflater)? {
        inflater = Zlib().makeInflater(windowBits: windowBits).map(CountingInflater.init)
        return inflater
    }
}

private final class CountingInflater: Inflater {
    private let inner: any Inflater
    private(set) var bytesMade = 0

    init(_ inner: any Inflater) { self.inner = inner }

    var isBetweenBlocks: Bool { inner.isBetweenBlocks }

    func inflate(
        _ input: [UInt8], from start: Int, onto output: inout [UInt8], bytesMax: Int
    ) throws(InflateFault) -> Int {
        defer { bytesMade = output.count }
        return try inner.inflate(input, from: start, onto: &output, bytesMax: bytesMax)
    }
}

private struct NoMemory: DeflateLibrary {
    var deflateWindowBitsMin: Int { 9 }
    func makeDeflater(windowBits: Int) -> (any Deflater)? { nil }
    func makeInflater(windowBits: Int) -> (any Inflater)? { nil }
}
