import Testing
import WebSocket

/// `plainRequest` with one line exchanged, and others added.
private func request(_ old: String = "", _ new: String? = nil, adding lines: [String] = []) -> [UInt8] {
    head(plainRequest.compactMap { !old.isEmpty && $0.hasPrefix(old) ? new : $0 } + lines)
}

private func outcome(_ bytes: [UInt8], inChunksOf size: Int = .max) -> (events: [Event], answer: String) {
    var server = Connection.server()
    let events = server.receive(bytes, inChunksOf: size)
    return (events, String(decoding: server.takeOutput(), as: UTF8.self))
}

private func status(of events: [Event]) -> HTTPStatus? {
    guard case .refusedOpening(let fault) = events.last else { return nil }
    return fault.status
}

struct ServerHandshakeTests {
    /// RFC 6455 §1.2 and §1.3, with all the fields of the example.
    @Test(arguments: chunkings)
    func answersTheExampleOfTheStandard(size: Int) throws {
        var server = Connection.server()
        let events = server.receive(
            request(adding: ["Origin: http://example.com", "Sec-WebSocket-Protocol: chat, superchat"]),
            inChunksOf: size)
        guard case .opening(let request) = try #require(events.first) else { throw TestFailure() }
        #expect(events.count == 1)
        #expect(request.path == "/chat")
        #expect(request.host == "server.example.com")
        #expect(request.origin == "http://example.com")
        #expect(request.subprotocols == ["chat", "superchat"])
        #expect(!server.isOpen)
        try server.accept(subprotocol: "chat")
        #expect(server.isOpen)
        #expect(server.subprotocol == "chat")
        #expect(
            String(decoding: server.takeOutput(), as: UTF8.self) == """
                HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n
                """)
    }

    @Test(
        arguments: [
            request("Upgrade", "Upgrade: WebSocket"), request("Upgrade", "uPGRADE: h2c, WEBSOCKET"),
            request("Upgrade", "Upgrade: h2c/1.0,, websocket ,"),
            request("Connection", "Connection: keep-alive, upgrade"),
            request("Connection", "Connection: keep-alive", adding: ["Connection: Upgrade"]),
            request("GET", "GET /a/b?c=%20d&e HTTP/1.1"), request("Host", "Host: [::1]:5555"),
            request(adding: ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]),
        ], chunkings)
    func lenientWhereTheStandardIs(bytes: [UInt8], size: Int) throws {
        var server = Connection.server()
        guard case .opening = server.receive(bytes, inChunksOf: size).last else { throw TestFailure() }
        try server.accept()
        let answer = String(decoding: server.takeOutput(), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 101 "))
        // RFC 6455 §9.1: an extension not named in the answer is declined.
        #expect(!answer.lowercased().contains("extensions"))
    }

    @Test(
        arguments: [
            (request("Host"), 400), (request("Host", "Host:"), 400), (request("Host", "Host: a b"), 400),
            (request("Host", "Host: user@a"), 400), (request("Host", "Host: a/b"), 400),
            (request(adding: ["Host: other"]), 400), (request("Upgrade"), 426),
            (request("Upgrade", "Upgrade: h2c"), 426), (request("Upgrade", "Upgrade: \"websocket\""), 400),
            (request("Connection"), 400), (request("Connection", "Connection: close"), 400),
            (request("Connection", "Connection: upgrade;x"), 400), (request("Sec-WebSocket-Key"), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: "), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEyMzQ="), 400),
            (request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400),
            (request(adding: ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]), 400),
            (request("Sec-WebSocket-Version"), 426),
            (request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426),
            (request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013"), 426),
            (request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), 426),
            (request(adding: ["Sec-WebSocket-Version: 13"]), 400), (request(adding: ["Content-Length: 0"]), 400),
            (request(adding: ["Content-Length: 5"]), 400), (request(adding: ["Transfer-Encoding: chunked"]), 400),
            (request(adding: ["Origin: http://a", "Origin: http://b"]), 400),
            (request(adding: ["Sec-WebSocket-Protocol: a, a"]), 400),
            (request(adding: ["Sec-WebSocket-Protocol: a b"]), 400),
            (request(adding: ["Sec-WebSocket-Protocol: a/b"]), 400),
            // RFC 6455 §11.3.4: one element at least.
            (request(adding: ["Sec-WebSocket-Protocol: "]), 400),
            (request(adding: ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: , ,"]), 400),
            (request("GET", "POST /chat HTTP/1.1"), 405),
            (request("GET", "HEAD / HTTP/1.1"), 405), (request("GET", "get / HTTP/1.1"), 405),
            (request("GET", "CONNECT a:443 HTTP/1.1"), 405), (request("GET", "GET chat HTTP/1.1"), 400),
            (request("GET", "GET http://a/chat HTTP/1.1"), 400), (request("GET", "GET * HTTP/1.1"), 400),
            (request("GET", "GET http://server.example.com:80/ HTTP/1.1"), 400),
            (request("GET", "GET http://server.example.com.evil/ HTTP/1.1"), 400),
            (request("GET", "GET http://a@server.example.com/ HTTP/1.1"), 400),
            (request("GET", "GET http:/chat HTTP/1.1"), 400), (request("GET", "GET http:///chat HTTP/1.1"), 400),
            (request("GET", "GET ftp://server.example.com/ HTTP/1.1"), 400),
            (request("GET", "GET http://server.example.com?a HTTP/1.1"), 400),
            (request("GET", "GET /a#b HTTP/1.1"), 400), (request("GET", "GET /\u{F6} HTTP/1.1"), 400),
            (request("GET", "GET /chat HTTP/1.0"), 400),
        ] as [([UInt8], Int)], chunkings)
    func refuses(_ vector: ([UInt8], Int), inChunksOf size: Int) {
        let (events, answer) = outcome(vector.0, inChunksOf: size)
        #expect(events.count == 1)
        #expect(status(of: events) == HTTPStatus(rawValue: vector.1), "\(String(decoding: vector.0, as: UTF8.self))")
        #expect(answer.hasPrefix("HTTP/1.1 \(vector.1) "))
        #expect(answer.contains("close\r\n"))
    }

    /// RFC 9112 §3.2.2: a server takes the whole address too. RFC 6455 §4.1 point 3: it must fit the rest.
    @Test(
        arguments: [
            ("http://server.example.com/chat?a=http://b/", "/chat?a=http://b/"),
            ("HTTPS://SERVER.example.COM/", "/"), ("http://server.example.com", "/"), ("//chat", "//chat"),
            ("/http://server.example.com/", "/http://server.example.com/"),
        ], chunkings)
    func findsThePathInAnAddress(_ vector: (target: String, path: String), size: Int) throws {
        let (events, _) = outcome(request("GET", "GET \(vector.target) HTTP/1.1"), inChunksOf: size)
        guard case .opening(let request) = events.last else { throw TestFailure() }
        #expect(request.path == vector.path)
    }

    @Test func aBrowserIsToldInWords() {
        let (events, answer) = outcome(head(["GET / HTTP/1.1", "Host: north.example", "Accept: text/html"]))
        #expect(status(of: events) == .upgradeRequired)
        #expect(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"))
        #expect(answer.contains("\r\nUpgrade: websocket\r\n"))
        #expect(answer.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nThis is a WebSocket endpoint, not a web page.\n"))
    }

    @Test func methodsAreAnsweredWithTheAllowedOne() {
        #expect(outcome(request("GET", "POST / HTTP/1.1")).answer.contains("\r\nAllow: GET\r\n"))
    }

    /// RFC 9110 §9.3.2: what would be said, without saying it.
    @Test(arguments: chunkings)
    func aHeadIsAnsweredWithoutABody(size: Int) {
        let words = "A WebSocket is opened with GET.\n"
        let (_, answer) = outcome(request("GET", "HEAD / HTTP/1.1"), inChunksOf: size)
        #expect(answer.hasSuffix("\r\n\r\n"))
        #expect(answer.contains("\r\nContent-Length: \(words.utf8.count)\r\n"))
        #expect(outcome(request("GET", "HEADS / HTTP/1.1")).answer.hasSuffix("\r\n\r\n" + words))
    }

    @Test(arguments: chunkings)
    func refusesBytesBeforeTheAnswer(size: Int) {
        let (events, answer) = outcome(request() + frame(0x81, "hi"), inChunksOf: size)
        #expect(status(of: events) == .badRequest)
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        if size == .max { #expect(events.count == 1, "an opening that cannot be accepted is not offered") }
    }

    @Test func refusesInTheCallersWords() throws {
        var server = Connection.server()
        _ = server.receive(request())
        #expect(throws: Misuse.badRefusalStatus) { try server.refuse(.switchingProtocols, reason: "") }
        try server.refuse(.forbidden, reason: "north.example does not know you\r\nX: y")
        let answer = String(decoding: server.takeOutput(), as: UTF8.self)
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
        #expect(parts[0].hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
        #expect(parts[0].contains("\r\nConnection: close"))
        #expect(parts[0].contains("\r\nContent-Length: \(parts[1].utf8.count)\r\n"))
        #expect(parts[1] == "north.example does not know you\r\nX: y\n")
        #expect(server.isClosed)
        #expect(server.receive(frame(0x81, "hi")).isEmpty)
        #expect(server.transportEnded().isEmpty)
    }

    @Test func answersAreGivenOnceAndToRequestsOnly() throws {
        var server = Connection.server()
        #expect(throws: Misuse.noOpeningToAnswer) { try server.accept() }
        #expect(throws: Misuse.noOpeningToAnswer) { try server.refuse(.forbidden, reason: "") }
        _ = server.receive(request())
        #expect(throws: Misuse.badSubprotocol) { try server.accept(subprotocol: "chat") }
        #expect(throws: Misuse.notOpen) { try server.send(.text([])) }
        try server.accept()
        #expect(throws: Misuse.noOpeningToAnswer) { try server.accept() }
        var client = try openClient()
        #expect(throws: Misuse.noOpeningToAnswer) { try client.accept() }
    }

    @Test func anEndedTransportEndsTheOpening() {
        var server = Connection.server()
        _ = server.receive(Array("GET /".utf8))
        #expect(closeCode(of: server.transportEnded()) == .abnormal)
        #expect(server.takeOutput().isEmpty)
        #expect(server.transportEnded().isEmpty)
    }
}
