import Bytes
import Glibc
import Net
import Wire

/// Reads the command line, plays the rounds and prints what was found.
enum BenchmarkProgram {
    /// Returns the exit code.
    static func run(_ arguments: [String]) -> Int32 {
        let options: Options
        do { options = try Options(parsing: arguments) } catch {
            say("postroad-bench: \(error.text)", to: 2)
            return 2
        }
        guard !options.isHelpWanted else {
            say(Options.help, to: 1)
            return 0
        }
        let scenarios = Scenario.all(isQuick: options.isQuick, queued: options.queued).filter { scenario in
            options.only.map { scenario.name.contains($0) } ?? true
        }
        guard !scenarios.isEmpty else {
            say("postroad-bench: no row has such a name; --help lists them", to: 2)
            return 2
        }
        do {
            try measure(scenarios, options)
            return 0
        } catch let fault as BenchmarkFault {
            say("postroad-bench: \(fault.text)", to: 2)
        } catch {
            say("postroad-bench: \(error)", to: 2)
        }
        return 1
    }

    private static func measure(_ scenarios: [Scenario], _ options: Options) throws {
        SignalSource.block([.interrupt, .terminate])
        raiseDescriptorLimit()
        let load = SmallFile.read("/proc/loadavg")?.split(separator: " ").first.map(String.init) ?? "unknown"
        let workshop = try Workshop(program: try nodePath(options), isQuick: options.isQuick)
        defer { workshop.close() }
        let begun = Clock.now
        var report = Report()
        // Round by round and not row by row, so that a machine that slows down does so for every row.
        for round in 1...options.rounds {
            for scenario in scenarios {
                say("round \(round) of \(options.rounds): \(scenario.name)", to: 2)
                defer { workshop.tidy() }
                do { report.add(try scenario.measure(workshop), of: scenario.name) } catch let fault as BenchmarkFault {
                    throw BenchmarkFault("\(scenario.name): \(fault.text)")
                }
            }
        }
        let seconds = Clock.now.since(begun).components.seconds
        say(report.text, to: 1)
        say(
            "\nmedians of \(options.rounds) rounds, \(seconds) s in all; load average \(load) before the first. "
                + "Docs/performance.md explains the rows.", to: 1)
        guard let path = options.jsonPath else { return }
        let records = report.records { writer in
            writer.member("at", Clock.wallMilliseconds)
            writer.member("seconds", seconds)
            writer.member("rounds", Int64(options.rounds))
            writer.member("isQuick", options.isQuick)
            writer.member("loadAverage", load)
            writer.member("processors", Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        }
        try SmallFile.write(records, to: path)
    }

    /// The node lies where this program does, unless the command line says otherwise.
    private static func nodePath(_ options: Options) throws -> String {
        if let path = options.nodePath { return path }
        guard let resolved = realpath("/proc/self/exe", nil) else { throw BenchmarkFault.last("find this program") }
        defer { free(resolved) }
        let own = String(cString: resolved)
        let path = own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let node = "\(path)/postroad-node"
        guard access(node, X_OK) == 0 else {
            throw BenchmarkFault("\(node) is not there; build it, or name one with --node FILE")
        }
        return node
    }

    /// For itself and for the nodes: a session takes a descriptor on each side.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func say(_ text: String, to descriptor: Int32) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
