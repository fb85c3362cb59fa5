/// Where to connect as people write it: `chat.example:5555`, `127.0.0.1:5555` or `[::1]:5555`. Whoever holds one knows
/// that the host is made of harmless characters and may be shown, logged and put into a header.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// A name in lower case or a numeric address; an IPv6 address without its brackets.
    package let host: String
    /// Never 0.
    package let port: UInt16

    /// `defaultPort` stands in for a missing one; without it a missing port is refused.
    package init(parsing text: String, defaultPort: UInt16? = nil) throws(NetError) {
        let (host, port) = try HostPort.split(text)
        guard let port = port ?? defaultPort else { throw .invalidAddress(text, hint: "the port is missing") }
        guard port != 0 else { throw .invalidAddress(text, hint: "port 0 cannot be dialled") }
        guard SocketAddress(host: host, port: port) != nil || HostPort.isName(host) else {
            throw .invalidAddress(text, hint: "the host is neither a name nor a numeric address")
        }
        self.host = host.lowercased()
        self.port = port
    }

    /// The host if it is a name, nil if it is a numeric address.
    package var name: String? { SocketAddress(host: host, port: port) == nil ? host : nil }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// RFC 1035 §2.3.4: a name has at most 255 octets on the wire, which leaves 253 characters.
    private static let nameBytesMax = 253
    /// RFC 1035 §2.3.4.
    private static let labelBytesMax = 63

    /// Cuts the port off and the brackets of an IPv6 address. Neither half is checked further.
    static func split(_ text: String) throws(NetError) -> (host: String, port: UInt16?) {
        guard text.utf8.count <= nameBytesMax + 6 else {
            throw .invalidAddress(String(text.prefix(40)) + "…", hint: "it is too long")
        }
        if text.hasPrefix("[") {
            let parts = text.dropFirst().split(separator: "]", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].contains(":") else {
                throw .invalidAddress(text, hint: "brackets enclose an IPv6 address")
            }
            if parts[1].isEmpty { return (String(parts[0]), nil) }
            guard parts[1].hasPrefix(":") else { throw .invalidAddress(text, hint: "a colon follows the bracket") }
            return (String(parts[0]), try port(parts[1].dropFirst(), of: text))
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (text, nil)
        case 2: return (String(parts[0]), try port(parts[1], of: text))
        default: throw .invalidAddress(text, hint: "write an IPv6 address in brackets")
        }
    }

    /// Digits only: `UInt16("+1")` would be 1.
    private static func port(_ digits: Substring, of text: String) throws(NetError) -> UInt16 {
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits)
        else { throw .invalidAddress(text, hint: "the port is not a number up to 65535") }
        return port
    }

    /// RFC 1123 §2.1 host names, and the underscore that names on local networks carry. A last label of digits would
    /// be a malformed numeric address.
    private static func isName(_ host: String) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= nameBytesMax, let last = labels.last else { return false }
        return labels.allSatisfy(isLabel) && !last.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isLabel(_ label: Substring) -> Bool {
        guard (1...labelBytesMax).contains(label.utf8.count), label.first != "-", label.last != "-" else {
            return false
        }
        return label.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
