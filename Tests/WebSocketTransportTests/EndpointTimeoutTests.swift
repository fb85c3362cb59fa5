import Net
import Testing
import WebSocket
import WebSocketTransport

/// Peers that are too slow, at each step.
@Suite struct EndpointTimeoutTests {
    private static func timeouts(
        opening: Duration = .seconds(10), closing: Duration = .seconds(5), message: Duration = .seconds(60)
    ) -> Endpoint.Timeouts {
        var timeouts = Endpoint.Timeouts()
        timeouts.openingDurationMax = opening
        timeouts.closingDurationMax = closing
        timeouts.messageDurationMax = message
        return timeouts
    }

    /// The time is for the whole handshake: a byte now and then does not prolong it.
    @Test func aTricklingClientRunsOutOfTime() throws {
        var server: Recorder?
        var sent = 0
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve(timeouts: EndpointTimeoutTests.timeouts(opening: .milliseconds(40))) { recorder in
                server = recorder
                recorder.onClosed = { _, _ in loop.stop() }
            }
            _ = stage.dialRaw { peer in
                peer.onOpened = { stream in
                    func trickle() {
                        stream.write([openingRequest[sent]])
                        sent += 1
                        loop.schedule(after: .milliseconds(4), trickle)
                    }
                    trickle()
                }
            }
        }
        #expect(server?.endings == [.notOpened(.timedOut)])
        #expect(sent > 1)
    }

    @Test func aSilentServerRunsOutOfTime() throws {
        var client: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serveRaw { _ in }
            client = try stage.dial(timeouts: EndpointTimeoutTests.timeouts(opening: .milliseconds(30))) { recorder in
                recorder.onClosed = { _, _ in loop.stop() }
            }.recorder
        }
        #expect(client?.endings == [.notOpened(.timedOut)])
    }

    @Test func aPeerThatIgnoresTheCloseFrameIsCutOff() throws {
        var server: Recorder?
        var peer: RawPeer?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve(timeouts: EndpointTimeoutTests.timeouts(closing: .milliseconds(30))) { recorder in
                server = recorder
                recorder.onAsked = { endpoint, _ in
                    try endpoint.accept()
                    endpoint.close(.goingAway)
                }
                recorder.onClosed = { _, _ in loop.stop() }
            }
            peer = stage.dialRaw { $0.onOpened = { $0.write(openingRequest) } }
        }
        #expect(server?.endings == [.lost(.timedOut)])
        #expect(peer?.received.suffix(4) == [0x88, 2, 3, 233])
    }

    @Test func aMessageThatDoesNotEndIsAFault() throws {
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            let timeouts = EndpointTimeoutTests.timeouts(closing: .milliseconds(20), message: .milliseconds(30))
            try stage.serve(timeouts: timeouts) { recorder in
                server = recorder
                recorder.onClosed = { _, _ in loop.stop() }
            }
            _ = stage.dialRaw { peer in
                var closes = false
                peer.onOpened = { $0.write(openingRequest) }
                peer.onReceived = { stream in
                    if !closes { stream.write([0x81, 0xFE]) }
                    closes = true
                }
            }
        }
        #expect(server?.endings == [.lost(.timedOut)])
    }

    /// Each message is finished in time although a next one has always begun.
    @Test func messagesThatOverlapReadsAreNoFault() throws {
        var server: Recorder?
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve(timeouts: EndpointTimeoutTests.timeouts(message: .milliseconds(60))) { recorder in
                server = recorder
                recorder.onText = { _, _ in if recorder.texts.count == 30 { loop.stop() } }
                recorder.onClosed = { _, _ in loop.stop() }
            }
            _ = stage.dialRaw { peer in
                var began = false
                peer.onOpened = { $0.write(openingRequest) }
                peer.onReceived = { stream in
                    guard !began else { return }
                    began = true
                    let frame = clientFrame(1, [UInt8(ascii: "x")])
                    stream.write(Array(frame.prefix(3)))
                    func next() {
                        stream.write(Array(frame.dropFirst(3) + frame.prefix(3)))
                        loop.schedule(after: .milliseconds(4), next)
                    }
                    next()
                }
            }
        }
        #expect(server?.texts.count == 30)
        #expect(server?.endings == [.lost(.loopStopped)])
    }
}
