import Glibc
import Net
import Testing

@Suite struct ListenerTests {
    @Test func aThousandConnectionsTalk() throws {
        let count = 1_000
        var clients: [Recorder] = []
        var answered = 0
        try withLoop { loop in
            let server = try Server(loop) { recorder in recorder.onReceived = { $0.write($1) } }
            for number in 0..<count {
                let client = Recorder()
                clients.append(client)
                let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(15))
                stream.handler = client
                let word = Array("number \(number)".utf8)
                stream.write(word)
                client.onReceived = { _, _ in
                    guard client.received.count == word.count else { return }
                    #expect(client.received == word)
                    answered += 1
                    if answered == count { loop.stop() }
                }
            }
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(answered == count)
    }

    /// Each round closes and opens in one turn, so that numbers are reused while old events may be under way.
    @Test func reusedDescriptorsAreNotMixedUp() throws {
        var rounds = 0
        try withLoop { loop in
            let server = try Server(loop) { recorder in recorder.onReceived = { $0.write($1) } }
            var clients: [Recorder] = []
            func connect(_ name: UInt8) {
                let client = Recorder()
                clients.append(client)
                let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
                stream.handler = client
                stream.write([name])
                client.onReceived = { stream, bytes in
                    #expect(bytes == [name])
                    stream.close(.local("next"))
                    rounds += 1
                    if rounds >= 500 { loop.stop() } else { connect(name &+ 1) }
                }
            }
            for name in 0..<20 { connect(UInt8(name * 12)) }
            loop.schedule(after: .seconds(30)) { _ = server }
        }
        #expect(rounds >= 500)
    }

    @Test func aStreamWithoutHandlerIsClosed() throws {
        let client = Recorder()
        try withLoop { loop in
            let listener = try Listener(loop: loop, address: SocketAddress(numeric: anyLoopbackPort)) { _ in }
            Stream.connect(loop: loop, to: [listener.localAddress], timeout: .seconds(5)).handler = client
            client.onClosed = { _, _ in loop.stop() }
        }
        #expect(client.openedCount == 1)
        #expect([[.peerClosed], [.peerReset]].contains(client.reasons))
    }

    @Test func aTakenPortIsAnError() throws {
        try withLoop { loop in
            let server = try Server(loop) { _ in }
            let error = #expect(throws: NetError.self) {
                try Listener(loop: loop, address: server.address) { _ in }
            }
            #expect(error == .system(operation: "bind \(server.address)", errno: EADDRINUSE))
            loop.stop()
        }
    }

    @Test func listensOnIPv6() throws {
        let client = Recorder()
        try withLoop { loop in
            let server = try Server(loop, at: "[::1]:0") { _ in }
            let stream = Stream.connect(loop: loop, to: [server.address], timeout: .seconds(5))
            stream.handler = client
            client.onOpened = { stream in
                #expect(stream.isLoopback)
                loop.stop()
            }
            client.onClosed = { _, reason in
                // A machine without IPv6 has refused to bind before.
                #expect(reason == .loopStopped)
            }
        }
        #expect(client.openedCount == 1)
    }

    /// In a process of its own, for the limit holds for all of it.
    @Test func runningOutOfDescriptorsShedsPeersAndGoesOn() async {
        await #expect(processExitsWith: .success) {
            let peers = (0..<100).map { _ in RawSocket() }
            let late = RawSocket()
            var accepted = 0
            var shed = 0
            try withLoop { loop in
                let server = try Server(loop) { recorder in
                    accepted += 1
                    recorder.onClosed = { _, _ in accepted -= 1 }
                }
                // All numbers below those of the peers are taken already; leave ten.
                var limit = rlimit(rlim_cur: 0, rlim_max: 0)
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let next = dup(0)
                close(next)
                limit.rlim_cur = rlim_t(next) + 10
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                for peer in peers { peer.connect(to: server.address) }
                /// With room again, the next one is served. Before the server has noticed that, it would be shed too.
                func connectLate() {
                    guard accepted == 0 else { return _ = loop.schedule(after: .zero, connectLate) }
                    late.connect(to: server.address)
                    served()
                }
                func served() {
                    if accepted == 1 { loop.stop() } else { loop.schedule(after: .zero, served) }
                }
                func check() {
                    guard server.shedCount + accepted == 100 else { return _ = loop.schedule(after: .zero, check) }
                    shed = server.shedCount
                    for peer in peers { peer.close() }
                    connectLate()
                }
                check()
                loop.schedule(after: .seconds(30)) { _ = server }
            }
            guard shed > 0, shed < 100 else { exit(1) }
            exit(0)
        }
    }
}
