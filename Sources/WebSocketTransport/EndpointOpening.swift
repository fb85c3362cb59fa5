package import Net
package import WebSocket

/// How an endpoint begins, and the time that it gives its peer.
extension Endpoint {
    /// How long the peer may take.
    package struct Timeouts: Sendable {
        /// From the first byte being possible to the end of the opening handshake; whole, so trickling does not help.
        package var openingDurationMax: Duration = .seconds(10)
        /// From our close frame to the peer's, and then to the end of the transport.
        package var closingDurationMax: Duration = .seconds(5)
        /// From the first byte of a message to its last. The longest takes this at 8 KiB a second.
        package var messageDurationMax: Duration = .seconds(60)

        package init() {}
    }

    /// Speaks on a stream that we dialled, which may still be connecting. `host` is what the server is called, with its
    /// port unless that is 80; `path` begins with `/`. With `deflate`, compression is offered. Throws `Misuse` if host,
    /// path or subprotocols cannot stand in a request.
    package convenience init(
        dialled stream: Stream, host: String, path: String, subprotocols: [String] = [], limits: Limits = Limits(),
        deflate: DeflateSettings? = nil, timeouts: Timeouts = Timeouts()
    ) throws(Misuse) {
        let connection = try Connection.client(
            host: host, path: path, subprotocols: subprotocols, limits: limits, deflate: deflate)
        self.init(stream, connection, timeouts)
    }

    /// Speaks on a stream just accepted; make it inside the listener's `onAccept`.
    package convenience init(
        accepted stream: Stream, limits: Limits = Limits(), deflate: DeflateSettings? = nil,
        timeouts: Timeouts = Timeouts()
    ) {
        self.init(stream, .server(limits: limits, deflate: deflate), timeouts)
    }
}
