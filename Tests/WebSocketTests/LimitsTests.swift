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

    @Test(arguments: [16, 20, 31, 32, 33, 40, 62])
    func hugeAnnouncementsAreRefused(shift: Int) throws {
        var client = try openClient()
        let length = UInt64(1) << UInt64(shift)
        let wire: [UInt8] = [0x82, 0x7F] + (0..<8).reversed().map { UInt8(length >> ($0 * 8) & 255) }
        let events = client.receive(wire)
        if length <= UInt64(Limits().messageBytesMax) {
            #expect(events.isEmpty)
        } else {
            #expect(closeCode(of: events) == .messageTooBig)
        }
    }

    /// Adding the largest length to what is already there must not overflow.
    @Test func theLargestLengthBehindAFragment() throws {
        var client = try openClient()
        let length: [UInt8] = [0x7F] + [UInt8](repeating: 0xFF, count: 7)
        let events = client.receive(frame(0x02, [1, 2, 3], key: nil) + [0x80, 0x7F] + length)
        #expect(closeCode(of: events) == .messageTooBig)
    }

    @Test func sizeCountsOverFragments() throws {
        var server = try openServer(limits: LimitsTests.limits())
        #expect(server.receive(frame(0x02, [UInt8](repeating: 1, count: 600))).isEmpty)
        #expect(server.receive(frame(0x00, [UInt8](repeating: 1, count: 400))).isEmpty)
        #expect(closeCode(of: server.receive(frame(0x80, [1]))) == .messageTooBig)
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
