import Synchronization
import Testing
import WebSocket

struct ConnectionTests {
    @Test(arguments: chunkings)
    func carriesMessagesBothWays(chunk: Int) throws {
        var pair = try Pair()
        let long = Message.binary((0..<70_000).map { UInt8($0 & 255) })
        let messages: [Message] = [.text(Array("grüß dich".utf8)), .binary([]), long, .text([])]
        for message in messages {
            try pair.client.send(message)
            try pair.server.send(message)
        }
        try pair.client.send(ping: [1, 2, 3])
        let events = pair.settle(chunk: chunk)
        #expect(events.server == messages.map(Event.message) + [.ping([1, 2, 3])])
        #expect(events.client == messages.map(Event.message) + [.pong([1, 2, 3])])
    }

    /// RFC 6455 §5.3: fresh for each frame, pongs and close frames included.
    @Test func eachFrameOfAClientHasItsOwnKey() throws {
        let counter = Counter()
        var client = try openClient(random: { UInt32(counter.next()) << 24 })
        let used = counter.next()
        try client.send(.text([0x61]))
        _ = client.receive(frame(0x89, "p", key: nil))
        try client.close(.normal)
        #expect(
            client.takeOutput() == frame(0x81, "a", key: [used + 1, 0, 0, 0])
                + frame(0x8A, "p", key: [used + 2, 0, 0, 0])
                + frame(0x88, closePayload(1000), key: [used + 3, 0, 0, 0]))
    }

    /// What an event makes us send goes before the answer to what follows it in the same read.
    @Test(arguments: [frame(0x88, closePayload(1000)), frame(0x83, ""), frame(0x89, "p")])
    func eventsComeOneAtATime(last: [UInt8]) throws {
        var server = try openServer()
        let wire = frame(0x89, "o") + frame(0x81, "a") + last
        wire.withUnsafeBytes { bytes in
            var position = 0
            while let event = server.next(in: bytes, from: &position) {
                guard case .message(let message) = event else { continue }
                #expect(throws: Never.self) { try server.send(message) }
            }
            #expect(position == bytes.count)
        }
        let output = server.takeOutput()
        let echo = frame(0x8A, "o", key: nil) + frame(0x81, "a", key: nil)
        #expect(output.prefix(echo.count) == echo[...])
        #expect([0x88, 0x8A].contains(output[echo.count]))
        #expect(server.takeOutput().isEmpty)
    }

    @Test func outputIsTakenOnce() throws {
        var pair = try Pair()
        try pair.server.send(.text([0x61]))
        #expect(pair.server.takeOutput() == [0x81, 0x01, 0x61])
        #expect(pair.server.takeOutput().isEmpty)
    }

    @Test func controlPayloadsHaveALimit() throws {
        var pair = try Pair()
        #expect(throws: Misuse.controlFrameTooLong) { try pair.client.send(ping: [UInt8](repeating: 0, count: 126)) }
        try pair.client.send(ping: [UInt8](repeating: 0, count: 125))
        #expect(pair.settle().client == [.pong([UInt8](repeating: 0, count: 125))])
    }

    @Test func misuseLeavesTheConnectionAsItWas() throws {
        var pair = try Pair()
        #expect(throws: Misuse.textNotUTF8) { try pair.client.send(.text([0xFF])) }
        #expect(throws: Misuse.badCloseCode) { try pair.client.close(.noCode) }
        #expect(throws: Misuse.badCloseCode) { try pair.client.close(CloseCode(rawValue: 2000)) }
        #expect(pair.client.takeOutput().isEmpty)
        try pair.client.send(.text([0x61]))
        #expect(pair.settle().server == [.message(.text([0x61]))])
    }

    @Test func tellsWhetherSomethingIsUnfinished() throws {
        var server = try openServer()
        #expect(!server.hasUnfinishedMessage)
        for byte in frame(0x01, "a") + frame(0x89, "") + frame(0x80, "b").dropLast() {
            _ = server.receive([byte])
            #expect(server.hasUnfinishedMessage)
        }
        _ = server.receive(Array(frame(0x80, "b").suffix(1)))
        #expect(!server.hasUnfinishedMessage)
    }

    /// Everything that the peer may do wrong once the connection is open: one close frame, one event, then silence.
    @Test(
        arguments: [
            (frame(0x81, "x", key: nil), .protocolError), (frame(0xC1, "x"), .protocolError),
            (frame(0xA1, "x"), .protocolError), (frame(0x91, "x"), .protocolError), (frame(0x83, ""), .protocolError),
            (frame(0x8B, ""), .protocolError), (frame(0x09, ""), .protocolError), (frame(0x08, ""), .protocolError),
            (frame(0x89, [UInt8](repeating: 0, count: 126)), .protocolError), (frame(0x80, ""), .protocolError),
            (frame(0x81, [0xFF]), .invalidPayload), (frame(0x88, [1]), .protocolError),
            (frame(0x82, [UInt8](repeating: 0, count: (512 << 10) + 1)), .messageTooBig),
        ] as [([UInt8], CloseCode)], chunkings)
    func aFaultEndsTheConnection(_ vector: ([UInt8], CloseCode), inChunksOf size: Int) throws {
        var server = try openServer()
        let wire = frame(0x81, "before") + vector.0 + frame(0x81, "after")
        // Megabytes in single bytes would only test patience.
        let events = server.receive(Array(wire.prefix(4000)), inChunksOf: size)
        #expect(events.count == 2)
        #expect(events.first == .message(.text(Array("before".utf8))))
        #expect(closeCode(of: events) == vector.1)
        let output = server.takeOutput()
        #expect(output.first == 0x88)
        #expect(output.dropFirst(2).prefix(2) == closePayload(vector.1.rawValue)[...])
        #expect(output.count == Int(output[1]) + 2)
        #expect(server.isClosed && !server.isOpen)
        #expect(throws: Misuse.notOpen) { try server.send(.text([])) }
        #expect(server.receive(frame(0x81, "late")).isEmpty)
        #expect(server.transportEnded().isEmpty)
        #expect(server.takeOutput().isEmpty)
    }

    @Test func aClientRefusesMaskedFramesWithAMaskedClose() throws {
        var client = try openClient()
        #expect(closeCode(of: client.receive(frame(0x81, "x"))) == .protocolError)
        let output = client.takeOutput()
        #expect(output[0] == 0x88)
        #expect(output[1] & 0x80 != 0)
        var server = try openServer()
        guard case .closed(.protocolError, let reason, wasClean: true) = server.receive(output).last else {
            throw TestFailure()
        }
        #expect(!reason.isEmpty)
    }

    @Test func aLostTransportIsNoClose() throws {
        var server = try openServer()
        _ = server.receive(frame(0x01, "half"))
        #expect(closeCode(of: server.transportEnded()) == .abnormal)
        #expect(server.transportEnded().isEmpty)
        #expect(server.takeOutput().isEmpty)
        #expect(throws: Misuse.notOpen) { try server.send(ping: []) }
    }

    @Test func manySmallFramesInOneRead() throws {
        var server = try openServer()
        let events = server.receive((0..<20_000).flatMap { _ in frame(0x81, "a") })
        #expect(events.count == 20_000)
        #expect(events.allSatisfy { $0 == .message(.text([0x61])) })
    }
}

private final class Counter: Sendable {
    private let value = Mutex<UInt8>(0)

    func next() -> UInt8 {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}
