import CLinux
import Glibc

/// The socket calls, each once. Descriptors they return do not block and are the caller's to close.
enum Socket {
    static func make(for address: SocketAddress) throws(NetError) -> Int32 {
        let descriptor = linux_tcp_socket(address.family)
        guard descriptor >= 0 else { throw .last("socket") }
        return descriptor
    }

    /// Bound and listening.
    static func listen(on address: SocketAddress) throws(NetError) -> Int32 {
        let descriptor = try make(for: address)
        // A restarted node takes its port back although old connections linger in TIME_WAIT.
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if address.family == AF_INET6 { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        guard address.withSocketAddress({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
            throw closing(descriptor, "bind \(address)")
        }
        guard Glibc.listen(descriptor, backlog) == 0 else { throw closing(descriptor, "listen \(address)") }
        return descriptor
    }

    /// Messages are short and answered: waiting to fill a segment would only add latency.
    static func disableDelay(_ descriptor: Int32) {
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, unsentBytesMax)
    }

    /// What the system takes beyond what is on its way. Left to itself it takes megabytes for a thin line, where nothing
    /// that is more urgent can pass them any more.
    private static let unsentBytesMax: Int32 = 32 << 10

    static func localAddress(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        let result = withAddress(&storage) { getsockname(descriptor, $0, $1) }
        return result == 0 ? SocketAddress(storage) : nil
    }

    /// The next connection; nil if there is none, with the reason in `errno`.
    static func accept(_ listener: Int32) -> (descriptor: Int32, from: SocketAddress?)? {
        var storage = sockaddr_storage()
        let descriptor = withAddress(&storage) { linux_accept(listener, $0, $1) }
        return descriptor >= 0 ? (descriptor, SocketAddress(storage)) : nil
    }

    /// Takes the error that a connection attempt or a broken connection left; 0 if none.
    static func takeError(of descriptor: Int32) -> Int32 {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) == 0 ? number : errno
    }

    enum Transfer {
        case bytes(Int)
        /// Nothing now; readiness tells when to try again.
        case blocked
        /// The peer finished its side.
        case end
        case failed(errno: Int32)
    }

    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count >= 0 { return count == 0 ? .end : .bytes(count) }
            if errno == EAGAIN { return .blocked }
            if errno != EINTR { return .failed(errno: errno) }
        }
    }

    static func send(_ descriptor: Int32, _ vectors: UnsafeMutableBufferPointer<iovec>) -> Transfer {
        while true {
            let count = linux_send_vectors(descriptor, vectors.baseAddress, vectors.count)
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .blocked }
            if errno != EINTR { return .failed(errno: errno) }
        }
    }

    static func send(_ descriptor: Int32, _ bytes: UnsafeMutableBufferPointer<UInt8>) -> Transfer {
        var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) {
            send(descriptor, UnsafeMutableBufferPointer(start: $0, count: 1))
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func closing(_ descriptor: Int32, _ operation: String) -> NetError {
        let error = NetError.last(operation)
        Glibc.close(descriptor)
        return error
    }

    private static func withAddress(
        _ storage: inout sockaddr_storage,
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int32 {
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }

    /// After a restart ten thousand clients come back at once; the system cuts this to its own limit.
    private static let backlog: Int32 = 4096
}
