package import Bytes
package import Net
package import WebSocket

/// One WebSocket connection: a stream, and the machine that speaks the protocol on it. Lives on the stream's loop; keep
/// it while it is used, for neither loop nor stream does.
///
/// It watches over the handshakes and over messages that do not end. Whether a silent peer still lives is the caller's
/// question: look at `lastReceived`, `ping`, and `drop` one that stays silent.
package final class Endpoint: StreamHandler {
    /// Not kept alive by the endpoint, unless it is hearing what one read brought; all of that goes to one handler.
    package weak var handler: (any EndpointHandler)?
    package let stream: Stream
    /// The handler's own: where it keeps what belongs to this endpoint.
    package var place = 0
    /// When bytes last arrived, of whatever kind.
    package var lastReceived: Instant { stream.lastReceived }
    /// True while messages may be sent.
    package var isOpen: Bool { connection.isOpen && !isEnded }
    /// The subprotocol agreed on, if any.
    package var subprotocol: String? { connection.subprotocol }
    /// How messages may be compressed, if that was agreed on.
    package var compression: DeflateParameters? { connection.compression }

    // In an order that leaves no gaps: a program has ten thousand of these.
    private var connection: Connection
    private var hasOpened = false
    /// What is sent meanwhile leaves when all that was read has been told.
    private var isReceiving = false
    /// Set by `drop`; what a handler still would hear is the end.
    var isDropped = false
    /// The handler heard the end.
    private var isEnded = false
    let timeouts: Timeouts
    /// Runs during a handshake.
    var handshakeTimer = TimerID.none
    /// Runs while a message is unfinished.
    var messageTimer = TimerID.none
    var messageBegan: Instant?

    /// `connection` is at its beginning.
    init(_ stream: Stream, _ connection: Connection, _ timeouts: Timeouts) {
        self.stream = stream
        self.connection = connection
        self.timeouts = timeouts
        stream.handler = self
    }

    /// An endpoint that nobody holds can tell nobody anything.
    deinit {
        cancelTimers()
        if !isEnded { stream.close(.local("abandoned")) }
    }

    // MARK: What the caller does

    /// Server: lets the client in; the endpoint is open when this returns. `subprotocol` is one of those offered. Throws
    /// `Misuse` if no request waits for an answer.
    package func accept(subprotocol: String? = nil) throws(Misuse) {
        try connection.accept(subprotocol: subprotocol)
        hasOpened = true
        limitHandshake(to: nil)
        writeOutput()
    }

    /// Server: sends the client away. Throws `Misuse` if no request waits for an answer.
    package func refuse(_ status: HTTPStatus, reason: String) throws(Misuse) {
        try connection.refuse(status, reason: reason)
        hangUp(.local("refused: \(reason)"))
    }

    /// Sends a message, together with all else that is sent in this turn. Too much waiting loses the connection as a
    /// slow consumer.
    @discardableResult
    package func send(_ message: Message) -> Admission {
        guard !isEnded else { return .closed }
        do throws(Misuse) { return admit(waiting: try connection.send(message)) } catch { return refuse(error) }
    }

    /// Sends a text message; the bytes are UTF-8.
    @discardableResult
    package func send(text: [UInt8]) -> Admission { send(.text(text)) }

    /// Server: sends a message that was encoded once for many readers; they share its bytes.
    @discardableResult
    package func send(_ frame: EncodedFrame) -> Admission {
        guard !isEnded else { return .closed }
        do throws(Misuse) { return admit(waiting: try connection.send(frame)) } catch { return refuse(error) }
    }

    /// Sends a ping with at most 125 bytes, which the peer's pong repeats.
    @discardableResult
    package func ping(_ payload: [UInt8] = []) -> Admission {
        guard !isEnded else { return .closed }
        do throws(Misuse) { return admit(waiting: try connection.send(ping: payload)) } catch { return refuse(error) }
    }

    /// What the peer may send from now on, in place of `Limits.messageBytesMax`.
    package func limitMessages(to bytesMax: Int) { connection.limitMessages(to: bytesMax) }

    /// Starts the closing handshake; messages of the peer may still come, and `endpointClosed` follows. `reason` has at
    /// most 123 bytes. Before the endpoint is open it drops it.
    package func close(_ code: CloseCode, reason: String = "") {
        guard !isEnded, !connection.isClosed else { return }
        guard connection.isOpen else {
            // A second call while the first waits for its answer changes nothing.
            return hasOpened ? () : drop(.local(reason.isEmpty ? "closed" : reason))
        }
        do throws(Misuse) {
            try connection.close(code, reason: reason)
            limitHandshake(to: timeouts.closingDurationMax)
            if !isReceiving { writeOutput() }
        } catch { refuse(error) }
    }

    /// Cuts the connection without a word, for a peer that would not hear it. `endpointClosed` follows.
    package func drop(_ reason: CloseReason) {
        isDropped = true
        stream.close(reason)
    }

    /// What is sent while we hear what one read brought leaves when all of it has been told, unless it becomes much.
    private func admit(waiting bytes: Int) -> Admission {
        guard isReceiving, bytes < Endpoint.heldBytesMax else { return writeOutput() }
        return stream.isBackedUp ? .aboveHighWater : .queued
    }

    @discardableResult
    private func refuse(_ misuse: Misuse) -> Admission {
        guard misuse != .notOpen else { return .closed }
        // A bug of ours, such as text that is not UTF-8. The peer is told that it is not its fault; it dials again.
        try? connection.close(.internalError)
        limitHandshake(to: timeouts.closingDurationMax)
        writeOutput()
        return .closed
    }

    @discardableResult
    private func writeOutput() -> Admission {
        var admission = stream.isBackedUp ? Admission.aboveHighWater : .queued
        connection.takeOutput { admission = stream.write($0) }
        return admission
    }

    // MARK: What the stream tells

    package func streamOpened(_ stream: Stream) {
        limitHandshake(to: timeouts.openingDurationMax)
        writeOutput()
    }

    package func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        var position = 0
        var endsMessage = false
        isReceiving = true
        // Once and not for each message: a weak reference costs as much as all else that is done for a short one.
        let handler = handler
        while !isDropped, let event = connection.next(in: bytes, from: &position) {
            if case .message = event { endsMessage = true }
            tell(event, to: handler)
        }
        isReceiving = false
        writeOutput()
        watchMessage(isUnfinished: connection.endRead(), isAnother: endsMessage)
    }

    package func streamDrained(_ stream: Stream) { handler?.endpointDrained(self) }

    package func streamClosed(_ stream: Stream, reason: CloseReason) {
        _ = connection.transportEnded()
        end(hasOpened ? .lost(reason) : .notOpened(reason))
    }

    private func tell(_ event: consuming Event, to handler: (any EndpointHandler)?) {
        switch event {
        case .opening(let request): handler?.endpoint(self, asked: request)
        case .opened:
            hasOpened = true
            limitHandshake(to: nil)
            handler?.endpointOpened(self)
        case .message(let message): handler?.endpoint(self, received: message)
        case .ping(let payload): handler?.endpoint(self, pinged: payload)
        case .pong(let payload): handler?.endpoint(self, ponged: payload)
        case .refusedOpening(let fault):
            hangUp(.local("opening handshake failed: \(fault.reason)"))
            end(.refused(fault))
        case .closed(let code, let reason, let wasClean):
            hangUp(.local("closed \(code.map { String($0.rawValue) } ?? "without a code")"), wasClean: wasClean)
            end(.closed(code: code, reason: reason, wasClean: wasClean))
        }
    }

    /// RFC 6455 §7.1.1: after clean closing the server ends the transport, and a client gives it time to. The stream
    /// does that without us.
    private func hangUp(_ reason: CloseReason, wasClean: Bool = false) {
        cancelTimers()
        writeOutput()
        let finishesFirst = connection.side == .server || !wasClean
        stream.closeAfterFlush(within: timeouts.closingDurationMax, reason: reason, finishesFirst: finishesFirst)
    }

    private func end(_ ending: Ending) {
        guard !isEnded else { return }
        isEnded = true
        cancelTimers()
        handler?.endpointClosed(self, ending)
        handler = nil
    }

    /// Of the answers to one read, so that backpressure is noticed.
    private static let heldBytesMax = 64 << 10
}
