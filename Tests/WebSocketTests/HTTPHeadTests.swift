import Testing
import WebSocket

/// The status of the refusal, nil if the request was let through or is incomplete.
private func refusal(_ bytes: [UInt8], limits: Limits = Limits(), inChunksOf size: Int = .max) -> HTTPStatus? {
    var server = Connection.server(limits: limits)
    guard case .refusedOpening(let fault) = server.receive(bytes, inChunksOf: size).last else { return nil }
    return fault.status
}

/// HTTPHead and its reader, seen through a server's opening.
struct HTTPHeadTests {
    @Test(
        arguments: [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",  // bare LF
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\rHost: a\r\n\r\n",  // bare CR
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",  // folded line
            "GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",  // space before the colon
            "GET / HTTP/1.1\r\nHost\r\n\r\n",  // no colon
            "GET / HTTP/1.1\r\n: a\r\n\r\n",  // no name
            "GET / HTTP/1.1\r\nHo(st: a\r\n\r\n",  // no token
            "GET / HTTP/1.1\r\nH\u{F6}st: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\u{0}b\r\n\r\n",  // control characters
            "GET / HTTP/1.1\r\nX: \u{1B}[2J\r\n\r\n",
            "GET / HTTP/1.1\r\nX: \u{7F}\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",  // empty line first
            "GET  / HTTP/1.1\r\n\r\n",  // request line
            "GET / HTTP/1.1 \r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "G@T / HTTP/1.1\r\n\r\n",
        ], chunkings)
    func refusesMalformedHeads(text: String, size: Int) {
        #expect(refusal(Array(text.utf8), inChunksOf: size) == .badRequest)
    }

    @Test(arguments: chunkings)
    func refusesHeadsThatAreTooLong(size: Int) {
        var limits = Limits()
        let exact = head(plainRequest)
        limits.openingBytesMax = exact.count
        #expect(refusal(exact, limits: limits, inChunksOf: size) == nil)
        limits.openingBytesMax = exact.count - 1
        #expect(refusal(exact, limits: limits, inChunksOf: size) == .headerFieldsTooLarge)
    }

    @Test func holdsNoMoreThanTheLimitOfALineWithoutEnd() {
        var server = Connection.server()
        let limits = Limits()
        #expect(server.receive([UInt8](repeating: 0x41, count: limits.openingBytesMax)).isEmpty)
        #expect(server.receive([0x41]).count == 1)
        #expect(server.isClosed)
    }

    @Test func refusesTooManyFields() {
        var limits = Limits()
        limits.headerFieldsMax = plainRequest.count - 1
        #expect(refusal(head(plainRequest), limits: limits) == nil)
        limits.headerFieldsMax -= 1
        #expect(refusal(head(plainRequest), limits: limits) == .headerFieldsTooLarge)
    }

    /// Long runs of separators and quotes are read in linear time and never trap.
    @Test(arguments: [",", "\"", "\\", ", ", ";=", "\t"])
    func heavyValues(text: String) {
        let value = String(repeating: text, count: 3000 / text.utf8.count)
        for name in ["Upgrade", "Connection", "Sec-WebSocket-Protocol", "Sec-WebSocket-Key", "Host", "X-Other"] {
            var server = Connection.server()
            #expect(server.receive(head(plainRequest + ["\(name): \(value)"])).count == 1)
        }
    }

    @Test func valuesLoseOuterSpaceAndNamesTheirCase() throws {
        var server = Connection.server()
        let events = server.receive(head(plainRequest + ["X-Thing: \t a b \t ", "x-thing:", "X-THING:caf\u{E9}"]))
        guard case .opening(let request) = try #require(events.first) else { throw TestFailure() }
        #expect(request.values(of: "x-thing") == ["a b", "", "café"])
        #expect(request.fields.count == plainRequest.count - 1 + 3)
    }
}

struct TestFailure: Error {}
