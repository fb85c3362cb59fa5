package import Net
package import WebSocket

/// Hears what happens to one endpoint, on its loop, and never from inside a call of its `send` or `close`. Any call may
/// send, ping, close or let go of the endpoint.
package protocol EndpointHandler: AnyObject {
    /// Server: a client asks in. Call `accept` or `refuse`, now or before the opening handshake's time is over.
    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest)
    /// Client: the server let us in. A server's endpoint is open from `accept` on.
    func endpointOpened(_ endpoint: Endpoint)
    /// A whole message, its fragments joined.
    func endpoint(_ endpoint: Endpoint, received message: Message)
    /// Answered already; told so that it can count against the peer's rate.
    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8])
    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8])
    /// What waited to be sent fell below low water after `send` had answered `.aboveHighWater`.
    func endpointDrained(_ endpoint: Endpoint)
    /// Comes exactly once and is the last call. The stream may still be sending the close frame; it finishes by itself.
    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending)
}

/// How an endpoint ended.
package enum Ending: Equatable, Sendable {
    /// The transport never connected, or ended before the opening handshake did; also after our own `refuse`.
    case notOpened(CloseReason)
    /// The opening handshake failed through the other end: a client was refused, or a server was asked nonsense.
    case refused(OpeningFault)
    /// Close frames were exchanged (`wasClean`), or the peer broke the protocol and was told so. `code` is nil if the
    /// peer's close frame held none. `reason` is the peer's text, or tells its fault.
    case closed(code: CloseCode?, reason: String, wasClean: Bool)
    /// The transport ended without a close frame of the peer (what RFC 6455 §7.1.5 calls 1006).
    case lost(CloseReason)
}
