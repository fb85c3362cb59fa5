import Bytes
import Deflate
import Net
import Testing
import WebSocket
import WebSocketTransport

@Suite struct EndpointTests {
    private static func texts(_ words: String...) -> [[UInt8]] { words.map { Array($0.utf8) } }

    /// Sizes around the borders of the header's length forms, of the receive buffer and of what is copied.
    @Test func textsOfAllSizesComeBackInOrder() throws {
        let sizes = [0, 1, 125, 126, 127, 2_048, 2_049, 65_535, 65_536, 300_000, 524_288]
        let texts = sizes.enumerated().map { index, size in
            [UInt8](repeating: UInt8(ascii: "a") + UInt8(index), count: size)
        }
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { $0.onText = { endpoint, text in endpoint.send(text: text) } }
            var rest = texts[...]
            client = try stage.dial { recorder in
                recorder.onOpened = { endpoint in
                    // Short ones together, each long one when all before have come back.
                    while let text = rest.first, text.count < 3_000 {
                        #expect(endpoint.send(text: text) == .queued)
                        rest = rest.dropFirst()
                    }
                }
                recorder.onText = { [unowned recorder] endpoint, _ in
                    if recorder.texts.count == texts.count { return loop.stop() }
                    guard recorder.texts.count == texts.count - rest.count, let text = rest.popFirst() else { return }
                    endpoint.send(text: text)
                }
            }.recorder
        }
        #expect(client?.texts == texts)
        #expect(client?.endings == [.lost(.loopStopped)])
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func fragmentsAndPingsFromAnotherProgram(inChunksOf size: Int) throws {
        var server: Recorder?
        var peer: RawPeer?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { recorder in
                server = recorder
                recorder.onText = { endpoint, text in endpoint.send(text: text) }
            }
            let frames =
                clientFrame(1, [UInt8(ascii: "a")], isFinal: false) + clientFrame(9, [7])
                + clientFrame(0, [UInt8(ascii: "b")]) + clientFrame(8, [3, 232])
            peer = stage.dialRaw { peer in
                var answered = false
                peer.onOpened = { stream in stream.write(openingRequest) }
                peer.onReceived = { stream in
                    guard !answered, peer.text.contains("\r\n\r\n") else { return }
                    answered = true
                    var rest = frames[...]
                    func sendMore() {
                        stream.write(Array(rest.prefix(size)))
                        rest = rest.dropFirst(size)
                        if !rest.isEmpty { loop.schedule(after: .milliseconds(1), sendMore) }
                    }
                    sendMore()
                }
                peer.onClosed = { loop.stop() }
            }
        }
        #expect(server?.requests.first?.host == "south.example")
        #expect(server?.texts == EndpointTests.texts("ab"))
        #expect(server?.pings == [[7]])
        #expect(server?.endings == [.closed(code: .normal, reason: "", wasClean: true)])
        // The server ends the transport (RFC 6455 §7.1.1). What it sent stands in the order of what it answers, however
        // much was read at once.
        #expect(peer?.reasons == [.peerClosed])
        #expect(peer?.received.suffix(4) == [0x88, 2, 3, 232])
        let answers: [UInt8] = [0x8A, 1, 7, 0x81, 2] + Array("ab".utf8) + [0x88, 2, 3, 232]
        #expect(peer?.received.suffix(answers.count) == answers[...])
    }

    @Test func pingsAreAnswered() throws {
        var client: Recorder?
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { server = $0 }
            client = try stage.dial { recorder in
                recorder.onOpened = { endpoint in endpoint.ping([1, 2, 3]) }
                recorder.onPong = { endpoint in
                    #expect(endpoint.lastReceived == loop.now)
                    loop.stop()
                }
            }.recorder
        }
        #expect(client?.pongs == [[1, 2, 3]])
        #expect(server?.pings == [[1, 2, 3]])
    }

    /// Compression is agreed on where both are set, and nowhere else.
    @Test(arguments: [true, false], [true, false])
    func compressedTextsComeBack(client isClientSet: Bool, server isServerSet: Bool) throws {
        let deflate = DeflateSettings(library: Zlib())
        let text = Array(repeating: Array("the same again ".utf8), count: 500).flatMap { $0 }
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve(deflate: isServerSet ? deflate : nil) { recorder in
                recorder.onText = { endpoint, text in endpoint.send(text: text) }
            }
            client = try stage.dial(deflate: isClientSet ? deflate : nil) { recorder in
                recorder.onOpened = { endpoint in
                    #expect((endpoint.compression != nil) == (isClientSet && isServerSet))
                    endpoint.send(text: text)
                }
                recorder.onText = { _, _ in loop.stop() }
            }.recorder
        }
        #expect(client?.texts == [text])
    }

    @Test(arguments: [Side.client, .server])
    func eitherSideCloses(side: Side) throws {
        var recorders: [Recorder] = []
        try withLoop { loop in
            let stage = Stage(loop)
            let count = stage.stopAfterEndings(2)
            func configure(_ recorder: Recorder) {
                recorders.append(recorder)
                recorder.onClosed = count
            }
            func close(_ endpoint: Endpoint) {
                endpoint.send(text: Array("last".utf8))
                endpoint.close(.goingAway, reason: "bye")
                endpoint.close(.normal)
                #expect(!endpoint.isOpen)
                #expect(endpoint.send(text: []) == .closed)
            }
            try stage.serve { recorder in
                configure(recorder)
                recorder.onText = { endpoint, _ in if side == .server { close(endpoint) } }
            }
            _ = try stage.dial { recorder in
                configure(recorder)
                recorder.onOpened = { endpoint in
                    if side == .client { close(endpoint) } else { endpoint.send(text: []) }
                }
            }
        }
        for recorder in recorders {
            #expect(recorder.endings.count == 1)
            guard case .closed(let code, _, let wasClean)? = recorder.endings.first else {
                Issue.record("\(recorder.endings)")
                continue
            }
            #expect(code == .goingAway)
            #expect(wasClean)
        }
        let listener = recorders.first { ($0.openedCount == 1) == (side == .server) }
        #expect(listener?.texts == EndpointTests.texts("last"))
        #expect(listener?.endings == [.closed(code: .goingAway, reason: "bye", wasClean: true)])
    }

    @Test func theServerEndsTheTransport() throws {
        var reasons: [CloseReason] = []
        try withLoop { loop in
            let stage = Stage(loop)
            // A server that answers the close frame and waits: then the client may hang up, but only after its time.
            try stage.serveRaw { peer in
                var closed = false
                peer.onReceived = { stream in
                    if !closed { stream.write(EndpointTests.answer(to: peer.text)) }
                    closed = true
                    if peer.received.suffix(8).first == 0x88 { stream.write([0x88, 2, 3, 232]) }
                }
                peer.onClosed = {
                    reasons = peer.reasons
                    loop.stop()
                }
            }
            var timeouts = Endpoint.Timeouts()
            timeouts.closingDurationMax = .milliseconds(40)
            _ = try stage.dial(timeouts: timeouts) { recorder in
                recorder.onOpened = { endpoint in endpoint.close(.normal) }
                recorder.onClosed = { _, ending in
                    #expect(ending == .closed(code: .normal, reason: "", wasClean: true))
                    #expect(reasons.isEmpty, "told before the transport is gone")
                }
            }
        }
        #expect(reasons == [.peerClosed])
    }

    @Test func anEndpointThatNobodyHoldsGoesAway() throws {
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            var kept: Endpoint?
            let listener = try Listener(loop: loop, address: SocketAddress(numeric: "127.0.0.1:0")) { stream in
                kept = Endpoint(accepted: stream)
                loop.schedule(after: .milliseconds(1)) { kept = nil }
            }
            let stream = Stream.connect(loop: loop, to: [listener.localAddress], timeout: .seconds(5))
            let endpoint = try Endpoint(dialled: stream, host: "h", path: "/")
            let recorder = Recorder()
            endpoint.handler = recorder
            client = recorder
            recorder.onClosed = { _, _ in loop.stop() }
            loop.schedule(after: .seconds(60)) { _ = (stage, endpoint, kept) }
        }
        guard case .notOpened? = client?.endings.first else {
            Issue.record("\(String(describing: client?.endings))")
            return
        }
    }

    @Test func sharedFramesReachAllReadersOfAServer() throws {
        let frame = try EncodedFrame(.text(Array(repeating: UInt8(ascii: "x"), count: 5_000)))
        var clients: [Recorder] = []
        try withLoop { loop in
            let stage = Stage(loop)
            var readers: [Endpoint] = []
            try stage.serve { recorder in
                recorder.onAsked = { endpoint, _ in
                    try endpoint.accept()
                    readers.append(endpoint)
                    guard readers.count == 20 else { return }
                    for reader in readers { #expect(reader.send(frame) == .queued) }
                }
            }
            var received = 0
            for _ in 0..<20 {
                let dialled = try stage.dial { recorder in
                    recorder.onText = { endpoint, _ in
                        // A client must mask, so it cannot share.
                        #expect(endpoint.send(frame) == .closed)
                        received += 1
                        if received == 20 { loop.stop() }
                    }
                }
                clients.append(dialled.recorder)
            }
        }
        for client in clients { #expect(client.texts == [[UInt8](repeating: UInt8(ascii: "x"), count: 5_000)]) }
    }

    @Test func ourOwnBadTextIsNotThePeersFault() throws {
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { recorder in
                server = recorder
                recorder.onClosed = { _, _ in loop.stop() }
            }
            _ = try stage.dial { recorder in
                recorder.onOpened = { endpoint in #expect(endpoint.send(text: [0xFF]) == .closed) }
            }
        }
        #expect(server?.endings == [.closed(code: .internalError, reason: "", wasClean: true)])
    }

    /// The answer that a server owes to this request.
    static func answer(to request: String) -> [UInt8] {
        let key = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key: ") }?
            .dropFirst(19)
        let accept = Base64.encode(SHA1.digest(of: Array(((key ?? "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
        return Array(
            """
            HTTP/1.1 101 Switching Protocols\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Accept: \(accept)\r
            \r

            """.utf8)
    }
}
