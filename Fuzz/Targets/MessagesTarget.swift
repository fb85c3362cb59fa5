import WebSocket

/// `Connection` of both sides after the opening. The input chooses the side, the limits, the pieces, and a row of acts:
/// what the peer sends, right or wrong, and when it arrives; what we send meanwhile; when our output is taken.
///
/// The model says what each act must come to. All that we write is read by the other side of our own as well.
enum MessagesTarget {
    static func run(_ input: inout Input) {
        var play = MessagesPlay(&input)
        while !input.isEmpty { play.act(&input) }
        play.finish()
    }
}

private struct MessagesPlay {
    private let side: Side
    private var connection: Connection?
    private var model: MessagesModel
    private var peer: Connection
    private var chunking: Chunking
    /// On its way to us.
    private var wire: [UInt8] = []
    /// Whether the program answers each message and ping at once with one of its own.
    private let echoes: Bool
    private var keysUsed: UInt32 = 0
    private var hadLongPayload = false

    init(_ input: inout Input) {
        let choices = input.byte()
        side = choices & 1 == 0 ? .server : .client
        echoes = choices & 2 != 0
        chunking = Chunking(input.byte())
        let limits = OpenConnections.limits[Int(choices >> 2) % OpenConnections.limits.count]
        connection = OpenConnections.connection(side, limits: Int(choices >> 2) % OpenConnections.limits.count)
        peer = OpenConnections.connection(side == .server ? .client : .server, limits: 0)
        model = MessagesModel(side: side, limits: limits)
        CountedKeys.shared.restart()
    }

    mutating func act(_ input: inout Input) {
        let act = input.byte()
        switch act & 15 {
        // A frame of the peer's, with the mask bit that is right for it unless the act's top bit is set.
        case 0...4:
            let key: [UInt8]? = (side == .server) != (act & 0x80 != 0) ? [act, 1, 0, 0xAA] : nil
            let first: UInt8 = act & 0x40 != 0 ? input.byte() : [0x81, 0x82, 0x01, 0x80, 0x00][Int(act & 15)]
            wire += ReferenceFrame.written(first, payload(&input), key: key)
        case 5: wire += ReferenceFrame.written(act & 16 == 0 ? 0x89 : 0x8A, payload(&input), key: maskOfPeer)
        case 6: wire += ReferenceFrame.written(0x88, input.bytes(Int(act >> 4)), key: maskOfPeer)
        case 7: wire += input.bytes(1 + Int(act >> 4))
        case 8: deliver(min(wire.count, Int(input.byte())))
        case 9: deliver(wire.count)
        case 10: send(act & 16 == 0 ? .text(payload(&input)) : .binary(payload(&input)))
        case 11: sendShared(act & 16 == 0 ? .text(payload(&input)) : .binary(payload(&input)))
        case 12: ping(payload(&input))
        case 13: close(UInt16(input.byte()) << 8 | UInt16(input.byte()), payload(&input))
        case 14: takeOutput()
        default: if act & 0xF0 == 0xF0 { endTransport() }
        }
    }

    private var maskOfPeer: [UInt8]? { side == .server ? [0x37, 0xFA, 0x21, 0x3D] : nil }

    /// Up to 255 bytes of the input; 128 to 140 stand for lengths around the places where they change their form. One
    /// long payload an input is enough, as each takes the time of a hundred others.
    private mutating func payload(_ input: inout Input) -> [UInt8] {
        let length = Int(input.byte())
        guard (128...140).contains(length) else { return input.bytes(length) }
        let pattern = input.bytes(3)
        var count = [0, 1, 122, 123, 124, 125, 126, 127, 128, 65_535, 65_536, 1000, 1001][length - 128]
        if count > 1001, hadLongPayload { count = 200 }
        hadLongPayload = hadLongPayload || count > 1001
        return pattern.isEmpty ? [] : (0..<count).map { pattern[$0 % pattern.count] }
    }

    private mutating func deliver(_ count: Int) {
        let bytes = Array(wire.prefix(count))
        wire.removeFirst(count)
        var chunking = chunking
        chunking.feedSwiftly(bytes) { receive($0) }
        self.chunking = chunking
    }

    private mutating func receive(_ piece: UnsafeRawBufferPointer) {
        model.receive(piece)
        var position = 0
        while let event = connection?.next(in: piece, from: &position) {
            guard let expected = model.next() else { broken("an event that nothing made: \(event)") }
            if case .closed(let code, let reason, wasClean: false) = event {
                hold(expected == .closed(code: code, reason: "", wasClean: false), "\(event) instead of \(expected)")
                hold(reason.utf8.count <= 123 && reason.utf8.allSatisfy { (0x20...0x7E).contains($0) }, reason)
            } else {
                hold(event == expected, "\(event) instead of \(expected)")
            }
            checkState()
            guard echoes else { continue }
            if case .message(let message) = event { send(message) }
            if case .ping(let payload) = event { ping(payload) }
        }
        hold(position == piece.count, "bytes are left over")
        if let missing = model.next() { broken("nothing was told of \(missing)") }
        checkState()
    }

    private func checkState() {
        hold(connection?.isOpen == (model.state == .open), "isOpen is wrong")
        hold(connection?.isClosed == (model.state == .closed), "isClosed is wrong")
    }

    private mutating func send(_ message: Message) {
        let sent = Sent(message)
        let wrong = misuse { () throws(Misuse) in try connection?.send(message) }
        expect(wrong, sent.isSound ? nil : .textNotUTF8)
        if wrong == nil { model.send(MessagesModel.Sent(opcode: sent.opcode, payload: sent.payload)) }
    }

    private mutating func sendShared(_ message: Message) {
        let sent = Sent(message)
        let frame: EncodedFrame
        do throws(Misuse) {
            frame = try EncodedFrame(message)
        } catch { return hold(!sent.isSound && error == .textNotUTF8, "a frame is refused with \(error)") }
        hold(sent.isSound, "a text that is not UTF-8 is encoded")
        let wrong = misuse { () throws(Misuse) in try connection?.send(frame) }
        expect(wrong, side == .server ? nil : .sharedFrameFromClient)
        if wrong == nil { model.send(MessagesModel.Sent(opcode: sent.opcode, payload: sent.payload)) }
    }

    private mutating func ping(_ payload: [UInt8]) {
        let wrong = misuse { () throws(Misuse) in try connection?.send(ping: payload) }
        expect(wrong, payload.count > 125 ? .controlFrameTooLong : nil)
        if wrong == nil { model.send(MessagesModel.Sent(opcode: 9, payload: payload)) }
    }

    private mutating func close(_ number: UInt16, _ bytes: [UInt8]) {
        // Every other number has a meaning, or is near one that has.
        let code = CloseCode(rawValue: number & 1 == 0 ? number : 1000 + number >> 1 % 20)
        let reason = String(decoding: bytes, as: UTF8.self)
        let wrong = misuse { () throws(Misuse) in try connection?.close(code, reason: reason) }
        let mayStand = [1000...1003, 1007...1014, 3000...4999].contains { $0.contains(code.rawValue) }
        expect(wrong, !mayStand ? .badCloseCode : reason.utf8.count > 123 ? .controlFrameTooLong : nil)
        guard wrong == nil else { return }
        let payload = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 255)] + Array(reason.utf8)
        model.send(MessagesModel.Sent(opcode: 8, payload: payload))
        model.closeSent()
        checkState()
    }

    private func expect(_ wrong: Misuse?, _ expected: Misuse?) {
        let expected = model.state == .open ? expected : .notOpen
        hold(wrong == expected, "sending gives \(String(describing: wrong)), not \(String(describing: expected))")
    }

    private mutating func endTransport() {
        let events = connection?.transportEnded() ?? []
        if model.state == .closed { return hold(events == [], "the transport's end is told after the last event") }
        guard case .closed(.abnormal?, _, wasClean: false)? = events.first, events.count == 1 else {
            broken("the transport's end is told as \(events)")
        }
        model.end()
        checkState()
    }

    /// What we write is what the model says, and the other side of our own understands it.
    private mutating func takeOutput() {
        let output = connection?.takeOutput() ?? []
        hold(connection?.takeOutput() == [], "output is there twice")
        var rest = output[...]
        var events: [Event] = []
        for expected in model.takeOutput() {
            guard case .frame(let frame) = ReferenceFrame.read(rest, isMasked: side == .client), frame.isFinal else {
                broken("the output holds no frame where \(expected) is due")
            }
            let payload = frame.payload(in: rest)
            hold(frame.opcode == expected.opcode, "opcode \(frame.opcode) instead of \(expected.opcode)")
            if let key = frame.maskingKey {
                hold(key == CountedKeys.bytes(of: keysUsed), "a frame has no masking key of its own")
                keysUsed += 1
            }
            if let known = expected.payload {
                hold(payload == known, "a frame of opcode \(frame.opcode) holds something else")
            } else if let code = expected.closeCode?.rawValue {
                hold(payload.starts(with: [UInt8(code >> 8), UInt8(code & 255)]), "another close code than told")
            }
            rest = rest.dropFirst(frame.headerBytes + frame.payloadBytes)
            events.append(Sent.event(of: frame.opcode, payload))
        }
        hold(rest.isEmpty, "the output holds more than is due: \(Array(rest.prefix(20)))")
        hold(peer.receive(output) == events, "our other side reads something else")
        _ = peer.takeOutput()
    }

    mutating func finish() {
        deliver(wire.count)
        hold(connection?.hasUnfinishedMessage == model.hasUnfinishedMessage, "hasUnfinishedMessage is wrong")
        // What goes with the connection is what it held.
        let before = allocatedBytes()
        connection = nil
        let held = before - allocatedBytes()
        hold(held <= model.heldBytesMax + 2048, "\(held) bytes are held, at most \(model.heldBytesMax) are due")
    }
}

/// What a message should be on the wire.
private struct Sent {
    let opcode: UInt8
    let payload: [UInt8]
    let isSound: Bool

    init(_ message: Message) {
        switch message {
        case .text(let payload): (opcode, self.payload, isSound) = (1, payload, ReferenceText.isValid(payload))
        case .binary(let payload): (opcode, self.payload, isSound) = (2, payload, true)
        }
    }

    /// What the reader of such a frame is told.
    static func event(of opcode: UInt8, _ payload: [UInt8]) -> Event {
        switch opcode {
        case 1: .message(.text(payload))
        case 2: .message(.binary(payload))
        case 9: .ping(payload)
        case 10: .pong(payload)
        default:
            .closed(
                code: payload.count < 2 ? nil : CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1])),
                reason: String(decoding: payload.dropFirst(2), as: UTF8.self), wasClean: true)
        }
    }
}
