import CLinux
import Glibc

/// A socket in the file system (unix(7)), reached by programs of this machine that may enter its folder.
package struct LocalAddress: Hashable, Sendable, CustomStringConvertible {
    package let folder: String
    package let name: String

    package init(folder: String, name: String) {
        self.folder = folder
        self.name = name
    }

    package var description: String { folder + "/" + name }

    /// Calls `body` with the address and returns what it returned, with its `errno`. Where the path is too long for
    /// the system's form, it is named by way of its folder's descriptor.
    func withSocketAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        if let address = LocalAddress.systemForm(description) { return LocalAddress.call(body, address) }
        let descriptor = open(folder, LocalAddress.pathOnly | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return -1 }
        defer {
            let number = errno
            close(descriptor)
            errno = number
        }
        guard let address = LocalAddress.systemForm("/proc/self/fd/\(descriptor)/\(name)") else {
            errno = ENAMETOOLONG
            return -1
        }
        return LocalAddress.call(body, address)
    }

    private static func call(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32, _ address: sockaddr_un
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// nil if the path does not fit with the zero byte behind it.
    private static func systemForm(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            room.copyBytes(from: path.utf8)
            return true
        }
        return fits ? address : nil
    }

    /// `O_PATH`, which the Glibc module leaves out: the folder need not be readable to be passed through.
    private static let pathOnly: Int32 = 0o10000000
}

extension Stream {
    /// Whose program connected to our socket in the file system; nil on any other stream.
    package var localUser: UInt32? {
        remoteAddress == .local ? UInt32(exactly: linux_peer_user(descriptor)) : nil
    }
}

extension Socket {
    /// Bound and listening, for the owner alone. Takes the place of a socket that nobody listens at any more, as a
    /// killed program leaves it, and of nothing else.
    static func listen(at address: LocalAddress) throws(NetError) -> Int32 {
        try removeAbandoned(address)
        let descriptor = try makeLocal()
        // unix(7): the file gets the mode that the socket has before, so nobody else reaches it for a moment either.
        guard fchmod(descriptor, 0o600) == 0, address.withSocketAddress({ Glibc.bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, localBacklog) == 0
        else {
            let error = NetError.last("listen \(address)")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    static func makeLocal(isBlocking: Bool = false) throws(NetError) -> Int32 {
        let descriptor = linux_local_socket(isBlocking ? 1 : 0)
        guard descriptor >= 0 else { throw .last("socket") }
        return descriptor
    }

    private static func removeAbandoned(_ address: LocalAddress) throws(NetError) {
        var status = stat()
        guard lstat(address.description, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .system(operation: "listen \(address)", errno: EEXIST)
        }
        let descriptor = try makeLocal()
        defer { Glibc.close(descriptor) }
        let result = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        guard result != 0, errno == ECONNREFUSED else {
            throw .system(operation: "listen \(address)", errno: EADDRINUSE)
        }
        unlink(address.description)
    }

    private static let localBacklog: Int32 = 16
}
