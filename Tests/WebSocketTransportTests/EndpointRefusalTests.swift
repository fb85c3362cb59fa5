import Net
import Testing
import WebSocket
import WebSocketTransport

@Suite struct EndpointRefusalTests {
    @Test(arguments: ["hello\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"])
    func garbageIsAnsweredAndSentAway(bytes: String) throws {
        var peer: RawPeer?
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { server = $0 }
            peer = stage.dialRaw { peer in
                peer.onOpened = { $0.write(Array(bytes.utf8)) }
                peer.onClosed = { loop.stop() }
            }
        }
        #expect(peer?.text.hasPrefix("HTTP/1.1 4") == true)
        #expect(peer?.reasons == [.peerClosed])
        #expect(server?.requests == [])
        guard case .refused(let fault)? = server?.endings.first else {
            Issue.record("\(String(describing: server?.endings))")
            return
        }
        #expect(fault.status != nil)
        #expect(server?.endings.count == 1)
    }

    @Test func aRefusedClientIsToldWhy() throws {
        var server: Recorder?
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            let stop = stage.stopAfterEndings(2)
            try stage.serve { recorder in
                server = recorder
                recorder.onAsked = { endpoint, request in
                    #expect(request.path == "/")
                    #expect(request.host == "south.example:5555")
                    try endpoint.refuse(.forbidden, reason: "not you")
                    #expect(throws: Misuse.self) { try endpoint.accept() }
                }
                recorder.onClosed = stop
            }
            client = try stage.dial { $0.onClosed = stop }.recorder
        }
        guard case .refused(let fault)? = client?.endings.first else {
            Issue.record("\(String(describing: client?.endings))")
            return
        }
        #expect(fault.status == .forbidden)
        #expect(client?.openedCount == 0)
        #expect(server?.endings == [.notOpened(.local("refused: not you"))])
    }

    @Test func acceptingLaterIsAllowed() throws {
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { recorder in
                recorder.onAsked = { endpoint, _ in
                    loop.schedule(after: .milliseconds(10)) { #expect(throws: Never.self) { try endpoint.accept() } }
                }
            }
            client = try stage.dial { $0.onOpened = { _ in loop.stop() } }.recorder
        }
        #expect(client?.openedCount == 1)
    }

    @Test func aServerThatSpeaksNoHTTPIsRefused() throws {
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serveRaw { $0.onReceived = { $0.write(Array("220 smtp.example ready\r\n\r\n".utf8)) } }
            client = try stage.dial { $0.onClosed = { _, _ in loop.stop() } }.recorder
        }
        guard case .refused(let fault)? = client?.endings.first else {
            Issue.record("\(String(describing: client?.endings))")
            return
        }
        #expect(fault.status == nil)
    }

    @Test func aBrokenProtocolIsTold() throws {
        var server: Recorder?
        var peer: RawPeer?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { server = $0 }
            peer = stage.dialRaw { peer in
                var began = false
                peer.onOpened = { $0.write(openingRequest) }
                peer.onReceived = { stream in
                    // A frame without mask (RFC 6455 §5.1).
                    if !began { stream.write([0x81, 1, UInt8(ascii: "x")]) }
                    began = true
                }
                peer.onClosed = { loop.stop() }
            }
        }
        guard case .closed(.protocolError?, let reason, false)? = server?.endings.first else {
            Issue.record("\(String(describing: server?.endings))")
            return
        }
        #expect(peer?.text.hasSuffix(reason) == true)
        #expect(peer?.reasons == [.peerClosed])
        #expect(server?.texts == [])
    }

    @Test func aCutConnectionIsLost() throws {
        var server: Recorder?
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            let stop = stage.stopAfterEndings(2)
            try stage.serve { recorder in
                server = recorder
                recorder.onClosed = stop
            }
            client = try stage.dial { recorder in
                recorder.onOpened = { endpoint in endpoint.drop(.local("silent for too long")) }
                recorder.onClosed = stop
            }.recorder
        }
        #expect(client?.endings == [.lost(.local("silent for too long"))])
        #expect([[.lost(.peerClosed)], [.lost(.peerReset)]].contains(server?.endings))
    }

    @Test func aRefusedConnectionIsNotOpened() throws {
        var client: Recorder?
        try withLoop { loop in
            // Nothing listens: the list of addresses is empty.
            client = try Stage(loop).dial { $0.onClosed = { _, _ in loop.stop() } }.recorder
            _ = client
        }
        #expect(client?.endings == [.notOpened(.connectFailed("no address"))])
    }

    @Test func whoDoesNotReadIsASlowConsumer() throws {
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { recorder in
                server = recorder
                recorder.onAsked = { endpoint, _ in
                    try endpoint.accept()
                    let text = [UInt8](repeating: UInt8(ascii: "x"), count: 500_000)
                    var admissions: [Admission] = []
                    func more() {
                        admissions.append(endpoint.send(text: text))
                        if endpoint.isOpen, admissions.last != .overflow { loop.schedule(after: .zero, more) }
                    }
                    more()
                    recorder.onClosed = { _, _ in
                        #expect(admissions.last == .overflow)
                        #expect(admissions.contains(.aboveHighWater))
                        loop.stop()
                    }
                }
            }
            _ = stage.dialRaw { peer in
                peer.onOpened = { stream in
                    stream.write(openingRequest)
                    stream.pauseReading()
                }
            }
        }
        #expect(server?.endings == [.lost(.slowConsumer)])
    }
}
