package import Net
package import WebSocket

/// How an endpoint begins.
extension Endpoint {
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
