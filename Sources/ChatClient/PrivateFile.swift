import Glibc
import Store

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
        do throws(FileFault) { return try WholeFile.read(path, bytesMax: bytesMax) } catch {
            throw ProfileError("\(path) \(error.text)")
        }
    }

    /// Writes a new file as a whole: after a crash it is there with all its bytes, or not at all.
    package static func write(_ bytes: [UInt8], to path: String) throws(ProfileError) {
        do throws(FileFault) { try WholeFile.write(bytes, to: path) } catch {
            throw ProfileError("\(path) \(error.text)")
        }
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
