import Glibc

/// Small files, also those that hold secrets. Modes are right from the first moment on, so nobody reads in between.
package enum PrivateFile {
    /// Makes the folder `path` and its parents, each 0700; those that are there stay as they are.
    static func makeFolder(_ path: String) throws(ProfileError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/" + part
            guard mkdir(prefix, 0o700) != 0, errno != EEXIST else { continue }
            throw .last("make the folder \(prefix)")
        }
    }

    /// The whole of a file, or nil if there is none. Throws if it has more than `bytesMax` or cannot be read.
    package static func read(_ path: String, bytesMax: Int) throws(ProfileError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .last("open \(path)")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read \(path)") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk.prefix(count))
            guard bytes.count <= bytesMax else { throw ProfileError("\(path) is longer than \(bytesMax) bytes") }
        }
    }

    /// Writes a new file as a whole: after a crash it is there with all its bytes, or not at all.
    static func write(_ bytes: [UInt8], to path: String) throws(ProfileError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("make \(temporary)") }
        defer { close(descriptor) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write \(temporary)") }
            sent += count
        }
        guard fsync(descriptor) == 0 else { throw .last("write \(temporary)") }
        guard rename(temporary, path) == 0 else { throw .last("rename \(temporary)") }
        try syncFolder(of: path)
    }

    /// The name of a new file is on disk only once its folder is.
    private static func syncFolder(of path: String) throws(ProfileError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open \(folder)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("write \(folder)") }
    }
}

/// Why a profile cannot be used, in words for the person whose it is.
package struct ProfileError: Error, Equatable, Sendable {
    package let text: String

    init(_ text: String) { self.text = text }

    /// The failure of the call that just returned.
    static func last(_ attempt: String) -> ProfileError {
        let number = errno
        return ProfileError("cannot \(attempt): \(String(cString: strerror(number)))")
    }
}
