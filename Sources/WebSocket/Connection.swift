/// One side of a WebSocket connection (RFC 6455), as a machine without I/O: bytes go in, events and bytes to write come
/// out. Pongs, close echoes and refusals put themselves into the output.
///
/// Do not copy one that compresses: copies would share the state of the compression.
package struct Connection {
    /// The subprotocol agreed on in the opening handshake, if any.
    package private(set) var subprotocol: String?
    /// How messages may be compressed, if that was agreed on (RFC 7692 §7.1).
    package var compression: DeflateParameters? { deflation?.parameters }

    enum State {
        case opening, open
        /// We sent a close frame and wait for the peer's.
        case closeSent
        case closed
    }

    // In an order that leaves no gaps: a program has ten thousand of these.
    var output = Output()
    /// Payloads of pings not answered yet, oldest first.
    var unansweredPings: [[UInt8]] = []
    /// Gives masking keys; set in clients only.
    let random: (@Sendable () -> UInt32)?
    /// Set until the connection is open.
    private var opening: Opening?
    /// Set once compression is agreed on.
    private(set) var deflation: MessageDeflation?
    private var reader: MessageReader
    package let side: Side
    var state: State
    private let pendingPongsMax: UInt16

    init(side: Side, _ opening: Opening, limits: Limits, random: (@Sendable () -> UInt32)?) {
        self.side = side
        self.opening = opening
        pendingPongsMax = UInt16(clamping: max(1, limits.pendingPongsMax))
        self.random = random
        state = .opening
        reader = MessageReader(side: side, limits: limits)
        output.append(opening.request)
    }

    /// True while messages, pings and a close may be sent.
    package var isOpen: Bool { state == .open }

    /// True after the last event, or after `refuse`: nothing more will come, what is received is dropped.
    package var isClosed: Bool { state == .closed }

    /// True while the peer owes us the rest of a frame or of a message. The driver bounds for how long.
    package var hasUnfinishedMessage: Bool { !isClosed && !reader.isIdle }

    /// Takes everything that is to be written to the transport, piece by piece and in order. A long payload is a piece of
    /// its own, the very array that was sent.
    package mutating func takeOutput(_ write: ([UInt8]) -> Void) {
        answerPings()
        output.take(write)
    }

    /// Feeds bytes read from the transport: advances `position` and returns the next event, nil once all are used. Act on
    /// each event before the next call, so that what it makes you send goes before the answer to what follows it, and
    /// write `takeOutput()` at the end. `bytes` is not kept. Bytes after a close frame are dropped (RFC 6455 §1.4), so
    /// calling this late is harmless.
    package mutating func next(in bytes: UnsafeRawBufferPointer, from position: inout Int) -> Event? {
        switch state {
        case .opening:
            return nextOfOpening(in: bytes, from: &position)
        case .open, .closeSent:
            return nextOfMessages(in: bytes, from: &position)
        case .closed:
            position = bytes.count
            return nil
        }
    }

    /// Call once `next` has returned nil: lets go of what only the rest of the same read could have used. Returns true
    /// while the peer owes us the rest of a frame or of a message. The driver bounds for how long.
    package mutating func endRead() -> Bool {
        reader.endRead()
        return hasUnfinishedMessage
    }

    /// The peer ended the transport, or it broke. Returns at most one event, and none if the last one was told.
    package mutating func transportEnded() -> [Event] {
        guard !isClosed else { return [] }
        end()
        // RFC 6455 §7.1.5: this code stands for "no close frame was received".
        return [.closed(code: .abnormal, reason: "the transport ended without a close frame", wasClean: false)]
    }

    private mutating func nextOfOpening(in bytes: UnsafeRawBufferPointer, from position: inout Int) -> Event? {
        guard let opening else { return nil }
        do throws(OpeningFault) {
            switch try opening.next(in: bytes, from: &position) {
            case .asked(let request):
                return .opening(request)
            case .agreed(let agreement):
                open(agreement.subprotocol, agreement.deflate, opening.deflate)
                return .opened
            case nil:
                return nil
            }
        } catch {
            output.append(opening.answer(to: error))
            end()
            return .refusedOpening(error)
        }
    }

    private mutating func open(
        _ subprotocol: String?, _ compression: DeflateParameters?, _ settings: DeflateSettings?
    ) {
        self.subprotocol = subprotocol
        state = .open
        opening = nil
        guard let settings, let compression else { return }
        deflation = MessageDeflation(settings, compression, from: side)
        reader.allowCompression(settings, compression)
    }

    private mutating func nextOfMessages(in bytes: UnsafeRawBufferPointer, from position: inout Int) -> Event? {
        do throws(PeerFault) {
            return switch try reader.next(in: bytes, from: &position) {
            case .message(let message): .message(message)
            case .control(let frame): handle(frame)
            case nil: nil
            }
        } catch {
            // RFC 6455 §7.1.7: say why, then process nothing more.
            if isOpen { queueClose(CloseFrame(code: error.closeCode, reason: error.reason)) }
            end()
            return .closed(code: error.closeCode, reason: error.reason, wasClean: false)
        }
    }

    private mutating func handle(_ frame: ControlFrame) -> Event {
        switch frame {
        case .ping(let payload):
            // RFC 6455 §5.5.3: the newest pings are enough. Behind a close frame of ours a pong would be dropped unread
            // (§1.4), so there is none.
            if isOpen {
                unansweredPings.append(payload)
                if unansweredPings.count > pendingPongsMax { unansweredPings.removeFirst() }
            }
            return .ping(payload)
        case .pong(let payload):
            return .pong(payload)
        case .close(let frame):
            // RFC 6455 §5.5.1: echo the code, unless we spoke first.
            if isOpen { queueClose(CloseFrame(code: frame.code, reason: "")) }
            end()
            return .closed(code: frame.code, reason: frame.reason, wasClean: true)
        }
    }

    /// Server: lets the client of `Event.opening` in; from now on the connection is open. `subprotocol` is one of those
    /// offered, or nil. Throws `Misuse.noOpeningToAnswer`, `.badSubprotocol`.
    package mutating func accept(subprotocol: String? = nil) throws(Misuse) {
        guard let opening, let request = opening.asked else { throw .noOpeningToAnswer }
        if let subprotocol {
            guard request.subprotocols.contains(subprotocol) else { throw .badSubprotocol }
        }
        let compression = opening.deflate?.answer(to: request.extensions)
        output.append(ServerHandshake.acceptance(of: request, subprotocol: subprotocol, deflate: compression))
        open(subprotocol, compression, opening.deflate)
    }

    /// Server: sends the client of `Event.opening` away with a text that people can read. Write the output and hang up;
    /// no event follows. Throws `Misuse.noOpeningToAnswer`, or `.badRefusalStatus` if the status is not 400 to 599.
    package mutating func refuse(_ status: HTTPStatus, reason: String) throws(Misuse) {
        guard opening?.asked != nil else { throw .noOpeningToAnswer }
        guard (400...599).contains(status.rawValue) else { throw .badRefusalStatus }
        output.append(ServerHandshake.refusal(status, reason: reason))
        end()
    }

    /// What the peer may send from now on, in place of `Limits.messageBytesMax`: more, once we know who it is.
    package mutating func limitMessages(to bytesMax: Int) { reader.limitMessages(to: bytesMax) }

    private mutating func end() {
        state = .closed
        opening = nil
    }
}
