import Bytes
import Glibc
import Net
import Wire

/// One node as a process of its own. Whoever started it calls `end`.
struct NodeProcess {
    let name: ServerName
    let id: pid_t
    let clientAddress: SocketAddress
    /// `HOST:PORT` for another node's setup.
    let linkAddress: String
    /// Another server in a setup.
    enum Peer {
        case dialled(String, at: String)
        /// It dials us; this is the key by which we know it.
        case dialling(String, key: String)
    }

    /// Starts the node of `folder` (see `writeSetup`) and waits until it says that it is ready.
    init(program: String, name: String, folder: String) throws {
        let log = "\(folder)/log"
        let (child, output) = try NodeProcess.spawn(program, ["run", "--setup", "\(folder)/setup.json"], log: log)
        defer { close(output) }
        do {
            let line = NodeProcess.firstLine(of: output, within: .seconds(20))
            let words = line.split(separator: " ")
            guard words.count == 5, words[0] == "ready", words[2].hasPrefix("clients="), words[3].hasPrefix("links=")
            else { throw BenchmarkFault("\(name) did not start: \(SmallFile.read(log) ?? line)") }
            self.name = try ServerName(name)
            clientAddress = try SocketAddress(numeric: String(words[2].dropFirst("clients=".count)))
            linkAddress = String(words[3].dropFirst("links=".count))
            id = child
        } catch {
            NodeProcess.end(child)
            throw error
        }
    }

    /// Kills it and waits until it is gone: what it stored is thrown away with its folder.
    func end() { NodeProcess.end(id) }

    /// `verifier` is every user's. Both ports are the kernel's choice.
    static func writeSetup(
        name: String, users: [String], verifier: String, peers: [Peer] = [], in folder: String
    ) throws(BenchmarkFault) {
        let bytes = JSONWriter.object { writer in
            writer.member("server_name", name)
            writer.object("admin") { writer in
                for user in users { writer.member(user, verifier) }
            }
            writer.object("mailing_address") { writer in
                for peer in peers {
                    switch peer {
                    case .dialled(let name, let address): writer.member(name, address)
                    case .dialling(let name, let key): writer.object(name) { $0.member("key", key) }
                    }
                }
            }
            writer.member("client_address", "127.0.0.1:0")
            writer.member("link_address", "127.0.0.1:0")
        }
        try SmallFile.write(String(decoding: bytes, as: UTF8.self), to: "\(folder)/setup.json")
    }

    /// The public key of the node of `folder`, made if it has none yet.
    static func key(program: String, folder: String) throws(BenchmarkFault) -> String {
        let log = "\(folder)/key-log"
        let (child, output) = try spawn(program, ["key", "--setup", "\(folder)/setup.json"], log: log)
        defer { close(output) }
        let line = firstLine(of: output, within: .seconds(10))
        end(child)
        guard line.hasPrefix("ed25519:") else {
            throw BenchmarkFault("no key of \(folder): \(SmallFile.read(log) ?? line)")
        }
        return line
    }

    private static func end(_ child: pid_t) {
        kill(child, SIGKILL)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
    }

    /// Returns the process and the end of a pipe from which its standard output is read.
    private static func spawn(
        _ program: String, _ arguments: [String], log: String
    ) throws(BenchmarkFault) -> (pid_t, output: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .last("pipe") }
        defer { close(ends[1]) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // A crash would otherwise be described at length while we wait for the end of it.
        var environment = ["SWIFT_BACKTRACE=enable=no", "LANG=C.UTF-8"]
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { environment.append("\(name)=\(String(cString: value))") }
        }
        var child = pid_t()
        let code = withCStrings([program] + arguments) { words in
            withCStrings(environment) { posix_spawn(&child, program, &actions, nil, words, $0) }
        }
        guard code == 0 else {
            close(ends[0])
            throw BenchmarkFault("start \(program): \(String(cString: strerror(code)))")
        }
        return (child, ends[0])
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = texts.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { buffer in
            // Never empty: it holds the nil at least.
            body(buffer.baseAddress ?? UnsafeMutablePointer.allocate(capacity: 1))
        }
    }

    /// Without its line feed; shorter if the process ended or took too long.
    private static func firstLine(of descriptor: Int32, within duration: Duration) -> String {
        let deadline = Clock.now.advanced(by: duration)
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while Clock.now < deadline {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 100) > 0 else { continue }
            guard read(descriptor, &byte, 1) == 1, byte != 0x0A else { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
