import Bytes
import Glibc
import Net
import Testing

@Suite struct StreamTests {
    /// Sends back what comes, as it comes.
    private static func echo(_ recorder: Recorder) { recorder.onReceived = { stream, bytes in stream.write(bytes) } }

    @Test(arguments: [1, 2, 3, 64, 1_000, 65_536, 100_003])
    func echoes(inChunksOf size: Int) throws {
        let bytes = randomBytes(min(300_000, 3_000 * size), seed: UInt64(size))
        let client = Recorder()
        try withLoop { loop in
            let server = try Server(loop, StreamTests.echo)
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = client
            var rest = bytes[...]
            func writeMore() {
                // A few per turn, so that chunks meet both an empty and a filled queue.
                for _ in 0..<7 where !rest.isEmpty {
                    stream.write(Array(rest.prefix(size)))
                    rest = rest.dropFirst(size)
                }
                if !rest.isEmpty { loop.schedule(after: .zero, writeMore) }
            }
            client.onOpened = { _ in writeMore() }
            client.onReceived = { stream, _ in
                if client.received.count >= bytes.count { loop.stop() }
            }
            _ = server
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(client.received == bytes)
        #expect(client.reasons == [.loopStopped])
        #expect(client.openedCount == 1)
    }

    @Test func writesBeforeItIsOpenArriveFirst() throws {
        var server: Server?
        try withLoop { loop in
            server = try Server(loop) { recorder in
                recorder.onReceived = { _, _ in if recorder.received.count == 6 { loop.stop() } }
            }
            let client = Recorder()
            let stream = Stream.connect(loop: loop, to: [server!.address], timeout: .seconds(5))
            stream.handler = client
            #expect(stream.write([1, 2, 3]) == .queued)
            client.onOpened = { stream in
                _ = client
                stream.write([4, 5, 6])
            }
        }
        #expect(server?.handlers.first?.received == [1, 2, 3, 4, 5, 6])
    }

    @Test func endComesAfterWhatWasSentBefore() throws {
        let bytes = randomBytes(200_000, seed: 9)
        var server: Server?
        let client = Recorder()
        try withLoop { loop in
            server = try Server(loop) { recorder in
                recorder.onClosed = { _, _ in loop.schedule(after: .zero, loop.stop) }
            }
            let stream = Stream.connect(loop: loop, to: [server!.address], timeout: .seconds(5))
            stream.handler = client
            client.onOpened = { stream in
                stream.write(bytes)
                stream.closeAfterFlush(within: .seconds(5), reason: .local("done"))
                #expect(stream.write([1]) == .closed)
            }
        }
        #expect(server?.handlers.first?.received == bytes)
        #expect(server?.handlers.first?.reasons == [.peerClosed])
        #expect(client.reasons == [.local("done")])
    }

    @Test func aPeerThatOnlyFinishedItsSideStillGetsTheAnswer() throws {
        let peer = RawSocket()
        defer { peer.close() }
        try withLoop { loop in
            let server = try Server(loop) { recorder in
                StreamTests.echo(recorder)
                recorder.onClosed = { _, reason in
                    #expect(reason == .peerClosed)
                    loop.stop()
                }
            }
            peer.connect(to: server.address)
            peer.send([1, 2, 3])
            peer.finishSending()
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(peer.receiveNow(10) == [1, 2, 3])
    }

    @Test func aResetIsNamed() throws {
        var reasons: [CloseReason] = []
        try withLoop { loop in
            let peer = RawSocket()
            let server = try Server(loop) { recorder in
                recorder.onReceived = { _, _ in peer.reset() }
                recorder.onClosed = { _, reason in
                    reasons.append(reason)
                    loop.stop()
                }
            }
            peer.connect(to: server.address)
            peer.send([1])
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(reasons == [.peerReset])
    }

    @Test func aResetIsNoticedWhileReadingIsPaused() throws {
        var reasons: [CloseReason] = []
        try withLoop { loop in
            let peer = RawSocket()
            let server = try Server(loop) { recorder in
                recorder.onReceived = { stream, _ in
                    stream.pauseReading()
                    peer.reset()
                }
                recorder.onClosed = { _, reason in
                    reasons.append(reason)
                    loop.stop()
                }
            }
            peer.connect(to: server.address)
            peer.send([1])
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(reasons == [.peerReset])
    }

    @Test func pausedReadingHoldsThePeerBackAndLosesNothing() throws {
        let bytes = randomBytes(4 << 20, seed: 3)
        var server: Server?
        var heldBack = false
        try withLoop { loop in
            server = try Server(loop) { recorder in
                recorder.onOpened = { stream in
                    stream.pauseReading()
                    loop.schedule(after: .milliseconds(30)) {
                        heldBack = recorder.received.isEmpty
                        stream.resumeReading()
                    }
                }
                recorder.onReceived = { _, _ in if recorder.received.count == bytes.count { loop.stop() } }
            }
            let client = Recorder()
            let limits = EgressQueue.Limits(bytesMax: 8 << 20, highWaterBytes: 64 << 10, lowWaterBytes: 1 << 10)
            let stream = Stream.connect(loop: loop, to: [server!.address], timeout: .seconds(5), egressLimits: limits)
            stream.handler = client
            client.onOpened = { stream in
                _ = client
                #expect(stream.write(bytes) == .aboveHighWater)
            }
            client.onDrained = { _ in #expect(heldBack, "nobody took it yet") }
        }
        #expect(heldBack)
        #expect(server?.handlers.first?.received == bytes)
    }

    @Test func aSlowConsumerIsClosedAndOthersAreNot() throws {
        var slowReasons: [CloseReason] = []
        let good = Recorder()
        let slow = RawSocket(receiveBufferBytes: 4_096)
        defer { slow.close() }
        let chunk = [UInt8](repeating: 5, count: 64 << 10)
        var sent = 0
        try withLoop { loop in
            var streams: [Net.Stream] = []
            let server = try Server(loop) { recorder in
                recorder.onOpened = { stream in
                    streams.append(stream)
                    if streams.count == 2 { sendMore() }
                }
                recorder.onClosed = { stream, reason in
                    streams.removeAll { $0 === stream }
                    slowReasons.append(reason)
                }
            }
            func sendMore() {
                guard slowReasons.isEmpty else { return }
                // The list does not change while we walk along it, although a stream closes.
                for stream in streams { stream.write(chunk) }
                sent += chunk.count
                loop.schedule(after: .milliseconds(1), sendMore)
            }
            slow.connect(to: server.address)
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = good
            good.onReceived = { _, _ in if !slowReasons.isEmpty, good.received.count == sent { loop.stop() } }
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        // The good one is closed by the loop's end, afterwards.
        #expect(slowReasons.first == .slowConsumer)
        #expect(good.received.count == sent)
    }

    /// Short answers wait for the end of the turn, so that others may add to them.
    @Test(arguments: [1, 4_095, 4_096, 20_000])
    func longAnswersLeaveAtOnce(count: Int) throws {
        var waiting: Int?
        let client = Recorder()
        try withLoop { loop in
            let server = try Server(loop) { recorder in
                recorder.onReceived = { stream, _ in
                    stream.write([UInt8](repeating: 1, count: count))
                    loop.afterThisTurn { waiting = stream.egressByteCount }
                }
            }
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = client
            client.onOpened = { stream in
                _ = server
                stream.write([1])
            }
            client.onReceived = { _, _ in if client.received.count == count { loop.stop() } }
        }
        #expect(waiting == (count < 4_096 ? count : 0))
        #expect(client.received == [UInt8](repeating: 1, count: count))
    }

    @Test func aboveHighWaterIsFollowedByDrainedOnce() throws {
        let peer = RawSocket(receiveBufferBytes: 4_096)
        defer { peer.close() }
        let bytes = randomBytes(3 << 20, seed: 4)
        var received: [UInt8] = []
        var server: Server?
        try withLoop { loop in
            let limits = EgressQueue.Limits(bytesMax: 4 << 20, highWaterBytes: 2 << 20, lowWaterBytes: 1 << 20)
            server = try Server(loop, limits: limits) { recorder in
                recorder.onOpened = { stream in
                    #expect(stream.write(Array(bytes.prefix(1000))) == .queued)
                    #expect(stream.write(Array(bytes.dropFirst(1000))) == .aboveHighWater)
                    read()
                }
                recorder.onDrained = { stream in #expect(stream.egressByteCount < 1 << 20) }
            }
            func read() {
                received += peer.receiveNow(50_000)
                if received.count == bytes.count { loop.stop() } else { loop.schedule(after: .zero, read) }
            }
            peer.connect(to: server!.address)
        }
        #expect(received == bytes)
        #expect(server?.handlers.first?.drainedCount == 1)
    }

    @Test func closingInsideEveryCallIsAllowed() throws {
        var closedCount = 0
        try withLoop { loop in
            let server = try Server(loop) { recorder in
                recorder.onOpened = { stream in stream.write([1]) }
                recorder.onClosed = { _, _ in closedCount += 1 }
            }
            var clients: [Recorder] = []
            func connect(_ configure: (Recorder) -> Void) {
                let client = Recorder()
                configure(client)
                clients.append(client)
                let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
                stream.handler = client
                client.onClosed = { stream, reason in
                    #expect(reason == .local("inside"))
                    #expect(stream.write([1]) == .closed)
                    stream.close(.local("again"))
                    closedCount += 1
                    if closedCount == 6 { loop.stop() }
                }
            }
            connect { $0.onOpened = { $0.close(.local("inside")) } }
            connect { $0.onReceived = { stream, _ in stream.close(.local("inside")) } }
            connect { client in
                client.onReceived = { stream, _ in
                    stream.write([2])
                    stream.closeAfterFlush(within: .seconds(5), reason: .local("inside"))
                }
            }
            loop.schedule(after: .seconds(30)) { _ = (server, clients) }
        }
        #expect(closedCount == 6)
    }

    @Test func aHandlerMayLetGoOfEverything() throws {
        weak var observed: Recorder?
        weak var observedStream: Net.Stream?
        try withLoop { loop in
            let server = try Server(loop) { $0.onOpened = { $0.write([1]) } }
            var client: Recorder? = Recorder()
            observed = client
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = client
            observedStream = stream
            client?.onReceived = { stream, _ in
                client = nil
                stream.close(.local("unheard"))
                loop.schedule(after: .milliseconds(5)) { loop.stop() }
            }
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(observed == nil)
        #expect(observedStream == nil, "nothing keeps a closed stream")
    }

    @Test func refusedConnectionsAreNamedAfterTheLastAddress() throws {
        let client = Recorder()
        try withLoop { loop in
            let server = try Server(loop) { _ in }
            server.close()
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = client
            client.onClosed = { _, reason in
                #expect(reason == .connectRefused("\(server.address): Connection refused"))
                loop.stop()
            }
        }
        #expect(client.openedCount == 0)
        #expect(client.reasons.count == 1)
    }

    @Test func theNextAddressIsTriedAfterARefusal() throws {
        let client = Recorder()
        try withLoop { loop in
            let closed = try Server(loop) { _ in }
            closed.close()
            let server = try Server(loop, StreamTests.echo)
            let stream = Stream.connect(loop: loop, to: [closed.address, server.address], timeout: .seconds(5))
            stream.handler = client
            client.onOpened = { stream in
                #expect(stream.remoteAddress == server.address)
                #expect(stream.isLoopback)
                loop.stop()
            }
        }
        #expect(client.openedCount == 1)
    }

    @Test func noAddressIsAFailure() throws {
        let client = Recorder()
        try withLoop { loop in
            Stream.connect(loop: loop, to: [], timeout: .seconds(5)).handler = client
            client.onClosed = { _, _ in loop.stop() }
        }
        #expect(client.reasons == [.connectFailed("no address")])
    }

    @Test func connectingTakesNoLongerThanAllowed() throws {
        let client = Recorder()
        let listener = RawSocket()
        let port = listener.listenWithoutQueue()
        // With its queue full, the system ignores further attempts.
        let fillers = (0..<4).map { _ in RawSocket() }
        for filler in fillers { filler.beginConnect(toPort: port) }
        defer { for socket in fillers + [listener] { socket.close() } }
        try withLoop { loop in
            let address = try SocketAddress(numeric: "127.0.0.1:\(port)")
            let start = loop.now
            Stream.connect(loop: loop, to: [address, address], timeout: .milliseconds(60)).handler = client
            client.onClosed = { _, _ in
                #expect(loop.now.since(start) >= .milliseconds(60))
                loop.stop()
            }
        }
        #expect(client.reasons == [.timedOut])
    }

    @Test func aPeerThatNeverTakesTheLastBytesTimesOut() throws {
        let peer = RawSocket(receiveBufferBytes: 4_096)
        defer { peer.close() }
        var reasons: [CloseReason] = []
        try withLoop { loop in
            let limits = EgressQueue.Limits(bytesMax: 16 << 20)
            let server = try Server(loop, limits: limits) { recorder in
                recorder.onOpened = { stream in
                    stream.write([UInt8](repeating: 1, count: 12 << 20))
                    stream.closeAfterFlush(within: .milliseconds(30))
                }
                recorder.onClosed = { _, reason in
                    reasons.append(reason)
                    loop.stop()
                }
            }
            peer.connect(to: server.address)
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(reasons == [.timedOut])
    }

    @Test func aPeerThatNeverFinishesIsClosedAllTheSame() throws {
        let peer = RawSocket()
        defer { peer.close() }
        var reasons: [CloseReason] = []
        try withLoop { loop in
            let server = try Server(loop) { recorder in
                recorder.onOpened = { stream in
                    stream.write([1, 2])
                    stream.closeAfterFlush(within: .milliseconds(30), reason: .local("enough"))
                }
                recorder.onClosed = { _, reason in
                    reasons.append(reason)
                    loop.stop()
                }
            }
            peer.connect(to: server.address)
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(reasons == [.local("enough")])
        #expect(peer.receiveNow(10) == [1, 2])
    }
}
