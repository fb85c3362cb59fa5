/// The command line.
struct Options {
    private(set) var port: UInt16 = 0
    private(set) var deflates = false
    private(set) var speaksTLS = false
    /// Whether a compressed message may refer to those before it (RFC 7692 §7.1.1).
    private(set) var keepsContext = true
    /// Pages that may connect, as in `https://chat.example`.
    private(set) var origins: [String] = []
    /// Best first.
    private(set) var subprotocols: [String] = []
    /// What one process can have open by default on most systems.
    private(set) var connectionsMax = 1_000

    /// nil for anything but the options of the usage text, in any order.
    init?(_ arguments: some Sequence<String>) {
        var hasPort = false
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--port":
                guard let port = rest.popFirst().flatMap({ UInt16($0) }) else { return nil }
                self.port = port
                hasPort = true
            case "--connections":
                guard let count = rest.popFirst().flatMap({ UInt16($0) }), count > 0 else { return nil }
                connectionsMax = Int(count)
            case "--deflate": deflates = true
            case "--tls": speaksTLS = true
            case "--no-context-takeover": keepsContext = false
            case "--origin":
                guard let origin = rest.popFirst() else { return nil }
                origins.append(origin)
            case "--subprotocol":
                guard let subprotocol = rest.popFirst() else { return nil }
                subprotocols.append(subprotocol)
            default: return nil
            }
        }
        guard hasPort, deflates || keepsContext else { return nil }
    }
}
