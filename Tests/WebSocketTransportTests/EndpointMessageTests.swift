import Deflate
import Net
import Testing
import WebSocket
import WebSocketTransport

/// What messages become between two endpoints, over real sockets.
@Suite struct EndpointMessageTests {
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
}
