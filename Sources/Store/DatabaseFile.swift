import Glibc

/// Keeps a database to one program at a time and out of other people's sight.
///
/// The lock lies beside the database, as `NAME.lock`, because closing any descriptor of the database itself would drop
/// SQLite's own locks on it (fcntl(2), "record locks"). The kernel frees it when the process ends, however it ends.
final class DatabaseFile {
    private let descriptor: Int32

    /// Makes the file if there is none. It and what SQLite derives from it (its log) can be read by their owner alone.
    init(path: String) throws(StoreError) {
        descriptor = try DatabaseFile.open(path + ".lock")
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw StoreError(.inUse, "the database is in use by another program")
        }
        do throws(StoreError) {
            Glibc.close(try DatabaseFile.open(path))
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { Glibc.close(descriptor) }

    private static func open(_ path: String) throws(StoreError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.cannotOpen, "the database cannot be opened: \(String(cString: strerror(errno)))")
        }
        // A file that came from elsewhere, such as a restored backup, may have been made readable for others.
        guard fchmod(descriptor, 0o600) == 0 else {
            Glibc.close(descriptor)
            throw StoreError(.cannotOpen, "the database belongs to another user")
        }
        return descriptor
    }
}
