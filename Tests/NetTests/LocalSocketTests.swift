import Glibc
import Net
import Testing

@Suite struct LocalSocketTests {
    /// A folder of the test's own, gone afterwards. With `isDeep` its path is longer than a socket's address.
    private func withFolder(isDeep: Bool = false, _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/postroad-net-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        let root = String(cString: try #require(made))
        let deep = root + "/" + String(repeating: "d", count: 150)
        defer {
            rmdir(deep)
            rmdir(root)
        }
        if isDeep { #expect(mkdir(deep, 0o700) == 0) }
        try body(isDeep ? deep : root)
    }

    /// What a blocking client on a thread of its own did.
    private enum Outcome: Sendable, Equatable {
        case heard([UInt8])
        case failed(NetError)
    }

    private func talk(
        to address: LocalAddress, answeringTo inbox: Inbox<Outcome>, timeout: Duration = .seconds(10)
    ) throws -> LoopThread {
        try EventLoop.spawn(name: "client") { loop in
            do throws(NetError) {
                let connection = try LocalConnection(to: address, timeout: timeout)
                try connection.write([1, 2, 3])
                inbox.post(.heard(try connection.read()))
            } catch { inbox.post(.failed(error)) }
            loop.stop()
        }
    }

    @Test(arguments: [false, true]) func aProgramOfThisMachineTalks(isDeep: Bool) throws {
        try withFolder(isDeep: isDeep) { folder in
            let address = LocalAddress(folder: folder, name: "talk.sock")
            let recorder = Recorder()
            var isLoopback: Bool?
            var user: UInt32?
            var client: LoopThread?
            var status = stat()
            var outcomes: [Outcome] = []
            try withLoop { loop in
                let listener = try Listener(loop: loop, at: address) { stream in
                    isLoopback = stream.isLoopback
                    user = stream.localUser
                    stream.handler = recorder
                }
                recorder.onReceived = { $0.write($1.reversed()) }
                recorder.onClosed = { _, _ in
                    listener.close()
                    loop.afterThisTurn { loop.stop() }
                }
                #expect(lstat(address.description, &status) == 0)
                #expect(status.st_mode == S_IFSOCK | 0o600)
                client = try talk(to: address, answeringTo: loop.makeInbox { outcomes += $0 })
            }
            client?.join()
            #expect(outcomes == [.heard([3, 2, 1])])
            #expect(user == geteuid(), "the system names whose program it is")
            #expect(isLoopback == true && recorder.reasons == [.peerClosed])
            #expect(lstat(address.description, &status) != 0, "the socket goes with its listener")
        }
    }

    @Test func whatAKilledProgramLeftIsReplacedAndNothingElse() throws {
        try withFolder { folder in
            let address = LocalAddress(folder: folder, name: "old.sock")
            // A socket whose program is gone.
            let abandoned = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var form = sockaddr_un()
            form.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: address.description.utf8) }
            let bound = withUnsafePointer(to: &form) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(abandoned, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0)
            close(abandoned)
            try withLoop { loop in
                let first = try Listener(loop: loop, at: address) { _ in }
                let inUse = #expect(throws: NetError.self) { try Listener(loop: loop, at: address) { _ in } }
                #expect(inUse == .system(operation: "listen \(address)", errno: EADDRINUSE))
                first.close()
                let file = open(address.description, O_CREAT | O_WRONLY, 0o600)
                close(file)
                let foreign = #expect(throws: NetError.self) { try Listener(loop: loop, at: address) { _ in } }
                #expect(foreign == .system(operation: "listen \(address)", errno: EEXIST))
                unlink(address.description)
                loop.stop()
            }
        }
    }

    @Test func aClientNamesWhatIsWrong() throws {
        try withFolder { folder in
            let address = LocalAddress(folder: folder, name: "none.sock")
            var outcomes: [Outcome] = []
            var clients: [LoopThread] = []
            try withLoop { loop in
                let inbox = loop.makeInbox { (heard: [Outcome]) in
                    outcomes += heard
                    if outcomes.count == 2 { loop.stop() }
                }
                clients.append(try talk(to: address, answeringTo: inbox))
                // One that takes connections and never answers.
                let silent = LocalAddress(folder: folder, name: "silent.sock")
                let recorder = Recorder()
                let listener = try Listener(loop: loop, at: silent) { $0.handler = recorder }
                recorder.onClosed = { _, _ in listener.close() }
                clients.append(try talk(to: silent, answeringTo: inbox, timeout: .seconds(1)))
            }
            for client in clients { client.join() }
            #expect(outcomes.contains(.failed(.system(operation: "connect", errno: ENOENT))))
            #expect(outcomes.contains(.failed(.system(operation: "receive", errno: EAGAIN))))
            unlink(folder + "/silent.sock")
        }
    }
}
