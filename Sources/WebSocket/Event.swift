/// What a connection has to tell. `refusedOpening` and `closed` are each the last event of a connection.
package enum Event: Equatable, Sendable {
    /// Server: a client asks in. Answer with `accept` or `refuse`. Indirect, so that the events that come by the thousand
    /// stay at 40 bytes instead of 80.
    indirect case opening(OpeningRequest)
    /// Client: the server let us in.
    case opened
    case message(Message)
    /// Answered already. Told so that the caller can count it against the peer's rate.
    case ping([UInt8])
    case pong([UInt8])
    /// The opening handshake failed through the other end. A server's answer is in the output; write it and hang up.
    case refusedOpening(OpeningFault)
    /// Write the output and hang up; a client lets the server hang up first for a while (RFC 6455 §7.1.1). `code` is nil
    /// if the peer's close frame held none, `.abnormal` if the transport ended without one. `reason` is the peer's, up
    /// to 123 bytes of any UTF-8, or tells its fault. `wasClean` means that both sides sent a close frame.
    case closed(code: CloseCode?, reason: String, wasClean: Bool)
}

extension Connection {
    /// All events of `bytes` at once, for whoever need not answer in between; see `next`.
    package mutating func receive(_ bytes: [UInt8]) -> [Event] {
        var events: [Event] = []
        bytes.withUnsafeBytes { bytes in
            var position = 0
            while let event = next(in: bytes, from: &position) { events.append(event) }
        }
        return events
    }
    /// Everything that is to be written at once, for whoever does not mind that long payloads are copied.
    package mutating func takeOutput() -> [UInt8] {
        var joined: [UInt8] = []
        takeOutput { joined += $0 }
        return joined
    }
}
