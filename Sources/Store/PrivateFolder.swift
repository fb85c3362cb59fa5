import Glibc

/// A folder for one owner's secrets: 0700, its files 0600 from the moment they exist.
package struct PrivateFolder: Sendable {
    package let path: String

    /// Makes the folder and those above it where they are missing. An existing one is closed to others.
    package init(path: String) throws(StoreError) {
        self.path = path
        for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            _ = mkdir(String(decoding: path.utf8.prefix(index), as: UTF8.self), 0o700)
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw PrivateFolder.failure("cannot make", path) }
        guard chmod(path, 0o700) == 0 else { throw PrivateFolder.failure("cannot close to others", path) }
    }

    /// The bytes of a file, or nil if there is none. A file longer than `bytesMax` is refused: secrets are short.
    package func read(_ name: String, bytesMax: Int = 64 << 10) throws(StoreError) -> [UInt8]? {
        let file = path + "/" + name
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw PrivateFolder.failure("cannot read", file)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw PrivateFolder.failure("cannot read", file) }
            if got == 0 { break }
            count += got
        }
        guard count <= bytesMax else {
            throw StoreError(.cannotOpen, "\(file) is longer than \(bytesMax) bytes; it is not what belongs there")
        }
        return Array(bytes.prefix(count))
    }

    /// Writes a file whole or not at all: a crash leaves either nothing or all of it, on the disk.
    package func create(_ name: String, _ bytes: [UInt8]) throws(StoreError) {
        let file = path + "/" + name
        let fresh = "\(file).\(getpid()).new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw PrivateFolder.failure("cannot write", fresh) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isSafe = written == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isSafe, rename(fresh, file) == 0 else {
            let error = PrivateFolder.failure("cannot write", file)
            unlink(fresh)
            throw error
        }
        syncFolder()
    }

    /// Makes the new name itself survive a power cut.
    private func syncFolder() {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ what: String, _ path: String) -> StoreError {
        StoreError(.cannotOpen, "\(what) \(path): \(String(cString: strerror(errno)))")
    }
}
