/// Why a connection closes (RFC 6455 §7.4 and the registry it opened).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The purpose of the connection is fulfilled.
    package static let normal = CloseCode(rawValue: 1000)
    /// The server stops, or a person left the page.
    package static let goingAway = CloseCode(rawValue: 1001)
    /// The peer broke the protocol.
    package static let protocolError = CloseCode(rawValue: 1002)
    /// A kind of data that this endpoint cannot accept, such as binary where it understands text only.
    package static let unsupportedData = CloseCode(rawValue: 1003)
    /// The close frame held no code. Never sent.
    package static let noCode = CloseCode(rawValue: 1005)
    /// The transport ended without a close frame. Never sent.
    package static let abnormal = CloseCode(rawValue: 1006)
    /// Data that does not fit its kind, such as a text message that is not UTF-8.
    package static let invalidPayload = CloseCode(rawValue: 1007)
    /// A rule of ours was broken and no other code fits.
    package static let policyViolation = CloseCode(rawValue: 1008)
    /// A message too big to process.
    package static let messageTooBig = CloseCode(rawValue: 1009)
    /// The client wanted an extension that the server did not agree to.
    package static let mandatoryExtension = CloseCode(rawValue: 1010)
    /// The server met a condition that it did not expect.
    package static let internalError = CloseCode(rawValue: 1011)
    /// The server restarts; dial again after a random wait.
    package static let serviceRestart = CloseCode(rawValue: 1012)
    /// The server is overloaded; dial another address or later.
    package static let tryAgainLater = CloseCode(rawValue: 1013)
    /// A gateway got no valid answer from the server behind it.
    package static let badGateway = CloseCode(rawValue: 1014)
    /// The TLS handshake failed. Never sent.
    package static let failedTLS = CloseCode(rawValue: 1015)

    /// True for codes that may stand in a close frame. RFC 6455 §7.4.1 keeps 1004, 1005, 1006 and 1015 out of frames;
    /// §7.4.2 gives 3000-3999 to libraries and 4000-4999 to applications, and leaves the rest undefined.
    package var isValidOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
