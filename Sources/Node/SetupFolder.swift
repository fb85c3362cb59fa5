import Glibc

/// What the start would find where the data folder belongs. Looking changes nothing.
package enum SetupFolder: Equatable, Sendable {
    case exists
    case wouldBeMade
    /// The start would end with this reason.
    case unusable(String)

    package init(at path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let reason = errno
            // A link that leads nowhere is in the way of a new folder.
            guard reason == ENOENT, lstat(path, &status) != 0 else {
                self = .unusable(String(cString: strerror(reason)))
                return
            }
            self = SetupFolder.aboveMissing(path)
            return
        }
        if status.st_mode & S_IFMT != S_IFDIR {
            self = .unusable("it is not a folder")
        } else if geteuid() != 0, status.st_uid != geteuid() {
            // The start closes the folder to others, which takes its owner.
            self = .unusable("it belongs to another user")
        } else if let reason = SetupFolder.refusal(of: path) {
            self = .unusable(reason)
        } else {
            self = .exists
        }
    }

    /// Those above are made too; the nearest that is there has to allow it.
    private static func aboveMissing(_ path: String) -> SetupFolder {
        var bytes = Array(path.utf8)[...]
        while let slash = bytes.lastIndex(of: UInt8(ascii: "/")) {
            bytes = bytes[..<slash]
            let above = bytes.isEmpty ? "/" : String(decoding: bytes, as: UTF8.self)
            var status = stat()
            guard stat(above, &status) == 0 else { continue }
            guard status.st_mode & S_IFMT == S_IFDIR else { return .unusable("\(above) is not a folder") }
            return refusal(of: above).map { .unusable("\(above): \($0)") } ?? .wouldBeMade
        }
        return refusal(of: ".").map { .unusable($0) } ?? .wouldBeMade
    }

    /// Why nothing can be made in a folder; nil if it can.
    private static func refusal(of folder: String) -> String? {
        guard faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0 else { return nil }
        return errno == EACCES ? "it is not writable" : String(cString: strerror(errno))
    }
}
