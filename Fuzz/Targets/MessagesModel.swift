import WebSocket

/// What RFC 6455 and `Limits` ask of one side of an open connection, in the plainest words: everything received lies in
/// one array and is read again from its start whenever something is added.
struct MessagesModel {
    enum State { case open, closeSent, closed }

    let side: Side
    let limits: Limits
    private(set) var state = State.open
    /// What the connection has to have written since its output was taken last.
    private var output: [Sent] = []
    private var unansweredPings: [[UInt8]] = []
    /// Received and not used.
    private var wire: [UInt8] = []
    private var bytesReceived = 0
    /// Of the message under way.
    private var opcode: UInt8?
    private var payload: [UInt8] = []
    private var fragments = 0

    /// A frame of ours; `payload` is nil where a fault's close frame stands, whose reason is the connection's to word.
    struct Sent {
        let opcode: UInt8
        let payload: [UInt8]?
        var closeCode: CloseCode?
    }

    init(side: Side, limits: Limits) {
        self.side = side
        self.limits = limits
    }

    var hasUnfinishedMessage: Bool { state != .closed && (!wire.isEmpty || opcode != nil) }

    /// The most that the connection may hold of what it received and of what waits to be written.
    var heldBytesMax: Int {
        let written = output.reduce(0) { $0 + ($1.payload?.count ?? 125) + 14 }
        // Room grows fourfold at most, and for what is announced it is sixteen times what has come.
        return min(limits.messageBytesMax, 16 * bytesReceived)
            + 4 * (min(limits.messageBytesMax, bytesReceived) + written + 125 * unansweredPings.count)
    }

    mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        bytesReceived += bytes.count
        if state != .closed { wire += bytes }
    }

    /// The event that what was received makes next. A fault's reason is left open.
    mutating func next() -> Event? {
        while state != .closed {
            switch ReferenceFrame.read(wire[...], isMasked: side == .server) {
            case .incomplete: return nil
            case .wrong: return fault(.protocolError)
            case .frame(let frame) where frame.isControl:
                guard wire.count - frame.headerBytes >= frame.payloadBytes else { return nil }
                return control(frame, consume(frame))
            case .frame(let frame):
                if let code = faultOfHeader(frame) { return fault(code) }
                let soFar = payload + frame.payload(in: wire[...])
                let isText = frame.opcode == 1 || frame.opcode == 0 && opcode == 1
                if isText, !ReferenceText.isValidSoFar(soFar) { return fault(.invalidPayload) }
                guard wire.count - frame.headerBytes >= frame.payloadBytes else { return nil }
                opcode = frame.opcode == 0 ? opcode : frame.opcode
                _ = consume(frame)
                (payload, fragments) = (soFar, fragments + 1)
                guard frame.isFinal else { continue }
                if isText, !ReferenceText.isValid(soFar) { return fault(.invalidPayload) }
                (opcode, payload, fragments) = (nil, [], 0)
                return .message(isText ? .text(soFar) : .binary(soFar))
            }
        }
        return nil
    }

    /// §5.4 and the limits, all of which the header decides.
    private func faultOfHeader(_ frame: ReferenceFrame) -> CloseCode? {
        if (frame.opcode == 0) != (opcode != nil) { return .protocolError }
        if fragments + 1 > limits.fragmentsMax { return .policyViolation }
        return frame.payloadBytes > limits.messageBytesMax - payload.count ? .messageTooBig : nil
    }

    private mutating func consume(_ frame: ReferenceFrame) -> [UInt8] {
        defer { wire.removeFirst(frame.headerBytes + frame.payloadBytes) }
        return frame.payload(in: wire[...])
    }

    private mutating func control(_ frame: ReferenceFrame, _ payload: [UInt8]) -> Event {
        switch frame.opcode {
        case 9:
            if state == .open { unansweredPings = (unansweredPings + [payload]).suffix(max(1, limits.pendingPongsMax)) }
            return .ping(payload)
        case 10: return .pong(payload)
        default:
            // §5.5.1, §7.4: no payload, or a code that may stand there and a reason of UTF-8.
            guard payload.count != 1 else { return fault(.protocolError) }
            guard !payload.isEmpty else { return closed(nil, "") }
            let code = CloseCode(rawValue: UInt16(payload[0]) * 256 + UInt16(payload[1]))
            let mayStand = [1000...1003, 1007...1014, 3000...4999].contains { $0.contains(code.rawValue) }
            guard mayStand else { return fault(.protocolError) }
            let reason = Array(payload[2...])
            guard ReferenceText.isValid(reason) else { return fault(.invalidPayload) }
            return closed(code, String(decoding: reason, as: UTF8.self))
        }
    }

    private mutating func closed(_ code: CloseCode?, _ reason: String) -> Event {
        let echo = code.map { [UInt8($0.rawValue >> 8), UInt8($0.rawValue & 255)] } ?? []
        if state == .open { send(Sent(opcode: 8, payload: echo)) }
        end()
        return .closed(code: code, reason: reason, wasClean: true)
    }

    private mutating func fault(_ code: CloseCode) -> Event {
        if state == .open { send(Sent(opcode: 8, payload: nil, closeCode: code)) }
        end()
        return .closed(code: code, reason: "", wasClean: false)
    }

    /// Everything but pongs is sent by this: pongs go first, so that they keep their place.
    mutating func send(_ frame: Sent) {
        flushPings()
        output.append(frame)
    }

    private mutating func flushPings() {
        output += unansweredPings.map { Sent(opcode: 10, payload: $0) }
        unansweredPings = []
    }

    mutating func closeSent() { state = .closeSent }

    mutating func end() {
        state = .closed
        (wire, payload, opcode) = ([], [], nil)
    }

    mutating func takeOutput() -> [Sent] {
        flushPings()
        defer { output = [] }
        return output
    }
}
