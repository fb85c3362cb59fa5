import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port; always numeric, so making one never asks the network. Or a program of this
/// machine at a socket in the file system, which has no address of its own.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private enum Host: Hashable {
        case v4(UInt32)
        case v6(high: UInt64, low: UInt64, scope: UInt32)
        case local
    }

    /// All integers are in host order.
    private let host: Host
    package let port: UInt16

    private init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `127.0.0.1:5001` or `[::1]:5001`. Port 0 is allowed: a listener takes it as "any free port".
    package init(numeric text: String) throws(NetError) {
        let (host, port) = try HostPort.split(text)
        guard let port else { throw .invalidAddress(text, hint: "the port is missing") }
        guard let address = SocketAddress(host: host, port: port) else {
            throw .invalidAddress(text, hint: "the host is not numeric")
        }
        self = address
    }

    /// `host` is a numeric address without brackets; nil if it is a name or malformed.
    package init?(host text: String, port: UInt16) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(host: .v4(UInt32(bigEndian: v4.s_addr)), port: port)
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(v6, scope: 0, port: port)
        } else {
            return nil
        }
    }

    private init(_ v6: in6_addr, scope: UInt32, port: UInt16) {
        let (high, low) = withUnsafeBytes(of: v6) {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(host: .v6(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), scope: scope), port: port)
    }

    /// The same host with another port.
    package func with(port: UInt16) -> SocketAddress { SocketAddress(host: host, port: port) }

    /// True if only programs of this machine can be at the other end: 127.0.0.0/8, ::1, the mapped form of the first,
    /// and sockets in the file system.
    package var isLoopback: Bool {
        switch host {
        case .v4(let address): address >> 24 == 127
        case .v6(let high, let low, _): high == 0 && (low == 1 || low >> 24 == 0xFFFF_7F)
        case .local: true
        }
    }

    package var description: String {
        switch host {
        case .v4(let address):
            "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255):\(port)"
        case .v6(_, _, let scope):
            "[\(v6Text)\(scope == 0 ? "" : "%\(scope)")]:\(port)"
        case .local: "this machine"
        }
    }

    private var v6Text: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        return withUnsafeBytes(of: v6) { address in
            text.withUnsafeMutableBufferPointer { buffer in
                inet_ntop(AF_INET6, address.baseAddress, buffer.baseAddress, socklen_t(buffer.count))
                    .map { String(cString: $0) } ?? ""
            }
        }
    }

    private var v6: in6_addr {
        var address = in6_addr()
        if case .v6(let high, let low, _) = host {
            withUnsafeMutableBytes(of: &address) {
                $0.storeBytes(of: high.bigEndian, as: UInt64.self)
                $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
        }
        return address
    }
}

// What the system calls take and give.
extension SocketAddress {
    static let unspecified = SocketAddress(host: .v4(0), port: 0)
    static let local = SocketAddress(host: .local, port: 0)

    var family: Int32 {
        switch host {
        case .v4: AF_INET
        case .v6: AF_INET6
        case .local: AF_UNIX
        }
    }

    /// Nil if the family is neither of ours.
    init?(_ storage: sockaddr_storage) {
        let address = withUnsafeBytes(of: storage) { bytes -> SocketAddress? in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let v4 = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketAddress(
                    host: .v4(UInt32(bigEndian: v4.sin_addr.s_addr)), port: UInt16(bigEndian: v4.sin_port))
            case AF_INET6:
                let v6 = bytes.loadUnaligned(as: sockaddr_in6.self)
                return SocketAddress(v6.sin6_addr, scope: v6.sin6_scope_id, port: UInt16(bigEndian: v6.sin6_port))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch host {
        case .v4(let number):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = number.bigEndian
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6(_, _, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = v6
            address.sin6_scope_id = scope
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        case .local:
            // Names no socket: `LocalAddress` does.
            var address = sockaddr()
            address.sa_family = sa_family_t(AF_UNIX)
            return withUnsafePointer(to: &address) { body($0, socklen_t(MemoryLayout<sa_family_t>.size)) }
        }
    }
}
