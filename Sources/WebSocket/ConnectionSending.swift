/// What we say, once the connection is open.
extension Connection {
    /// Queues a message as one frame, compressed where that was agreed on and pays. Returns how many bytes wait for
    /// `takeOutput`, as all that sends does. Throws `Misuse.notOpen`, `.textNotUTF8`.
    @discardableResult
    package mutating func send(_ message: Message) throws(Misuse) -> Int {
        guard isOpen else { throw .notOpen }
        try message.checkText()
        answerPings()
        if let compressed = deflation?.deflate(message.payload) {
            queue(message.opcode, compressed, isCompressed: true)
        } else {
            queue(message.opcode, message.payload)
        }
        return output.byteCount
    }

    /// Server: queues a frame that is shared with other readers. Throws `Misuse.notOpen`, `.sharedFrameFromClient`.
    @discardableResult
    package mutating func send(_ frame: EncodedFrame) throws(Misuse) -> Int {
        guard isOpen else { throw .notOpen }
        guard side == .server else { throw .sharedFrameFromClient }
        answerPings()
        output.append(frame.bytes)
        return output.byteCount
    }

    /// Queues a ping with at most 125 bytes, which the peer's pong repeats. Throws `Misuse.notOpen`,
    /// `.controlFrameTooLong`.
    @discardableResult
    package mutating func send(ping payload: [UInt8]) throws(Misuse) -> Int {
        guard isOpen else { throw .notOpen }
        guard payload.count <= FrameHeader.controlPayloadBytesMax else { throw .controlFrameTooLong }
        answerPings()
        queue(.ping, payload)
        return output.byteCount
    }

    /// Starts the closing handshake (RFC 6455 §7.1.2). Messages of the peer may still come; `Event.closed` follows when it
    /// answers. `reason` has at most 123 bytes. Throws `Misuse.notOpen`, `.badCloseCode`, `.controlFrameTooLong`.
    package mutating func close(_ code: CloseCode, reason: String = "") throws(Misuse) {
        guard isOpen else { throw .notOpen }
        guard code.isValidOnTheWire else { throw .badCloseCode }
        guard reason.utf8.count <= CloseFrame.reasonBytesMax else { throw .controlFrameTooLong }
        queueClose(CloseFrame(code: code, reason: reason))
        state = .closeSent
    }

    // Inlined into `send(_:)` it stops the compiler (Swift 6.3) with an ownership error of its own making.
    @inline(never)
    private mutating func queue(_ opcode: Opcode, _ payload: [UInt8], isCompressed: Bool = false) {
        // RFC 6455 §5.3: each frame of a client has a fresh key.
        output.append(opcode, payload, isCompressed: isCompressed, maskingKey: random.map { MaskingKey($0()) })
    }

    mutating func queueClose(_ frame: CloseFrame) {
        // RFC 6455 §1.4: whatever follows a close frame is dropped, so pongs go first.
        answerPings()
        queue(.close, frame.payload)
    }

    /// Before anything else is sent, so that pongs keep their place among the answers to what the peer sent.
    @inline(__always)
    mutating func answerPings() {
        guard !unansweredPings.isEmpty else { return }
        for payload in unansweredPings { queue(.pong, payload) }
        unansweredPings = []
    }
}
