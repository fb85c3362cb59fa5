import Glibc

/// Why there are no figures, in words for the person who wanted them.
struct BenchmarkFault: Error, Equatable {
    let text: String

    init(_ text: String) { self.text = text }

    /// What the system call `operation` just left in `errno`.
    static func last(_ operation: String) -> BenchmarkFault {
        BenchmarkFault("\(operation): \(String(cString: strerror(errno)))")
    }
}
