import Bytes
import Deflate
import WebSocket

/// The opening handshake of both sides. The input chooses the side, limits, compression, what the server's program
/// answers, the pieces, and all bytes of the other end.
enum HandshakeTarget {
    static func run(_ input: inout Input) {
        let choices = input.byte()
        let chunking = Chunking(input.byte())
        let stream = input.rest()
        switch choices & 3 {
        case 0, 1: HandshakeServer(choices, chunking, stream).run()
        case 2: HandshakeClient(choices, chunking, stream).run()
        default: HandshakeDialler.dial(choices, stream)
        }
    }

    static func limits(_ choices: UInt8) -> Limits {
        var limits = Limits()
        if choices & 4 != 0 { (limits.openingBytesMax, limits.headerFieldsMax) = (300, 8) }
        return limits
    }

    static func deflate(_ choices: UInt8) -> DeflateSettings? {
        guard choices & 8 != 0 else { return nil }
        var settings = DeflateSettings(library: Zlib())
        if choices & 16 != 0 {
            (settings.serverKeepsContext, settings.clientWindowBitsMax) = (true, 10)
        } else {
            (settings.clientKeepsContext, settings.serverWindowBitsMax) = (true, 11)
        }
        return settings
    }

    /// Nothing more comes of a connection that told its last event.
    static func checkSilence(_ connection: inout Connection) {
        hold(connection.isClosed && !connection.isOpen, "the last event is told, but the connection is not closed")
        hold(!connection.hasUnfinishedMessage, "a closed connection waits for a message")
        _ = connection.takeOutput()
        hold(connection.receive(Array("HTTP/1.1 101 x\r\n\r\n".utf8)) == [], "an event follows the last one")
        hold(connection.takeOutput() == [], "output follows the last event")
        hold(connection.transportEnded() == [], "the transport's end is told after the last event")
        hold(
            misuse { () throws(Misuse) in try connection.accept() } == .noOpeningToAnswer, "accept after the last event"
        )
        hold(misuse { () throws(Misuse) in try connection.send(ping: []) } == .notOpen, "sending after the last event")
    }

    static func checkReason(_ fault: OpeningFault) {
        let isPrintable = fault.reason.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        hold(isPrintable && fault.reason.utf8.count <= 100, "a fault's reason is not fit for a log: \(fault.reason)")
    }
}

/// How `body` was misused, if it was.
func misuse(_ body: () throws(Misuse) -> Void) -> Misuse? {
    do throws(Misuse) {
        try body()
        return nil
    } catch { return error }
}

/// A client of ours against the bytes of any server.
struct HandshakeClient {
    private let limits: Limits
    private let deflate: DeflateSettings?
    private let chunking: Chunking
    private let stream: [UInt8]

    init(_ choices: UInt8, _ chunking: Chunking, _ stream: [UInt8]) {
        limits = HandshakeTarget.limits(choices)
        deflate = HandshakeTarget.deflate(choices)
        (self.chunking, self.stream) = (chunking, stream)
    }

    /// RFC 6455 §4.2.2 point 5.4, for a key of 16 zeros, made with Python's hashlib.
    static let acceptKey = "ICX+Yqv66kxgM0FcWaLWlFLwTAI="
    private static let subprotocols = ["chat", "a"]

    private func connection() -> Connection {
        do throws(Misuse) {
            return try Connection.client(
                host: "h", path: "/", subprotocols: HandshakeClient.subprotocols, limits: limits, deflate: deflate,
                random: { 0 })
        } catch { broken("a client cannot be made: \(error)") }
    }

    func run() {
        var client = connection()
        _ = client.takeOutput()
        var events: [Event] = []
        var chunking = chunking
        chunking.feed(stream) { piece in
            var position = 0
            while let event = client.next(in: piece, from: &position) {
                if case .refusedOpening = events.last { broken("an event follows a refusal") }
                events.append(event)
            }
            hold(position == piece.count, "bytes are left over")
        }
        var other = connection()
        let whole = other.receive(stream)
        hold(events.first == whole.first, "pieces give \(events.first as Any), the whole \(whole.first as Any)")
        // How far into a message a fault of compressed data is found may differ.
        if deflate == nil { hold(events == whole, "pieces give \(events), the whole \(whole)") }
        check(events.first, &client)
    }

    private func check(_ event: Event?, _ client: inout Connection) {
        let (head, fits) = answer()
        switch event {
        case nil:
            hold(head == nil, "a whole answer is there and nothing was told")
            hold(stream.count <= limits.openingBytesMax, "more is held than may be")
            hold(!client.isOpen && client.transportEnded().count == 1, "the transport's end is told once")
        case .refusedOpening(let fault):
            let isRight = head.map { isAgreement($0) && $0.values(of: "sec-websocket-extensions").isEmpty } ?? false
            hold(!(isRight && fits), "a right answer was refused: \(fault.reason)")
            HandshakeTarget.checkReason(fault)
            hold(client.takeOutput() == [], "a client answers a bad answer")
            HandshakeTarget.checkSilence(&client)
        case .opened:
            guard let head, fits, isAgreement(head) else { broken("a wrong answer opened the connection") }
            let chosen = head.values(of: "sec-websocket-protocol").first
            hold(client.subprotocol.map { Array($0.utf8) } == chosen, "another subprotocol than the server's")
            let extensions = head.values(of: "sec-websocket-extensions")
            hold(
                extensions.isEmpty == (client.compression == nil),
                "compression without a word of the server, or not with")
            hold(extensions.isEmpty || deflate != nil, "an extension was taken that was not offered")
        default: broken("a client's first event is \(String(describing: event))")
        }
    }

    /// The answer that counts, behind those of the class 1xx that mean nothing (RFC 9110 §15.2), and whether all of
    /// them keep to the limits.
    private func answer() -> (head: ReferenceHead?, fits: Bool) {
        var (used, fieldsMost) = (0, 0)
        while let head = ReferenceHead(Array(stream[used...])) {
            used += head.bytes
            fieldsMost = max(fieldsMost, head.fields.count)
            if !head.isInterimAnswer {
                return (head, used <= limits.openingBytesMax && fieldsMost <= limits.headerFieldsMax)
            }
        }
        return (nil, false)
    }

    /// RFC 6455 §4.1, what the client must find in the answer; the extensions are not looked at.
    private func isAgreement(_ head: ReferenceHead) -> Bool {
        let line = Array("HTTP/1.1 101".utf8)
        let protocols = head.values(of: "sec-websocket-protocol")
        return head.startLine.starts(with: line) && (head.startLine.count == 12 || head.startLine[12] == 0x20)
            && head.list("upgrade", holds: "websocket") && head.list("upgrade")?.count == 1
            && head.list("connection", holds: "upgrade")
            && head.values(of: "sec-websocket-accept") == [Array(HandshakeClient.acceptKey.utf8)]
            && protocols.count <= 1
            && protocols.allSatisfy { name in HandshakeClient.subprotocols.contains { $0.utf8.elementsEqual(name) } }
    }
}

/// What our client writes for any host, path and subprotocols, which may come from a setup file or another server.
enum HandshakeDialler {
    /// `text` is host, path and subprotocols with zeros between them.
    static func dial(_ choices: UInt8, _ text: [UInt8]) {
        let words = text.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        let (host, path, subprotocols) = (words[0], words.count > 1 ? words[1] : "/", Array(words.dropFirst(2)))
        let limits = HandshakeTarget.limits(choices)
        let client: Connection
        do throws(Misuse) {
            client = try Connection.client(
                host: host, path: path, subprotocols: subprotocols, limits: limits,
                deflate: HandshakeTarget.deflate(choices), random: { 0x0102_0304 })
        } catch {
            let known: [Misuse] = [.badHost, .badPath, .badSubprotocol, .openingTooLong]
            hold(known.contains(error), "dialling is refused with \(error)")
            return
        }
        var (dialled, server) = (client, Connection.server())
        let request = dialled.takeOutput()
        guard let head = ReferenceHead(request), head.bytes == request.count, head.isOpeningRequest else {
            broken("our own request is none: \(String(decoding: request, as: UTF8.self))")
        }
        let names = head.fields.map { String(decoding: $0.name, as: UTF8.self) }
        var expected = ["host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"]
        if !subprotocols.isEmpty { expected.append("sec-websocket-protocol") }
        if choices & 8 != 0 { expected.append("sec-websocket-extensions") }
        hold(names == expected, "a request has the fields \(names)")
        guard case .opening(let asked)? = server.receive(request).first else { broken("our own request is refused") }
        hold(asked.host.utf8.elementsEqual(host.utf8) && asked.path.utf8.elementsEqual(path.utf8), "another address")
        hold(asked.subprotocols == subprotocols && asked.origin == nil, "other subprotocols, or an origin")
    }
}
