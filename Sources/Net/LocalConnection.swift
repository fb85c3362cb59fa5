import CLinux
import Glibc

/// A connection to a socket in the file system that makes its thread wait: for a program that has nothing else to do.
package final class LocalConnection {
    private let descriptor: OwnedDescriptor

    /// - Parameter timeout: how long each call may wait; a call that waited longer fails with `EAGAIN`.
    package init(to address: LocalAddress, timeout: Duration) throws(NetError) {
        descriptor = try OwnedDescriptor(try Socket.makeLocal(isBlocking: true), from: "socket")
        var limit = timeval(tv_sec: Int(timeout.components.seconds), tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor.number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let number = descriptor.number
        guard address.withSocketAddress({ Glibc.connect(number, $0, $1) }) == 0 else { throw .last("connect") }
    }

    package func write(_ bytes: [UInt8]) throws(NetError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("send") }
            sent += count
        }
    }

    /// What has arrived; empty once the other side has finished.
    package func read() throws(NetError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        switch buffer.withUnsafeMutableBytes({ Socket.receive(descriptor.number, into: $0) }) {
        case .bytes(let count): return Array(buffer.prefix(count))
        case .end: return []
        case .blocked: throw .system(operation: "receive", errno: EAGAIN)
        case .failed(let number): throw .system(operation: "receive", errno: number)
        }
    }
}
