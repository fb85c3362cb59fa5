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
        do throws(FileFault) {
            return try WholeFile.read(file, bytesMax: bytesMax, followsLinks: false)
        } catch { throw StoreError(.cannotOpen, "\(file) \(error.text)") }
    }

    /// Writes a file whole or not at all: a crash leaves either nothing or all of it, on the disk.
    package func create(_ name: String, _ bytes: [UInt8]) throws(StoreError) {
        let file = path + "/" + name
        do throws(FileFault) { try WholeFile.write(bytes, to: file) } catch {
            throw StoreError(.cannotOpen, "\(file) \(error.text)")
        }
    }

    /// Keeps others out who change what lies here in this way too, in this program or another.
    package func locked<Value>(_ body: () throws -> Value) throws -> Value {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PrivateFolder.failure("cannot open", path) }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw StoreError(.inUse, "another program is changing what lies in \(path); try again in a moment")
        }
        return try body()
    }

    private static func failure(_ what: String, _ path: String) -> StoreError {
        StoreError(.cannotOpen, "\(what) \(path): \(String(cString: strerror(errno)))")
    }
}
