import Deflate
import WebSocket

/// permessage-deflate of both sides. The input chooses all settings and parameters, the pieces, and either what two
/// sides of our own send each other, or what somebody sends us who knows the format well and means no good.
enum InflateTarget {
    static func run(_ input: inout Input) {
        if input.flag() {
            var pair = InflatePair(&input)
            for _ in 0..<messagesMax where !input.isEmpty { pair.act(&input) }
        } else {
            var visitor = InflateVisitor(&input)
            visitor?.run(&input)
        }
    }

    /// In one input; it keeps the inputs quick.
    static let messagesMax = 12

    static func settings(_ input: inout Input) -> DeflateSettings {
        let (choices, windows) = (input.byte(), input.byte())
        var settings = DeflateSettings(library: Zlib())
        settings.serverKeepsContext = choices & 1 != 0
        settings.clientKeepsContext = choices & 2 != 0
        settings.messageBytesMin = choices & 4 != 0 ? 0 : 32
        settings.serverWindowBitsMax = 8 + Int(windows & 7)
        settings.clientWindowBitsMax = 8 + Int(windows >> 3 & 7)
        settings.ratioMax = [2000, 250, 2, 2000][Int(choices >> 4) & 3]
        settings.freeBytesMax = [64 << 10, 0, 300, 64 << 10][Int(choices >> 6)]
        return settings
    }

    /// A message's payload of one of the kinds that matter: as it stands, again and again, hardly to be compressed, or
    /// what was there before.
    static func payload(_ input: inout Input, before: [UInt8]) -> [UInt8] {
        let (kind, size) = (input.byte(), Int(input.byte()))
        let length = kind >= 0xF8 ? size << 6 : size << (Int(kind >> 3) & 3)
        let pattern = input.bytes(kind & 7 == 0 ? size : Int(kind & 7))
        if pattern.isEmpty { return before }
        switch kind & 3 {
        case 0: return pattern
        case 1: return before + pattern
        case 2: return (0..<length).map { pattern[$0 % pattern.count] }
        default:
            var state = UInt64(pattern[0])
            return (0..<length).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
        }
    }

    static func direction(_ parameters: DeflateParameters, from side: Side) -> (windowBits: Int, keepsContext: Bool) {
        switch side {
        case .server: (parameters.serverMaxWindowBits ?? 15, !parameters.serverNoContextTakeover)
        case .client: (parameters.clientMaxWindowBits ?? 15, !parameters.clientNoContextTakeover)
        }
    }

    /// Reads the one frame that `output` is, as the reference does, and returns the message in it.
    static func message(
        in output: [UInt8], isMasked: Bool, by reference: inout ReferenceInflate, keepsContext: Bool
    ) -> [UInt8] {
        let reading = ReferenceFrame.read(output[...], isMasked: isMasked, mayCompress: true)
        guard case .frame(let frame) = reading, frame.isFinal, output.count == frame.headerBytes + frame.payloadBytes
        else {
            broken("a message is not written as one frame")
        }
        let payload = frame.payload(in: output[...])
        guard frame.isCompressed else { return payload }
        guard case .message(let message) = reference.message(payload, bytesMax: 1 << 20, keepsContext: keepsContext)
        else {
            broken("what we compress is not DEFLATE")
        }
        hold(!reference.lookedTooFar, "what we compress looks back farther than was agreed")
        hold(keepsContext || payload.count < message.count, "a message was compressed that grew by it")
        return message
    }
}

/// Two sides of our own.
private struct InflatePair {
    private struct End {
        var connection: Connection
        /// How the reference reads what this end sends.
        var reference: ReferenceInflate
        let keepsContext: Bool
    }

    /// The client and the server.
    private var ends: [End]
    private var chunking: Chunking
    private var before: [UInt8] = []

    init(_ input: inout Input) {
        let (clientSettings, serverSettings) = (InflateTarget.settings(&input), InflateTarget.settings(&input))
        chunking = Chunking(input.byte())
        var server = Connection.server(deflate: InflatePair.lenient(serverSettings))
        var client: Connection
        do throws(Misuse) {
            client = try Connection.client(
                host: "h", path: "/", deflate: InflatePair.lenient(clientSettings), random: { 0x37FA_213D })
            _ = server.receive(client.takeOutput())
            try server.accept()
        } catch { broken("our sides do not open: \(error)") }
        hold(client.receive(server.takeOutput()) == [.opened], "our sides do not agree")
        guard let atServer = server.compression, let atClient = client.compression else {
            broken("our sides do not agree on compression")
        }
        let (down, up) = (
            InflateTarget.direction(atClient, from: .server), InflateTarget.direction(atClient, from: .client)
        )
        let allowed = InflateTarget.direction(atServer, from: .client)
        hold(down == InflateTarget.direction(atServer, from: .server), "the server's direction is agreed on otherwise")
        hold(up.windowBits <= allowed.windowBits, "a client looks back farther than was agreed")
        hold(allowed.keepsContext || !up.keepsContext, "a client keeps a context that was not agreed on")
        ends = [
            End(
                connection: client, reference: ReferenceInflate(windowBits: up.windowBits),
                keepsContext: up.keepsContext),
            End(
                connection: server, reference: ReferenceInflate(windowBits: down.windowBits),
                keepsContext: down.keepsContext),
        ]
    }

    /// What our own sides send each other is never too much for them.
    private static func lenient(_ settings: DeflateSettings) -> DeflateSettings {
        var settings = settings
        settings.ratioMax = 2000
        return settings
    }

    mutating func act(_ input: inout Input) {
        let act = input.byte()
        let payload = InflateTarget.payload(&input, before: before)
        let isText = act & 2 != 0 && ReferenceText.isValid(payload)
        carry(isText ? .text(payload) : .binary(payload), payload, from: Int(act & 1))
        before = payload.count > 40_000 ? [] : payload
    }

    private mutating func carry(_ message: Message, _ payload: [UInt8], from sender: Int) {
        let wrong = misuse { () throws(Misuse) in try ends[sender].connection.send(message) }
        hold(wrong == nil, "sending is refused: \(String(describing: wrong))")
        let output = ends[sender].connection.takeOutput()
        let keepsContext = ends[sender].keepsContext
        let meant = InflateTarget.message(
            in: output, isMasked: sender == 0, by: &ends[sender].reference, keepsContext: keepsContext)
        hold(meant == payload, "the message on the wire is another one")
        var events: [Event] = []
        chunking.feedSwiftly(output) { piece in
            var position = 0
            while let event = ends[1 - sender].connection.next(in: piece, from: &position) { events.append(event) }
        }
        hold(events == [.message(message)], "what was sent arrives as \(events.map { "\($0)".prefix(100) })")
    }
}
