import Bytes
import Net
import Testing
import WebSocket
import WebSocketTransport

@Suite struct EndpointTests {
    private static func texts(_ words: String...) -> [[UInt8]] { words.map { Array($0.utf8) } }

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
