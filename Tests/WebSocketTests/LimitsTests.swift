import Testing
import WebSocket

struct LimitsTests {
    private static func limits(message: Int = 1000, fragments: Int = 10) -> Limits {
        var limits = Limits()
        limits.messageBytesMax = message
        limits.fragmentsMax = fragments
        return limits
    }

    @Test(arguments: chunkings)
    func theLongestMessagePasses(size: Int) throws {
        var server = try openServer(limits: LimitsTests.limits())
        let payload = [UInt8](repeating: 1, count: 1000)
        #expect(server.receive(frame(0x82, payload), inChunksOf: size) == [.message(.binary(payload))])
        #expect(
            server.receive(frame(0x02, payload) + frame(0x80, []), inChunksOf: size) == [.message(.binary(payload))])
    }

    /// Refused when the header is there, before a byte of the payload.
    @Test func aLongerOneIsRefusedByItsHeader() throws {
        var server = try openServer(limits: LimitsTests.limits())
        let wire = frame(0x82, [UInt8](repeating: 1, count: 1001))
        #expect(server.receive(Array(wire[..<7])).isEmpty)
        #expect(closeCode(of: server.receive([wire[7]])) == .messageTooBig)
        #expect(server.takeOutput().prefix(4).suffix(2) == [0x03, 0xF1])
    }

    @Test(arguments: chunkings)
    func sizeCountsOverFragments(size: Int) throws {
        var server = try openServer(limits: LimitsTests.limits())
        #expect(server.receive(frame(0x02, [UInt8](repeating: 1, count: 600)), inChunksOf: size).isEmpty)
        #expect(server.receive(frame(0x00, [UInt8](repeating: 1, count: 400)), inChunksOf: size).isEmpty)
        #expect(closeCode(of: server.receive(frame(0x80, [1]), inChunksOf: size)) == .messageTooBig)
    }

    /// Who is known may send more, and the message under way counts as theirs.
    @Test(arguments: chunkings)
    func theLimitMayGrow(size: Int) throws {
        let payload = [UInt8](repeating: 1, count: 1500)
        var server = try openServer(limits: LimitsTests.limits())
        #expect(server.receive(frame(0x02, Array(payload[..<1000])), inChunksOf: size).isEmpty)
        server.limitMessages(to: 1500)
        #expect(
            server.receive(frame(0x80, Array(payload[1000...])), inChunksOf: size) == [.message(.binary(payload))])
        #expect(closeCode(of: server.receive(frame(0x82, payload + [1]), inChunksOf: size)) == .messageTooBig)
    }

    @Test(arguments: chunkings)
    func theLimitMayGrowForCompressedMessages(size: Int) throws {
        var server = try MessageDeflationTests.openServer(limits: LimitsTests.limits())
        server.limitMessages(to: 1500)
        let zeros = [UInt8](repeating: 0, count: 1500)
        let payload = try MessageDeflationTests.deflated(zeros)
        #expect(server.receive(frame(0xC2, payload), inChunksOf: size) == [.message(.binary(zeros))])
        let longer = try MessageDeflationTests.deflated(zeros + [0])
        #expect(closeCode(of: server.receive(frame(0xC2, longer), inChunksOf: size)) == .messageTooBig)
    }

    @Test(arguments: chunkings)
    func fragmentsAreCounted(size: Int) throws {
        var server = try openServer(limits: LimitsTests.limits())
        let ten = frame(0x02, [1]) + (0..<8).flatMap { _ in frame(0x00, []) }
        #expect(server.receive(ten + frame(0x80, [2]), inChunksOf: size) == [.message(.binary([1, 2]))])
        #expect(server.receive(ten + frame(0x00, []), inChunksOf: size).isEmpty)
        #expect(closeCode(of: server.receive(frame(0x80, []), inChunksOf: size)) == .policyViolation)
    }

    @Test func theOldestPingsGoUnanswered() throws {
        var limits = Limits()
        limits.pendingPongsMax = 3
        var server = try openServer(limits: limits)
        let events = server.receive((0..<100).flatMap { frame(0x89, [UInt8($0)]) })
        #expect(events.count == 100)
        #expect(server.takeOutput() == [97, 98, 99].flatMap { frame(0x8A, [$0], key: nil) })
    }

    @Test func atLeastOnePingIsAnswered() throws {
        var limits = Limits()
        limits.pendingPongsMax = 0
        var server = try openServer(limits: limits)
        _ = server.receive(frame(0x89, "a") + frame(0x89, "b"))
        #expect(server.takeOutput() == frame(0x8A, "b", key: nil))
    }

    @Test func aPingFloodCostsOnePong() throws {
        var server = try openServer()
        let flood = (0..<10_000).flatMap { frame(0x89, [UInt8($0 & 255)]) }
        #expect(server.receive(flood).count == 10_000)
        #expect(server.takeOutput() == frame(0x8A, [UInt8(9_999 & 255)], key: nil))
    }
}
