import Net

/// The command line.
struct Options {
    private(set) var deflates = false
    /// Whether a compressed message may refer to those before it (RFC 7692 §7.1.1).
    private(set) var keepsContext = true
    /// Best first.
    private(set) var subprotocols: [String] = []
    private(set) var isSuiteRun = false
    let url: WebSocketURL

    init?(_ arguments: some Sequence<String>) {
        var url: WebSocketURL?
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--deflate": deflates = true
            case "--no-context-takeover": keepsContext = false
            case "--subprotocol":
                guard let subprotocol = rest.popFirst() else { return nil }
                subprotocols.append(subprotocol)
            case "--autobahn": isSuiteRun = true
            default:
                guard url == nil, let parsed = WebSocketURL(parsing: argument) else { return nil }
                url = parsed
            }
        }
        guard let url, deflates || keepsContext else { return nil }
        self.url = url
    }
}

/// `ws://HOST[:PORT][/PATH]`, or `wss://` for TLS (RFC 6455 §3).
struct WebSocketURL {
    let target: HostPort
    let speaksTLS: Bool
    /// Begins with `/`; with the query, if there is one.
    let path: String

    init?(parsing text: String) {
        speaksTLS = text.hasPrefix("wss://")
        guard speaksTLS || text.hasPrefix("ws://") else { return nil }
        let rest = text.dropFirst(speaksTLS ? 6 : 5)
        let host = rest.prefix { $0 != "/" }
        let port: UInt16 = speaksTLS ? 443 : 80
        guard let target = try? HostPort(parsing: String(host), defaultPort: port) else { return nil }
        self.target = target
        path = host.count == rest.count ? "/" : String(rest.dropFirst(host.count))
    }
}
