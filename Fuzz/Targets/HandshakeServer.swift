import Bytes
import Deflate
import WebSocket

/// A server of ours against the bytes of any client.
struct HandshakeServer {
    private let limits: Limits
    private let deflate: DeflateSettings?
    private let chunking: Chunking
    private let stream: [UInt8]
    /// What the program does with somebody who asks in.
    private let answer: UInt8

    init(_ choices: UInt8, _ chunking: Chunking, _ stream: [UInt8]) {
        limits = HandshakeTarget.limits(choices)
        deflate = HandshakeTarget.deflate(choices)
        (self.chunking, self.stream) = (chunking, stream)
        answer = choices >> 5
    }

    func run() {
        var whole = Connection.server(limits: limits, deflate: deflate)
        let told = whole.receive(stream)
        hold(told.count <= 1, "more than one event of an opening request: \(told)")
        checkFirst(told.first)

        var server = Connection.server(limits: limits, deflate: deflate)
        var events: [Event] = []
        var isAnswered = false
        var chunking = chunking
        chunking.feed(stream) { piece in
            // What follows the answer is for the target of messages.
            guard !isAnswered else { return }
            var position = 0
            while let event = server.next(in: piece, from: &position) {
                events.append(event)
                hold(events.count <= 2, "more events than a request and a refusal")
                guard case .opening(let request) = event else { continue }
                hold(server.takeOutput() == [], "output before the program has answered")
                isAnswered = act(on: request, &server)
                if isAnswered { return }
            }
        }
        check(events, told.first)
        if case .refusedOpening? = events.last {
            HandshakeServer.checkRefusal(server.takeOutput())
            HandshakeTarget.checkSilence(&server)
        } else if !isAnswered {
            hold(server.takeOutput() == [] && !server.isOpen && !server.isClosed, "something came of half a request")
            hold(server.transportEnded().count == 1, "the transport's end is told once")
            HandshakeTarget.checkSilence(&server)
        }
    }

    /// Against the reference, for the stream as one piece.
    private func checkFirst(_ event: Event?) {
        let head = ReferenceHead(stream)
        let isTooLong = head.map { $0.bytes > limits.openingBytesMax || $0.fields.count > limits.headerFieldsMax }
        switch event {
        case nil:
            hold(head == nil && stream.count <= limits.openingBytesMax, "a whole request is there and nothing was told")
        case .opening(let request):
            guard let head, isTooLong == false, head.isOpeningRequest, head.bytes == stream.count else {
                broken("what is no opening request was taken for one")
            }
            let fields = request.fields.map { (Array($0.name.utf8), $0.value) }
            let areEqual = zip(fields, head.fields).allSatisfy {
                $0.0 == $1.name && $0.1.utf8.elementsEqual(String(decoding: $1.value, as: UTF8.self).utf8)
            }
            hold(areEqual && fields.count == head.fields.count, "other fields than the request's")
            hold(
                request.subprotocols.map { Array($0.utf8) } == head.list("sec-websocket-protocol"), "other subprotocols"
            )
            hold(request.values(of: "host") == [request.host], "another host")
        case .refusedOpening(let fault):
            let mayRefuse =
                head.map {
                    !$0.isOpeningRequest || $0.bytes < stream.count
                        || !$0.values(of: "sec-websocket-extensions").isEmpty
                } ?? true
            hold(mayRefuse || isTooLong == true, "a right request was refused: \(fault.reason)")
            HandshakeTarget.checkReason(fault)
        default: broken("a server's first event is \(String(describing: event))")
        }
    }

    /// Pieces tell the same, except that what follows a request is seen later if it comes later.
    private func check(_ events: [Event], _ first: Event?) {
        guard events.first != first else { return }
        guard case .opening(let request)? = events.first, case .refusedOpening(let fault)? = first else {
            broken("pieces give \(events), the whole \(first as Any)")
        }
        let isLate = ReferenceHead(stream).map { $0.bytes < stream.count } == true
        hold(
            isLate && fault.status == .badRequest,
            "pieces let \(request.path) in, the whole is refused: \(fault.reason)")
    }

    /// True if that was an answer.
    private func act(on request: OpeningRequest, _ server: inout Connection) -> Bool {
        let bogus = misuse { () throws(Misuse) in try server.accept(subprotocol: "no, such") }
        hold(bogus == .badSubprotocol && server.takeOutput() == [], "a subprotocol was accepted that nobody offered")
        let early = misuse { () throws(Misuse) in try server.send(.text([])) }
        hold(early == .notOpen, "a message was sent before the opening")
        switch answer {
        case 0, 1:
            accept(request, subprotocol: nil, &server)
        case 2, 3:
            accept(request, subprotocol: request.subprotocols.last, &server)
        case 4:
            judge(request, &server)
        case 5:
            refuse(HTTPStatus(rawValue: 400 + Int(stream.last ?? 0) % 200), &server)
        case 6:
            let wrong = misuse { () throws(Misuse) in try server.refuse(.switchingProtocols, reason: "") }
            hold(wrong == .badRefusalStatus && server.takeOutput() == [], "refused with 101")
            hold(server.transportEnded().count == 1, "the transport's end is told once")
            HandshakeTarget.checkSilence(&server)
        default: return false
        }
        return true
    }

    private func judge(_ request: OpeningRequest, _ server: inout Connection) {
        var policy = OpeningPolicy(paths: ["/", "/chat"])
        policy.hosts = ["server.example.com", "h"]
        policy.origins = ["http://example.com"]
        policy.subprotocols = ["superchat", "chat"]
        policy.requiresSubprotocol = request.path.utf8.count == 1
        do throws(OpeningFault) {
            let chosen = try policy.judge(request)
            let isHost = policy.hosts?.contains { ReferenceHead.lowercased(request.host.utf8).elementsEqual($0.utf8) }
            hold(isHost == true, "the policy let another host in")
            hold(request.origin.map { $0 == "http://example.com" } ?? true, "the policy let another origin in")
            accept(request, subprotocol: chosen, &server)
        } catch {
            let statuses: [HTTPStatus] = [.notFound, .misdirected, .forbidden, .badRequest]
            guard let status = error.status, statuses.contains(status) else {
                broken("the policy refused with \(error)")
            }
            refuse(status, &server)
        }
    }

    private func refuse(_ status: HTTPStatus, _ server: inout Connection) {
        // Any text, with line breaks and what looks like a head: it must not leave the body.
        let reason = String(decoding: stream, as: UTF8.self)
        let wrong = misuse { () throws(Misuse) in try server.refuse(status, reason: reason) }
        hold(wrong == nil, "refusing was refused")
        HandshakeServer.checkRefusal(server.takeOutput(), status, body: Array((reason + "\n").utf8))
        HandshakeTarget.checkSilence(&server)
    }

    private func accept(_ request: OpeningRequest, subprotocol: String?, _ server: inout Connection) {
        let wrong = misuse { () throws(Misuse) in try server.accept(subprotocol: subprotocol) }
        hold(
            wrong == nil && server.isOpen && server.subprotocol == subprotocol, "accepting was refused: \(wrong as Any)"
        )
        let again = misuse { () throws(Misuse) in try server.accept() }
        hold(again == .noOpeningToAnswer, "a request was accepted twice")
        let offers = request.values(of: "sec-websocket-extensions")
        hold(server.compression == nil || deflate != nil && !offers.isEmpty, "compression that nobody asked for")
        let acceptance = server.takeOutput()
        HandshakeServer.checkAcceptance(acceptance, subprotocol, server.compression)
        // A client of ours with that request's key understands the answer.
        var client = HandshakeServer.client(like: request, deflates: server.compression != nil)
        let own = client.takeOutput()
        hold(client.receive(acceptance) == [.opened], "our client does not understand our server")
        hold(client.subprotocol == subprotocol, "another subprotocol arrives than was chosen")
        hold((client.compression == nil) == (server.compression == nil), "only one side compresses")
        var other = Connection.server(deflate: deflate)
        guard case .opening(let asked)? = other.receive(own).first else {
            return hold(own.count > Limits().openingBytesMax, "our own request is refused")
        }
        hold(asked.path == request.path && asked.host == request.host, "our own request arrives otherwise")
    }

    /// Takes every right answer: it asks for nothing and allows everything.
    private static func client(like request: OpeningRequest, deflates: Bool) -> Connection {
        let key = request.values(of: "sec-websocket-key").first.flatMap { Base64.decode($0) }
        guard let key, key.count == 16 else { broken("a key of another length was let through") }
        let words = Words(key)
        var settings = DeflateSettings(library: Zlib())
        (settings.serverKeepsContext, settings.clientKeepsContext) = (true, true)
        var limits = Limits()
        limits.openingBytesMax = 1 << 20
        do throws(Misuse) {
            return try Connection.client(
                host: request.host, path: request.path, subprotocols: request.subprotocols, limits: limits,
                deflate: deflates ? settings : nil, random: { words.next() })
        } catch { broken("a request was let through that our client would not send: \(error)") }
    }
}

extension HandshakeServer {
    /// The answer has these fields and no others, whatever the request held.
    private static func checkAcceptance(_ bytes: [UInt8], _ subprotocol: String?, _ compression: DeflateParameters?) {
        guard let head = ReferenceHead(bytes), head.bytes == bytes.count else { broken("an acceptance is no head") }
        hold(head.startLine.elementsEqual("HTTP/1.1 101 Switching Protocols".utf8), "another status than 101")
        var expected = ["upgrade", "connection", "sec-websocket-accept"]
        if subprotocol != nil { expected.append("sec-websocket-protocol") }
        if compression != nil { expected.append("sec-websocket-extensions") }
        let names = head.fields.map { String(decoding: $0.name, as: UTF8.self) }
        hold(names == expected, "an acceptance has the fields \(names)")
        hold(
            head.values(of: "sec-websocket-protocol") == (subprotocol.map { [Array($0.utf8)] } ?? []),
            "another subprotocol")
    }

    private static let refusalFields: [String: [String]] = [
        "content-type": ["text/plain; charset=utf-8"], "upgrade": ["websocket"], "sec-websocket-version": ["13"],
        "connection": ["close", "Upgrade, close"], "allow": ["GET"],
    ]

    /// The same of a refusal; its body is as long as it says.
    private static func checkRefusal(_ bytes: [UInt8], _ status: HTTPStatus? = nil, body: [UInt8]? = nil) {
        guard let head = ReferenceHead(bytes) else { broken("a refusal is no head") }
        let line = String(decoding: head.startLine, as: UTF8.self)
        let code = Int(line.dropFirst(9).prefix(3)) ?? 0
        hold(line.hasPrefix("HTTP/1.1 ") && (400...599).contains(code), "a refusal begins with \(line)")
        hold(status == nil || status?.rawValue == code, "another status than the program's")
        let length = head.values(of: "content-length")
        let names = head.fields.map { String(decoding: $0.name, as: UTF8.self) }
        hold(Set(names).count == names.count, "a refusal has a field twice")
        for (name, value) in zip(names, head.fields.map(\.value)) where name != "content-length" {
            let known = refusalFields[name]?.contains { $0.utf8.elementsEqual(value) }
            hold(known == true, "a refusal has the field \(name): \(String(decoding: value, as: UTF8.self))")
        }
        let rest = Array(bytes[head.bytes...])
        hold(length == [Array(String(rest.count).utf8)], "a refusal's body is not as long as it says")
        hold(body == nil || body == rest, "a refusal's body is not the program's")
    }
}

/// Gives the bytes of a key as the random words that a client makes its key of, and zeros behind them.
private final class Words: @unchecked Sendable {
    // One connection on one thread.
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    func next() -> UInt32 {
        defer { rest = rest.dropFirst(4) }
        return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
