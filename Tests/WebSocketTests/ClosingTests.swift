import Testing
import WebSocket

struct ClosingTests {
    @Test(arguments: chunkings)
    func theClientCloses(chunk: Int) throws {
        var pair = try Pair()
        try pair.client.close(.normal, reason: "done")
        #expect(!pair.client.isOpen && !pair.client.isClosed)
        let events = pair.settle(chunk: chunk)
        #expect(events.server == [.closed(code: .normal, reason: "done", wasClean: true)])
        #expect(events.client == [.closed(code: .normal, reason: "", wasClean: true)])
        #expect(pair.client.isClosed && pair.server.isClosed)
        #expect(pair.client.transportEnded().isEmpty && pair.server.transportEnded().isEmpty)
    }

    @Test(arguments: chunkings)
    func theServerCloses(chunk: Int) throws {
        var pair = try Pair()
        try pair.server.close(.goingAway, reason: "restart")
        let events = pair.settle(chunk: chunk)
        #expect(events.client == [.closed(code: .goingAway, reason: "restart", wasClean: true)])
        #expect(events.server == [.closed(code: .goingAway, reason: "", wasClean: true)])
    }

    @Test(arguments: chunkings)
    func bothCloseAtOnce(chunk: Int) throws {
        var pair = try Pair()
        try pair.client.close(.normal, reason: "mine")
        try pair.server.close(.goingAway, reason: "yours")
        let events = pair.settle(chunk: chunk)
        #expect(events.client == [.closed(code: .goingAway, reason: "yours", wasClean: true)])
        #expect(events.server == [.closed(code: .normal, reason: "mine", wasClean: true)])
    }

    @Test func whatWasUnderWayStillArrives() throws {
        var pair = try Pair()
        try pair.server.send(.text([0x61]))
        try pair.server.send(ping: [])
        try pair.client.close(.normal)
        let events = pair.settle()
        // RFC 6455 §1.4: the peer may send until it has read our close frame. Its ping is not answered any more.
        #expect(
            events.client == [.message(.text([0x61])), .ping([]), .closed(code: .normal, reason: "", wasClean: true)])
        #expect(events.server == [.closed(code: .normal, reason: "", wasClean: true)])
    }

    @Test func noPongFollowsACloseFrame() throws {
        var server = try openServer()
        try server.close(.goingAway)
        _ = server.takeOutput()
        #expect(server.receive(frame(0x89, "p")) == [.ping(Array("p".utf8))])
        #expect(server.takeOutput().isEmpty)
    }

    @Test func nothingIsSentBehindACloseFrame() throws {
        var pair = try Pair()
        try pair.client.close(.normal)
        let output = pair.client.takeOutput()
        #expect(throws: Misuse.notOpen) { try pair.client.send(.text([])) }
        #expect(throws: Misuse.notOpen) { try pair.client.send(ping: []) }
        #expect(throws: Misuse.notOpen) { try pair.client.close(.normal) }
        #expect(pair.client.takeOutput().isEmpty)
        #expect(pair.server.receive(output).count == 1)
        #expect(throws: Misuse.notOpen) { try pair.server.send(try EncodedFrame(.text([]))) }
    }

    @Test(arguments: chunkings)
    func whatFollowsACloseFrameIsDropped(size: Int) throws {
        var server = try openServer()
        let wire = frame(0x88, closePayload(1000)) + frame(0x81, "x") + [0xFF, 0xFF, 0xFF] + frame(0x89, "")
        #expect(server.receive(wire, inChunksOf: size) == [.closed(code: .normal, reason: "", wasClean: true)])
        #expect(server.takeOutput() == [0x88, 0x02, 0x03, 0xE8])
    }

    @Test func pongsGoBeforeTheEcho() throws {
        var server = try openServer()
        _ = server.receive(frame(0x89, "p") + frame(0x88, closePayload(1000)))
        #expect(server.takeOutput() == frame(0x8A, "p", key: nil) + frame(0x88, closePayload(1000), key: nil))
    }

    @Test func aCloseInsideAMessageEndsIt() throws {
        var server = try openServer()
        let events = server.receive(frame(0x01, "half") + frame(0x88, closePayload(1001)) + frame(0x80, "rest"))
        #expect(events == [.closed(code: .goingAway, reason: "", wasClean: true)])
        #expect(!server.hasUnfinishedMessage)
    }

    @Test func aFaultInsteadOfTheEcho() throws {
        var server = try openServer()
        try server.close(.goingAway)
        _ = server.takeOutput()
        #expect(closeCode(of: server.receive(frame(0x83, ""))) == .protocolError)
        #expect(server.takeOutput().isEmpty, "one close frame was sent already")
    }

    @Test func noEchoBeforeTheTransportEnds() throws {
        var server = try openServer()
        try server.close(.goingAway)
        #expect(closeCode(of: server.transportEnded()) == .abnormal)
    }
}
