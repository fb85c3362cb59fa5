import Glibc

/// Tells when the disk under a database gets short, before it is full: deleting and checkpoints need room as well.
struct FreeSpace {
    /// nil where the database is in memory.
    private let folder: String?
    private let bytesMin: Int64

    init(path: String, bytesMin: Int64) {
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? "."
        folder = path == ":memory:" ? nil : name
        self.bytesMin = bytesMin
    }

    /// False also where the system does not tell: a full disk still refuses by itself.
    var isLow: Bool {
        guard let folder else { return false }
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return false }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return !overflow && bytes < UInt64(clamping: bytesMin)
    }
}
