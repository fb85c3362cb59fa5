import Bytes

/// One side of a WebSocket connection (RFC 6455), as a machine without I/O: bytes go in, events and bytes to write come
/// out. Pongs, close echoes and refusals put themselves into the output.
package struct Connection: Sendable {
    package let side: Side
    /// The subprotocol agreed on in the opening handshake, if any.
    package private(set) var subprotocol: String?

    private enum State: Sendable {
        /// The head of the peer's half of the opening handshake is under way.
        case opening
        /// Server: the caller decides about the request. Indirect, because a connection lives longer than its opening.
        indirect case answering(OpeningRequest)
        case open
        /// We sent a close frame and wait for the peer's.
        case closeSent
        case closed
    }
    private var state: State
    private var output: [UInt8] = []
    /// Payloads of pings not answered yet, oldest first.
    private var unansweredPings: [[UInt8]] = []
    private var reader: MessageReader
    private var headReader: HTTPHeadReader
    /// Our half of the opening handshake; set in clients until they are open.
    private var handshake: ClientHandshake?
    /// Gives masking keys; set in clients only.
    private let random: (@Sendable () -> UInt32)?
    private let limits: Limits

    private init(side: Side, handshake: ClientHandshake?, limits: Limits, random: (@Sendable () -> UInt32)?) {
        self.side = side
        self.handshake = handshake
        self.limits = limits
        self.random = random
        state = .opening
        reader = MessageReader(side: side, limits: limits)
        headReader = HTTPHeadReader(limits: limits)
        output = handshake?.request ?? []
    }

    /// A connection that we dialled. The opening request is in the output at once. `host` is what the server is called,
    /// with its port unless that is the default one; `path` begins with `/`. `random` gives masking keys, which must be
    /// unpredictable (RFC 6455 §5.3, §10.3); by default they come from the kernel.
    /// Throws `Misuse.badHost`, `.badPath`, `.badSubprotocol`, `.openingTooLong`.
    package static func client(
        host: String, path: String, subprotocols: [String] = [], limits: Limits = Limits(),
        random: @escaping @Sendable () -> UInt32 = { .random(in: .min ... .max) }
    ) throws(Misuse) -> Connection {
        var nonce: [UInt8] = []
        for _ in 0..<4 { nonce.appendBigEndian(random()) }
        let handshake = try ClientHandshake(
            host: host, path: path, subprotocols: subprotocols, nonce: nonce, requestBytesMax: limits.openingBytesMax)
        return Connection(side: .client, handshake: handshake, limits: limits, random: random)
    }

    /// A connection that we accepted and on which nothing was read yet.
    package static func server(limits: Limits = Limits()) -> Connection {
        Connection(side: .server, handshake: nil, limits: limits, random: nil)
    }

    /// True while messages, pings and a close may be sent.
    package var isOpen: Bool { if case .open = state { true } else { false } }

    /// True after the last event, or after `refuse`: nothing more will come, what is received is dropped.
    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// True while the peer owes us the rest of a frame or of a message. The driver bounds for how long.
    package var hasUnfinishedMessage: Bool { !isClosed && !reader.isIdle }

    private var isClosing: Bool { if case .closeSent = state { true } else { false } }

    /// Takes everything that is to be written to the transport, in order.
    package mutating func takeOutput() -> [UInt8] {
        answerPings()
        defer { output = [] }
        return output
    }

    /// Feeds bytes read from the transport. Afterwards write `takeOutput()`, then act on the events.
    /// Bytes after a close frame are dropped (RFC 6455 §1.4), so calling this late is harmless.
    package mutating func receive(_ bytes: [UInt8]) -> [Event] { bytes.withUnsafeBytes { receive($0) } }

    /// The same; `bytes` is not kept.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer) -> [Event] {
        var events: [Event] = []
        do throws(OpeningFault) {
            let openingBytes = try receiveOpening(bytes, &events)
            receiveFrames(UnsafeRawBufferPointer(rebasing: bytes[openingBytes...]), &events)
        } catch {
            if side == .server, let status = error.status {
                output += ServerHandshake.refusal(status, reason: error.reason)
            }
            state = .closed
            events.append(.refusedOpening(error))
        }
        return events
    }

    /// The peer ended the transport, or it broke. Returns at most one event, and none if the last one was told.
    package mutating func transportEnded() -> [Event] {
        guard !isClosed else { return [] }
        state = .closed
        // RFC 6455 §7.1.5: this code stands for "no close frame was received".
        return [.closed(code: .abnormal, reason: "the transport ended without a close frame", wasClean: false)]
    }

    /// Returns how many of `bytes` belong to the opening handshake.
    private mutating func receiveOpening(
        _ bytes: UnsafeRawBufferPointer, _ events: inout [Event]
    ) throws(OpeningFault) -> Int {
        switch state {
        case .opening:
            guard let headBytes = try receiveHead(bytes) else { return bytes.count }
            if let handshake {
                subprotocol = try handshake.check(headReader.takeHead())
                self.handshake = nil
                state = .open
                events.append(.opened)
            } else {
                let request = try ServerHandshake.check(headReader.takeHead())
                // RFC 6455 §4.1: the client waits for the answer. What comes with its request may be a second request
                // that a proxy on the way did not see.
                guard headBytes == bytes.count else { throw .bytesBeforeAnswer }
                state = .answering(request)
                events.append(.opening(request))
            }
            return headBytes
        case .answering:
            guard bytes.isEmpty else { throw .bytesBeforeAnswer }
            return 0
        case .open, .closeSent, .closed:
            return 0
        }
    }

    private mutating func receiveHead(_ bytes: UnsafeRawBufferPointer) throws(OpeningFault) -> Int? {
        do throws(OpeningFault) {
            return try headReader.receive(bytes)
        } catch {
            throw side == .client ? error.withoutStatus : error
        }
    }

    private mutating func receiveFrames(_ bytes: UnsafeRawBufferPointer, _ events: inout [Event]) {
        var position = 0
        do throws(PeerFault) {
            while isOpen || isClosing, let incoming = try reader.next(in: bytes, from: &position) {
                events.append(handle(incoming))
            }
        } catch {
            // RFC 6455 §7.1.7: say why, then process nothing more.
            if isOpen { queueClose(CloseFrame(code: error.closeCode, reason: error.reason)) }
            state = .closed
            events.append(.closed(code: error.closeCode, reason: error.reason, wasClean: false))
        }
    }

    private mutating func handle(_ incoming: Incoming) -> Event {
        switch incoming {
        case .message(let message):
            return .message(message)
        case .ping(let payload):
            // RFC 6455 §5.5.3: the newest pings are enough.
            if isOpen {
                unansweredPings.append(payload)
                if unansweredPings.count > max(1, limits.pendingPongsMax) { unansweredPings.removeFirst() }
            }
            return .ping(payload)
        case .pong(let payload):
            return .pong(payload)
        case .close(let frame):
            // RFC 6455 §5.5.1: echo the code, unless we spoke first.
            if isOpen { queueClose(CloseFrame(code: frame.code, reason: "")) }
            state = .closed
            return .closed(code: frame.code, reason: frame.reason, wasClean: true)
        }
    }

    /// Server: lets the client of `Event.opening` in; from now on the connection is open. `subprotocol` is one of those
    /// offered, or nil. Throws `Misuse.noOpeningToAnswer`, `.badSubprotocol`.
    package mutating func accept(subprotocol: String? = nil) throws(Misuse) {
        guard case .answering(let request) = state else { throw .noOpeningToAnswer }
        if let subprotocol {
            guard request.subprotocols.contains(subprotocol) else { throw .badSubprotocol }
        }
        output += ServerHandshake.acceptance(of: request, subprotocol: subprotocol)
        self.subprotocol = subprotocol
        state = .open
    }

    /// Server: sends the client of `Event.opening` away with a text that people can read. Write the output and hang up;
    /// no event follows. Throws `Misuse.noOpeningToAnswer`, or `.badRefusalStatus` if the status is not 400 to 599.
    package mutating func refuse(_ status: HTTPStatus, reason: String) throws(Misuse) {
        guard case .answering = state else { throw .noOpeningToAnswer }
        guard (400...599).contains(status.rawValue) else { throw .badRefusalStatus }
        output += ServerHandshake.refusal(status, reason: reason)
        state = .closed
    }

    /// Queues a message as one frame. Throws `Misuse.notOpen`, `.textNotUTF8`.
    package mutating func send(_ message: Message) throws(Misuse) {
        guard isOpen else { throw .notOpen }
        try message.checkText()
        queue(message.opcode, message.payload)
    }

    /// Server: queues a frame that is shared with other readers. Throws `Misuse.notOpen`, `.sharedFrameFromClient`.
    package mutating func send(_ frame: EncodedFrame) throws(Misuse) {
        guard isOpen else { throw .notOpen }
        guard side == .server else { throw .sharedFrameFromClient }
        output += frame.bytes
    }

    /// Queues a ping with at most 125 bytes, which the peer's pong repeats. Throws `Misuse.notOpen`,
    /// `.controlFrameTooLong`.
    package mutating func send(ping payload: [UInt8]) throws(Misuse) {
        guard isOpen else { throw .notOpen }
        guard payload.count <= FrameHeader.controlPayloadBytesMax else { throw .controlFrameTooLong }
        queue(.ping, payload)
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

    private mutating func queue(_ opcode: Opcode, _ payload: [UInt8]) {
        // RFC 6455 §5.3: each frame of a client has a fresh key.
        FrameEncoder.append(opcode, payload, maskingKey: random.map { MaskingKey($0()) }, to: &output)
    }

    private mutating func queueClose(_ frame: CloseFrame) {
        // RFC 6455 §5.5.1: nothing follows a close frame, so pongs go first.
        answerPings()
        queue(.close, frame.payload)
    }

    private mutating func answerPings() {
        for payload in unansweredPings { queue(.pong, payload) }
        unansweredPings = []
    }
}
