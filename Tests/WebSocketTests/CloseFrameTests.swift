import Testing
import WebSocket

struct CloseFrameTests {
    @Test(arguments: [1000, 1001, 1003, 1007, 1014, 3000, 4999] as [UInt16], chunkings)
    func tellsCodeAndReasonAndEchoesTheCode(code: UInt16, size: Int) throws {
        var server = try openServer()
        let events = server.receive(frame(0x88, closePayload(code, "bye ✓")), inChunksOf: size)
        #expect(events == [.closed(code: CloseCode(rawValue: code), reason: "bye ✓", wasClean: true)])
        #expect(server.takeOutput() == frame(0x88, closePayload(code), key: nil))
        #expect(server.isClosed)
    }

    @Test func anEmptyCloseIsEchoedEmpty() throws {
        var server = try openServer()
        #expect(server.receive(frame(0x88, [])) == [.closed(code: nil, reason: "", wasClean: true)])
        #expect(server.takeOutput() == [0x88, 0x00])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] as [UInt16], chunkings)
    func refusesCodes(code: UInt16, size: Int) throws {
        var server = try openServer()
        #expect(closeCode(of: server.receive(frame(0x88, closePayload(code)), inChunksOf: size)) == .protocolError)
        #expect(server.takeOutput().prefix(4).suffix(2) == [0x03, 0xEA])
    }

    @Test func refusesHalfACode() throws {
        var server = try openServer()
        #expect(closeCode(of: server.receive(frame(0x88, [3]))) == .protocolError)
    }

    @Test(arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x61, 0xC0, 0x80]] as [[UInt8]])
    func refusesReasonsThatAreNotUTF8(reason: [UInt8]) throws {
        var server = try openServer()
        #expect(closeCode(of: server.receive(frame(0x88, closePayload(1000) + reason))) == .invalidPayload)
    }

    @Test func theLongestReasonFits() throws {
        var pair = try Pair()
        let reason = String(repeating: "x", count: 123)
        #expect(throws: Misuse.controlFrameTooLong) { try pair.client.close(.normal, reason: reason + "x") }
        try pair.client.close(.normal, reason: reason)
        #expect(pair.settle().server == [.closed(code: .normal, reason: reason, wasClean: true)])
    }
}
