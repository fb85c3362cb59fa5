import Bytes
import Deflate
import WebSocket

/// One side of ours, opened with whatever parameters the other end wrote, and what that end then sends.
struct InflateVisitor {
    private let side: Side
    private let settings: DeflateSettings
    private let limits: Limits
    private var connection: Connection?
    private var chunking: Chunking
    /// How the reference reads what the other end sends, and what we send.
    private var incoming: ReferenceInflate
    private var outgoing: ReferenceInflate
    private let incomingKeepsContext: Bool
    private let outgoingKeepsContext: Bool
    private let incomingWindowBits: Int
    private var before: [UInt8] = []

    /// nil if nothing was agreed on: the connection then does without compression, or there is none.
    init?(_ input: inout Input) {
        side = input.flag() ? .client : .server
        settings = InflateTarget.settings(&input)
        var limits = Limits()
        limits.messageBytesMax = input.choice(of: [512 << 10, 100, 20_000, 70_000])
        self.limits = limits
        chunking = Chunking(input.byte())
        guard let connection = InflateVisitor.open(side, settings, limits, &input) else { return nil }
        guard let agreed = connection.compression else { return nil }
        let peer: Side = side == .server ? .client : .server
        let (theirs, ours) = (InflateTarget.direction(agreed, from: peer), InflateTarget.direction(agreed, from: side))
        (incomingKeepsContext, incomingWindowBits) = (theirs.keepsContext, theirs.windowBits)
        outgoingKeepsContext = ours.keepsContext
        incoming = ReferenceInflate(windowBits: theirs.windowBits)
        outgoing = ReferenceInflate(windowBits: ours.windowBits)
        self.connection = connection
    }

    private static func open(
        _ side: Side, _ settings: DeflateSettings, _ limits: Limits, _ input: inout Input
    ) -> Connection? {
        let (choices, windows) = (input.byte(), input.byte())
        var element = "permessage-deflate"
        if choices & 1 != 0 { element += "; server_no_context_takeover" }
        if choices & 2 != 0 { element += "; client_no_context_takeover" }
        if choices & 4 != 0 { element += "; server_max_window_bits=\(8 + windows & 7)" }
        if choices & 8 != 0 { element += "; client_max_window_bits=\(8 + windows >> 3 & 7)" }
        if choices & 16 != 0, side == .server {
            element = "unknown, \(element); x, permessage-deflate; client_max_window_bits"
        }
        do throws(Misuse) {
            switch side {
            case .server:
                var server = Connection.server(limits: limits, deflate: settings)
                let events = server.receive(
                    head([
                        "GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13",
                        "Sec-WebSocket-Extensions: \(element)",
                    ]))
                hold(events.count == 1, "an opening request gives \(events)")
                try server.accept()
                _ = server.takeOutput()
                return server
            case .client:
                var client = try Connection.client(
                    host: "h", path: "/", limits: limits, deflate: settings, random: { 0 })
                _ = client.takeOutput()
                let events = client.receive(
                    head([
                        "HTTP/1.1 101 x", "Upgrade: websocket", "Connection: Upgrade",
                        "Sec-WebSocket-Accept: \(HandshakeClient.acceptKey)", "Sec-WebSocket-Extensions: \(element)",
                    ]))
                return events == [.opened] ? client : nil
            }
        } catch { broken("our side does not open: \(error)") }
    }

    private static func head(_ lines: [String]) -> [UInt8] {
        Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    mutating func run(_ input: inout Input) {
        for _ in 0..<InflateTarget.messagesMax where !input.isEmpty && connection?.isClosed == false { act(&input) }
        // What goes with the connection is what it held: between two messages zlib's state, where contexts are kept.
        guard connection?.isOpen == true else { return }
        let kept = 64 << 10 + (outgoingKeepsContext ? 300 << 10 : 0)
        let before = allocatedBytes()
        connection = nil
        let held = before - allocatedBytes()
        hold(
            held <= (incomingKeepsContext || outgoingKeepsContext ? kept : 4096),
            "\(held) bytes are held between messages")
    }

    private mutating func act(_ input: inout Input) {
        let act = input.byte()
        let payload = InflateTarget.payload(&input, before: before)
        before = payload.count > 40_000 ? [] : payload
        if act & 0xC0 == 0xC0 {
            send(payload)
        } else {
            let compressed = DeflateWriter.message(&input, payload, windowBits: incomingWindowBits)
            receive(compressed, isText: act & 1 != 0, fragments: 1 + Int(act >> 1 & 15), pings: act & 32 != 0)
        }
    }

    private mutating func send(_ payload: [UInt8]) {
        let wrong = misuse { () throws(Misuse) in try connection?.send(.binary(payload)) }
        hold(wrong == nil, "sending is refused: \(String(describing: wrong))")
        let output = connection?.takeOutput() ?? []
        let meant = InflateTarget.message(
            in: output, isMasked: side == .client, by: &outgoing, keepsContext: outgoingKeepsContext)
        hold(meant == payload, "the message on the wire is another one")
    }

    /// `pings` puts one behind each fragment but the last.
    private mutating func receive(_ compressed: [UInt8], isText: Bool, fragments: Int, pings: Bool) {
        let key: [UInt8]? = side == .server ? [1, 2, 3, 4] : nil
        var (wire, rest): ([UInt8], ArraySlice<UInt8>) = ([], compressed[...])
        for number in (0..<fragments).reversed() {
            let part = Array(rest.prefix(number == 0 ? .max : max(1, compressed.count / fragments)))
            rest = rest.dropFirst(part.count)
            let opcode: UInt8 = number < fragments - 1 ? 0 : isText ? 0x41 : 0x42
            wire += ReferenceFrame.written((number == 0 ? 0x80 : 0) | opcode, part, key: key)
            if pings, number > 0 { wire += ReferenceFrame.written(0x89, [7], key: key) }
        }
        let outcome = incoming.message(
            compressed, bytesMax: limits.messageBytesMax, keepsContext: incomingKeepsContext)
        var events: [Event] = []
        chunking.feedSwiftly(wire) { piece in
            var position = 0
            while let event = connection?.next(in: piece, from: &position) { events.append(event) }
        }
        guard let event = events.popLast() else { broken("nothing comes of a message") }
        hold(events.allSatisfy { $0 == .ping([7]) } && events.count < fragments, "\(events) come before a message")
        judge(event, outcome, compressed.count, isText: isText)
        if case .message = event { hold(events.count == (pings ? fragments - 1 : 0), "a ping was lost") }
        checkOutput(after: event, hadPings: !events.isEmpty)
    }

    /// What the connection made of a message against what the reference made of it.
    private mutating func judge(_ event: Event, _ outcome: ReferenceInflate.Outcome, _ wireBytes: Int, isText: Bool) {
        // More than this is refused by the headers.
        let isTooLong = wireBytes > limits.messageBytesMax + limits.messageBytesMax / 256 + 64
        let mayBeTooMuch = incoming.bytesMade > settings.freeBytesMax
        switch event {
        case .message(let message):
            let (payload, arrivesAsText): ([UInt8], Bool) =
                switch message {
                case .text(let bytes): (bytes, true)
                case .binary(let bytes): (bytes, false)
                }
            hold(arrivesAsText == isText, "text became binary, or binary text")
            hold(outcome == .message(payload), "another message than the reference reads")
            hold(payload.count <= limits.messageBytesMax && !isTooLong, "a message of \(payload.count) bytes passed")
            let most = max(settings.freeBytesMax, settings.ratioMax * (wireBytes + 4))
            hold(payload.count <= most, "\(wireBytes) bytes became \(payload.count)")
            hold(!isText || ReferenceText.isValid(payload), "text that is not UTF-8 passed")
        case .closed(.messageTooBig?, _, wasClean: false):
            hold(isTooLong || outcome == .tooLong, "1009 for \(wireBytes) bytes that become \(incoming.bytesMade)")
        case .closed(.policyViolation?, _, wasClean: false):
            hold(mayBeTooMuch, "1008 for a message of \(incoming.bytesMade) bytes")
        case .closed(.invalidPayload?, _, wasClean: false):
            let isWrongText = isText && !ReferenceText.isValid(incoming.made)
            hold(outcome == .notDeflate || isWrongText || incoming.lookedTooFar, "a sound message was refused")
        default: broken("a compressed message gives \(event)")
        }
    }

    private mutating func checkOutput(after event: Event, hadPings: Bool) {
        var output = connection?.takeOutput() ?? []
        if hadPings {
            guard case .frame(let pong) = ReferenceFrame.read(output[...], isMasked: side == .client) else {
                broken("pings are not answered")
            }
            hold(pong.opcode == 10 && pong.payload(in: output[...]) == [7], "a pong holds something else")
            output.removeFirst(pong.headerBytes + pong.payloadBytes)
        }
        guard case .closed(let code?, _, wasClean: false) = event else {
            return hold(output == [], "output for a message")
        }
        guard case .frame(let frame) = ReferenceFrame.read(output[...], isMasked: side == .client), frame.opcode == 8,
            output.count == frame.headerBytes + frame.payloadBytes
        else { broken("a fault is not answered by a close frame") }
        let number = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 255)]
        hold(frame.payload(in: output[...]).starts(with: number), "another close code than told")
        hold(connection?.isClosed == true, "a fault leaves the connection open")
    }
}
