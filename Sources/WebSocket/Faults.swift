/// The peer broke the protocol. This is what we tell it before hanging up.
package struct PeerFault: Error, Equatable {
    package let closeCode: CloseCode
    /// ASCII, at most 123 bytes, so that it fits a close frame (RFC 6455 §5.5.1).
    package let reason: String

    private init(_ closeCode: CloseCode, _ reason: String) {
        self.closeCode = closeCode
        self.reason = reason
    }

    static let reservedBits = PeerFault(.protocolError, "reserved bits are set, but no extension was agreed")
    static let compressedNotFirst = PeerFault(.protocolError, "compression is for a message's first frame to say")
    static let unknownOpcode = PeerFault(.protocolError, "unknown opcode")
    static let unmaskedFrame = PeerFault(.protocolError, "a client's frame is not masked")
    static let maskedFrame = PeerFault(.protocolError, "a server's frame is masked")
    static let controlFrameTooLong = PeerFault(.protocolError, "control frame with more than 125 bytes")
    static let fragmentedControlFrame = PeerFault(.protocolError, "fragmented control frame")
    static let lengthNotMinimal = PeerFault(.protocolError, "payload length not in its shortest form")
    static let lengthOutOfRange = PeerFault(.protocolError, "payload length with its top bit set")
    static let nothingToContinue = PeerFault(.protocolError, "continuation without a message to continue")
    static let messageUnfinished = PeerFault(.protocolError, "new message before the last fragment of another")
    static let messageTooBig = PeerFault(.messageTooBig, "message too big")
    static let tooManyFragments = PeerFault(.policyViolation, "too many fragments")
    static let inflatesTooMuch = PeerFault(.policyViolation, "a compressed message inflates too much")
    // RFC 6455 §7.4.1: the frame is sound, but its payload is not of the kind that the frame says. That is 1007.
    static let notDeflate = PeerFault(.invalidPayload, "a compressed message is not DEFLATE")
    // Not the peer's fault, but its message cannot be read without losing the window of all that follow.
    static let noMemoryToInflate = PeerFault(.internalError, "no memory to decompress a message")
    static let textNotUTF8 = PeerFault(.invalidPayload, "text is not UTF-8")
    static let closeReasonNotUTF8 = PeerFault(.invalidPayload, "close reason is not UTF-8")
    static let closePayloadTooShort = PeerFault(.protocolError, "close frame with half a code")
    static let closeCodeNotAllowed = PeerFault(.protocolError, "close code not allowed in a frame")
}

/// The opening handshake failed through the other end.
package struct OpeningFault: Error, Equatable {
    /// On the server: what the answer says. On the client: what the server's answer said, nil if that was no HTTP.
    package let status: HTTPStatus?
    /// For people and logs: printable ASCII, at most 100 bytes even where the peer chose it.
    package let reason: String

    package init(status: HTTPStatus?, reason: String) {
        self.status = status
        self.reason = reason
    }

    static func badRequest(_ reason: String) -> OpeningFault { OpeningFault(status: .badRequest, reason: reason) }
}

/// We called our own code wrongly: a bug to fix here. Never reaches the wire, and the connection is as it was before.
package enum Misuse: Error {
    /// The host is empty or has a byte that may not stand in a `Host` field.
    case badHost
    /// The path does not begin with `/` or has a byte that may not stand in a request line.
    case badPath
    /// An offered subprotocol is no token or is offered twice; or the one chosen was not offered.
    case badSubprotocol
    /// The opening request would be longer than `Limits.openingBytesMax`.
    case openingTooLong
    /// `accept` or `refuse` without an opening request that waits for its answer.
    case noOpeningToAnswer
    /// A refusal needs a status from 400 to 599.
    case badRefusalStatus
    /// The opening handshake is not done, or a close frame was sent or received.
    case notOpen
    /// A text message that is not UTF-8 (RFC 6455 §5.6).
    case textNotUTF8
    /// A ping with more than 125 bytes, or a close reason with more than 123 (RFC 6455 §5.5).
    case controlFrameTooLong
    /// A close code that may not stand in a frame.
    case badCloseCode
    /// Encoded frames are unmasked; a client must mask each frame anew (RFC 6455 §5.3).
    case sharedFrameFromClient
}
