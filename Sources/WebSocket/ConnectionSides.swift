import Bytes

/// How a connection begins on either side (RFC 6455 §1.3).
extension Connection {
    /// A connection that we dialled. The opening request is in the output at once. `host` is what the server is called,
    /// with its port unless that is the default one; `path` begins with `/`. `random` gives masking keys, which must be
    /// unpredictable (RFC 6455 §5.3, §10.3); by default they come from the kernel. With `deflate`, compression is offered.
    /// Throws `Misuse.badHost`, `.badPath`, `.badSubprotocol`, `.openingTooLong`.
    package static func client(
        host: String, path: String, subprotocols: [String] = [], limits: Limits = Limits(),
        deflate: DeflateSettings? = nil, random: @escaping @Sendable () -> UInt32 = { .random(in: .min ... .max) }
    ) throws(Misuse) -> Connection {
        var nonce: [UInt8] = []
        for _ in 0..<4 { nonce.appendBigEndian(random()) }
        let handshake = try ClientHandshake(
            host: host, path: path, subprotocols: subprotocols, deflate: deflate, nonce: nonce,
            requestBytesMax: limits.openingBytesMax)
        return Connection(
            side: .client, Opening(handshake, limits: limits, deflate: deflate), limits: limits, random: random)
    }

    /// A connection that we accepted and on which nothing was read yet. With `deflate`, an offer of compression is taken.
    package static func server(limits: Limits = Limits(), deflate: DeflateSettings? = nil) -> Connection {
        Connection(side: .server, Opening(nil, limits: limits, deflate: deflate), limits: limits, random: nil)
    }
}
