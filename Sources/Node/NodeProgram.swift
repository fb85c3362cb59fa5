import Glibc
import Net
import Store
import Wire

/// The program: reads the setup, opens the store, serves. Exit codes as `--help` names them.
enum NodeProgram {
    private enum ExitCode {
        static let failure: Int32 = 1
        static let usage: Int32 = 2
        static let configuration: Int32 = 78
    }

    static func run(_ arguments: [String]) -> Int32 {
        do throws(UsageError) {
            switch try NodeCommand(parsing: arguments) {
            case .help: Console.say(NodeCommand.helpText)
            case .version: Console.say("postroad-node \(NodeCommand.programVersion)")
            case .key(let file): return reporting { try printKey(file) }
            case .check(let file, let isJSON): return reporting { try check(file, isJSON: isJSON) }
            case .authority(let command): return reporting { Console.say(try command.perform()) }
            case .administer(let request, let file, let isJSON):
                return reporting { try administer(request, file, isJSON: isJSON) }
            case .run(let file): return reporting { try serve(file) }
            }
            return 0
        } catch {
            Console.complain("error: \(error.text)\nhint: postroad-node --help lists what is known")
            return ExitCode.usage
        }
    }

    private static func reporting(_ body: () throws -> Void) -> Int32 {
        reporting { () throws -> Bool in
            try body()
            return true
        }
    }

    /// `body` returns whether all is well; if not, it has said why.
    private static func reporting(_ body: () throws -> Bool) -> Int32 {
        do {
            return try body() ? 0 : ExitCode.failure
        } catch let error as SetupError {
            Console.complain("error: \(SafeText(error.description))")
            return ExitCode.configuration
        } catch let error as CommandFault {
            Console.complain("error: \(SafeText(error.text))")
            return ExitCode.failure
        } catch let error as StoreError {
            Console.complain("error: \(SafeText(error.text))\nhint: \(error.advice)")
            return ExitCode.failure
        } catch {
            Console.complain("error: \(SafeText("\(error)"))")
            return ExitCode.failure
        }
    }

    private static func readSetup(_ file: String) throws -> Setup {
        try Setup(parsing: try NamedFile.read(file, bytesMax: Setup.fileBytesMax), file: file)
    }

    private static func administer(_ request: AdminRequest, _ file: String, isJSON: Bool) throws -> Bool {
        try AdminClient(try readSetup(file), file: file, isJSON: isJSON).run(request)
    }

    private static func printKey(_ file: String) throws {
        let setup = try readSetup(file)
        Console.say(try ServerIdentity(in: try PrivateFolder(path: setup.dataFolder)).publicKey.text)
    }

    private static func check(_ file: String, isJSON: Bool) throws {
        let setup = try readSetup(file)
        try NodeTLS.check(setup)
        let folder = SetupFolder(at: setup.dataFolder)
        let summary = SetupSummary(setup, file: file, folder: folder)
        Console.say(isJSON ? summary.json : summary.words)
        if case .unusable(let reason) = folder {
            throw StoreError(.cannotOpen, "the data folder \(setup.dataFolder) cannot be used: \(reason)")
        }
    }

    private static func serve(_ file: String) throws {
        let signals: [Signal] = [.terminate, .interrupt, .user1, .hangUp]
        SignalSource.block(signals)
        let setup = try readSetup(file)
        let log = Log()
        let addresses = (
            try SocketAddress(numeric: setup.clientAddress), try SocketAddress(numeric: setup.linkAddress)
        )
        let folder = try PrivateFolder(path: setup.dataFolder)
        let identity = try ServerIdentity(in: folder)
        let tls = try NodeTLS(setup, own: folder)
        let epoch = Epoch(UInt64.random(in: .min ... .max))
        try EventLoop.run { loop in
            let store = try opening("node.db", in: folder) { path throws(StoreError) in
                try NodeStore(path: path, epoch: epoch, now: Clock.wallMilliseconds)
            }
            if store.isRestored {
                log.write(
                    .alarm, "node.db was put back from a backup: what it took since then is asked of others again")
            }
            let stored = try StoredState(reading: store)
            let node = try NodeDriver(loop: loop, setup: setup, identity: identity, stored: stored, log: log)
            try node.store.begin(store)
            try node.spool.begin(
                try opening("spool.db", in: folder) { path throws(StoreError) in
                    try SpoolStore(path: path, limits: setup.files.limits)
                })
            _ = try SignalSource(loop: loop, signals: signals) { signal in
                switch signal {
                case .user1: node.writeCounts()
                case .hangUp: node.readCertificates { try NodeTLS(setup, own: folder) }
                default: node.drain()
                }
            }
            try node.start(stored: stored, tls: tls, clientAddress: addresses.0, linkAddress: addresses.1)
        }
    }

    /// What is wrong with a database is said of that one, as the store itself names no file.
    private static func opening<Store>(
        _ file: String, in folder: PrivateFolder, _ body: (String) throws(StoreError) -> sending Store
    ) throws(StoreError) -> sending Store {
        let path = folder.path + "/" + file
        do throws(StoreError) { return try body(path) } catch {
            throw StoreError(error.kind, code: error.code, "\(path): \(error.text)")
        }
    }
}
