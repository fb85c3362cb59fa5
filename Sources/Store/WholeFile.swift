import Glibc

/// Why a file was not read or written.
package struct FileFault: Error, Equatable, Sendable {
    /// Goes on after the file's path, such as "cannot be read: Permission denied".
    package let text: String

    /// The failure of the call that just returned.
    static func last(_ what: String) -> FileFault {
        let number = errno
        return FileFault(text: "\(what): \(String(cString: strerror(number)))")
    }
}

/// Small files that are read and written at once.
package enum WholeFile {
    /// The bytes of a file, or nil if there is none. Throws if it has more than `bytesMax` or cannot be read.
    package static func read(
        _ path: String, bytesMax: Int, followsLinks: Bool = true
    ) throws(FileFault) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .last("cannot be read")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("cannot be read") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk.prefix(count))
            guard bytes.count <= bytesMax else { throw FileFault(text: "is longer than \(bytesMax) bytes") }
        }
    }

    /// Puts a file there whole or not at all: a crash leaves either nothing new or all of it, on the disk. Its mode is
    /// 0600 from the first moment on, so nobody reads in between. Without `isSynced` a power cut may take it back.
    package static func write(_ bytes: [UInt8], to path: String, isSynced: Bool = true) throws(FileFault) {
        let fresh = "\(path).\(getpid()).new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("cannot be written") }
        do throws(FileFault) {
            defer { close(descriptor) }
            try write(bytes, to: descriptor, isSynced: isSynced)
            guard rename(fresh, path) == 0 else { throw .last("cannot be written") }
        } catch {
            unlink(fresh)
            throw error
        }
        if isSynced { try syncFolder(of: path) }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, isSynced: Bool) throws(FileFault) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("cannot be written") }
            sent += count
        }
        guard !isSynced || fsync(descriptor) == 0 else { throw .last("cannot be written") }
    }

    /// The name of a new file is on disk only once its folder is.
    private static func syncFolder(of path: String) throws(FileFault) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("cannot be made to last") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("cannot be made to last") }
    }
}
