import Testing
import WebSocket

private func newClient(
    host: String = "server.example.com", path: String = "/chat", subprotocols: [String] = [], limits: Limits = Limits()
) throws -> Connection {
    try .client(host: host, path: path, subprotocols: subprotocols, limits: limits, random: { 0x6162_6364 })
}

/// The answer to the key that `newClient` sends; the accept key was computed with another SHA-1.
private let goodAnswer = [
    "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Accept: dQbArINZcOgLpykJ5K3Dp7ho/R0=",
]

private func answer(_ old: String, _ new: String? = nil, adding lines: [String] = []) -> [UInt8] {
    head(goodAnswer.compactMap { !old.isEmpty && $0.hasPrefix(old) ? new : $0 } + lines)
}

struct ClientHandshakeTests {
    @Test func writesTheRequestAtOnce() throws {
        var client = try newClient(subprotocols: ["chat", "superchat"])
        #expect(
            String(decoding: client.takeOutput(), as: UTF8.self) == """
                GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: YWJjZGFiY2RhYmNkYWJjZA==\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Protocol: chat, superchat\r\n\r\n
                """)
        #expect(client.takeOutput().isEmpty)
        #expect(!client.isOpen)
    }

    @Test func keysDifferByDefault() throws {
        var keys: Set<[UInt8]> = []
        for _ in 0..<100 {
            var client = try Connection.client(host: "a", path: "/")
            keys.insert(client.takeOutput())
        }
        #expect(keys.count == 100)
    }

    @Test(arguments: chunkings)
    func opensAndReadsOnInTheSameBytes(size: Int) throws {
        var client = try newClient()
        let events = client.receive(head(goodAnswer) + frame(0x81, "hi", key: nil), inChunksOf: size)
        #expect(events == [.opened, .message(.text(Array("hi".utf8)))])
        #expect(client.isOpen)
        #expect(client.subprotocol == nil)
    }

    @Test(arguments: [
        answer("Upgrade", "upgrade: WebSocket"), answer("Connection", "Connection: keep-alive, UPGRADE"),
        answer("HTTP", "HTTP/1.1 101"), answer("HTTP", "HTTP/1.1 101 "), answer("HTTP", "HTTP/1.1 101 Whatever else"),
        answer("", adding: ["Server: x", "Set-Cookie: a=b; c"]),
    ])
    func acceptsOtherSpellings(bytes: [UInt8]) throws {
        var client = try newClient()
        #expect(client.receive(bytes) == [.opened])
    }

    @Test(
        arguments: [
            answer("Upgrade"), answer("Upgrade", "Upgrade: h2c"), answer("Upgrade", "Upgrade: (websocket)"),
            // RFC 6455 §4.1: in an answer the value is that word and no list.
            answer("Upgrade", "Upgrade: websocket, h2c"), answer("", adding: ["Upgrade: h2c"]),
            answer("Connection"), answer("Connection", "Connection: close"), answer("Sec-WebSocket-Accept"),
            answer("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            answer("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: DQBARINZCOGLPYKJ5K3DP7HO/R0="),
            answer("", adding: ["Sec-WebSocket-Accept: dQbArINZcOgLpykJ5K3Dp7ho/R0="]),
            answer("", adding: ["Sec-WebSocket-Extensions: permessage-deflate"]),
            answer("", adding: ["Sec-WebSocket-Extensions:"]), answer("", adding: ["Sec-WebSocket-Protocol: other"]),
            answer("", adding: ["Sec-WebSocket-Protocol: chat, superchat"]),
            answer("", adding: ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"]),
            answer("HTTP", "HTTP/1.0 101 Switching Protocols"), answer("HTTP", "HTTP/2 101 x"),
            answer("HTTP", "HTTP/1.1  101 x"), answer("HTTP", "HTTP/1.1 1010 x"), answer("HTTP", "HTTP/1.1 +99 x"),
            answer("HTTP", "HTTP/1.1 099 x"), answer("HTTP", "HTTP/1.1 600 x"), answer("HTTP", "HTTP/1.1"),
            answer("HTTP", "SSH-2.0-OpenSSH_9.2"), answer("Upgrade", " Upgrade: websocket"),
            Array("HTTP/1.1 101 x\n\n".utf8), [UInt8](repeating: 0x41, count: 9000),
        ], chunkings)
    func refusesAnswers(bytes: [UInt8], size: Int) throws {
        var client = try newClient(subprotocols: ["chat", "superchat"])
        _ = client.takeOutput()
        let events = client.receive(bytes, inChunksOf: size)
        guard case .refusedOpening(let fault) = events.last, events.count == 1 else { throw TestFailure() }
        #expect(fault.status == nil)
        #expect(!fault.reason.isEmpty)
        #expect(client.isClosed)
        #expect(client.takeOutput().isEmpty, "a client that gives up says nothing")
        #expect(client.receive(head(goodAnswer)).isEmpty)
    }

    /// RFC 9110 §15.2: others of the class 1xx may come first, and mean nothing to us.
    @Test(arguments: chunkings)
    func passesOverInterimAnswers(size: Int) throws {
        let interim = head(["HTTP/1.1 100 Continue"]) + head(["HTTP/1.1 103", "Link: </style.css>; rel=preload"])
        var client = try newClient()
        let events = client.receive(interim + head(goodAnswer) + frame(0x81, "hi", key: nil), inChunksOf: size)
        #expect(events == [.opened, .message(.text(Array("hi".utf8)))])
    }

    /// They count against the same limit as the answer itself.
    @Test(arguments: chunkings)
    func interimAnswersWithoutEndAreRefused(size: Int) throws {
        var client = try newClient()
        let events = client.receive((0..<400).flatMap { _ in head(["HTTP/1.1 102 Processing"]) }, inChunksOf: size)
        guard case .refusedOpening(let fault) = events.last, events.count == 1 else { throw TestFailure() }
        #expect(fault.status == nil)
    }

    @Test(arguments: [301, 400, 403, 404, 426, 503], chunkings)
    func tellsTheServersRefusal(code: Int, size: Int) throws {
        var client = try newClient()
        let bytes = head(["HTTP/1.1 \(code) Caf\u{E9} \(String(repeating: "x", count: 300))"]) + Array("no\n".utf8)
        let events = client.receive(bytes, inChunksOf: size)
        guard case .refusedOpening(let refusal) = events.last, events.count == 1 else { throw TestFailure() }
        #expect(refusal.status == HTTPStatus(rawValue: code))
        #expect(refusal.reason.hasPrefix("Caf?? xxx"))
        #expect(refusal.reason.utf8.count == 100)
    }

    @Test func aPhraseWithTerminalCommandsIsNotRepeated() throws {
        var client = try newClient()
        let events = client.receive(head(["HTTP/1.1 403 \u{1B}[2J"]))
        guard case .refusedOpening(let refusal) = events.last else { throw TestFailure() }
        #expect(!refusal.reason.contains("\u{1B}"))
    }

    @Test func takesTheChosenSubprotocol() throws {
        var client = try newClient(subprotocols: ["chat", "superchat"])
        #expect(client.receive(answer("", adding: ["Sec-WebSocket-Protocol: superchat"])) == [.opened])
        #expect(client.subprotocol == "superchat")
    }

    @Test(arguments: ["", "a b", "a\r\nX: y", "a\nb", "a\u{0}", "user@a", "a/b", "\u{F6}", "a?b", "a#b"])
    func hostsThatWouldWriteFieldsOfTheirOwn(host: String) {
        #expect(throws: Misuse.badHost) { try newClient(host: host) }
    }

    @Test(arguments: ["", "chat", "/a b", "/a\r\nX: y", "/a\nb", "/a\u{0}", "/a#b", "/\u{F6}", "http://a/", "/\u{7F}"])
    func pathsThatWouldWriteFieldsOfTheirOwn(path: String) {
        #expect(throws: Misuse.badPath) { try newClient(path: path) }
    }

    @Test(arguments: [[""], ["a b"], ["a\r\nX: y"], ["a", "a"], ["a,b"], ["a/b"]])
    func subprotocolsThatAreNone(names: [String]) {
        #expect(throws: Misuse.badSubprotocol) { try newClient(subprotocols: names) }
    }

    @Test func requestsThatNoServerWouldRead() {
        #expect(throws: Misuse.openingTooLong) { try newClient(path: "/" + String(repeating: "a", count: 8192)) }
    }

    @Test func nothingIsSentBeforeTheAnswer() throws {
        var client = try newClient()
        #expect(throws: Misuse.notOpen) { try client.send(.text([])) }
        #expect(throws: Misuse.notOpen) { try client.send(ping: []) }
        #expect(throws: Misuse.notOpen) { try client.close(.normal) }
        #expect(closeCode(of: client.transportEnded()) == .abnormal)
    }
}
