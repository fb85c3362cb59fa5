/// Whether another server can be reached from here, as a node tells its people.
package struct ServerStatus: Hashable, Sendable {
    package let server: ServerName
    package let isReachable: Bool
    /// Milliseconds since 1970, by the node's clock.
    package let since: Int64

    package init(server: ServerName, isReachable: Bool, since: Int64) {
        self.server = server
        self.isReachable = isReachable
        self.since = since
    }

    /// In one line; a node has fewer peers.
    package static let countMax = 1000

    func encode(into writer: inout JSONWriter) {
        writer.member("server", server.text)
        writer.member("isReachable", isReachable)
        writer.member("since", since)
    }

    init(_ object: JSONObject) throws(Refusal) {
        server = try object.serverName("server")
        isReachable = try object.flag("isReachable")
        since = try object.integer("since", in: 0...Envelope.atMax)
    }
}
