import Glibc

/// What the system has charged a process so far.
struct ProcessUsage {
    /// Processor seconds, user and system, of all its threads.
    let seconds: Double
    /// The same by thread. Threads of one role are added up.
    let secondsByThread: [String: Double]
    /// In memory and not of a file: what it has allocated and touched.
    let privateBytes: Double

    /// Reads `/proc`. Its clock counts in hundredths of a second, so measure for a second and more.
    init(of process: pid_t) throws(BenchmarkFault) {
        let folder = "/proc/\(process)"
        guard let stat = SmallFile.read("\(folder)/stat").flatMap(ProcessStat.init),
            let memory = SmallFile.read("\(folder)/statm")?.split(separator: " "), memory.count > 2,
            let resident = Double(memory[1]), let shared = Double(memory[2])
        else { throw BenchmarkFault("the node has ended by itself") }
        seconds = stat.seconds
        privateBytes = (resident - shared) * Double(sysconf(Int32(_SC_PAGESIZE)))
        var threads: [String: Double] = [:]
        for thread in ProcessUsage.threads(of: folder) {
            guard let part = SmallFile.read("\(folder)/task/\(thread)/stat").flatMap(ProcessStat.init) else { continue }
            // The main thread runs the loop; the store's has no name of its own, so it bears the program's.
            let role = thread == String(process) ? "loop" : part.name == stat.name ? "store" : part.name
            threads[role, default: 0] += part.seconds
        }
        secondsByThread = threads
    }

    private static func threads(of folder: String) -> [String] {
        var names: [String] = []
        guard let opened = opendir("\(folder)/task") else { return [] }
        defer { closedir(opened) }
        while let entry = readdir(opened) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if Int(name) != nil { names.append(name) }
        }
        return names
    }
}

/// What matters of a line of `/proc/PID/stat`; see proc(5).
private struct ProcessStat {
    let name: String
    let seconds: Double

    init?(_ line: String) {
        // The name stands in brackets and may hold spaces and brackets itself.
        guard let opening = line.firstIndex(of: "("), let closing = line.lastIndex(of: ")") else { return nil }
        name = String(line[line.index(after: opening)..<closing])
        let fields = line[line.index(after: closing)...].split(separator: " ")
        // Fields 14 and 15; the first of these is field 3.
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        seconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
