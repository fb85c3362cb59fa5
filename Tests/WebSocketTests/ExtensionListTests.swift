import Deflate
import Testing
import WebSocket

/// The grammar of `Sec-WebSocket-Extensions`, seen through what a server makes of it.
struct ExtensionListTests {
    /// The server's answer to these fields, nil if it declines; throws the status of a refusal.
    private static func answer(to values: [String], inChunksOf size: Int = .max) throws -> String? {
        var server = Connection.server(deflate: DeflateSettings(library: Zlib()))
        let request = head(plainRequest + values.map { "Sec-WebSocket-Extensions: \($0)" })
        let events = server.receive(request, inChunksOf: size)
        if case .refusedOpening(let fault) = events.last { throw fault }
        try server.accept()
        return extensions(in: server.takeOutput())
    }

    @Test(
        arguments: [
            ["permessage-deflate"], [" permessage-deflate\t"], [", ,permessage-deflate,"],
            ["x-other, permessage-deflate"],
            ["x-other; a; b=c; d=\"e\"", "permessage-deflate"], ["permessage-deflate;client_max_window_bits"],
            ["permessage-deflate ; client_max_window_bits = 15"], ["permessage-deflate; client_max_window_bits=\"15\""],
            ["permessage-deflate; client_max_window_bits=\"1\\5\""],
        ], chunkings)
    func readsWhatTheGrammarAllows(values: [String], size: Int) throws {
        let answer = try ExtensionListTests.answer(to: values, inChunksOf: size)
        #expect(answer == "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    }

    @Test(arguments: [[], ["x-webkit-deflate-frame"], ["Permessage-Deflate"], ["permessage-deflate2"]])
    func declinesWhatItDoesNotKnow(values: [String]) throws {
        #expect(try ExtensionListTests.answer(to: values) == nil)
    }

    /// RFC 6455 §9.1: what does not follow the grammar ends the connection.
    @Test(
        arguments: [
            "", ",", ", ,", ";", "a;", "a;;b", "a b", "a=b", "a; b=", "a; b=\"", "a; b=\"\"", "a; b=\"c",
            "a; b=\"c d\"", "a; b=\"c\\",
            "a; b=\"c\"d", "a; =b", "\"a\"", "a; b=c=d", "a/b", "a; (b)", "permessage-deflate; \u{E9}",
        ], [1, 3, Int.max])
    func refusesWhatTheGrammarDoesNot(value: String, size: Int) {
        #expect(throws: OpeningFault(status: .badRequest, reason: "malformed Sec-WebSocket-Extensions")) {
            try ExtensionListTests.answer(to: [value], inChunksOf: size)
        }
        // With and without settings: the grammar is not the extension's.
        var server = Connection.server()
        let events = server.receive(head(plainRequest + ["Sec-WebSocket-Extensions: \(value)"]))
        guard case .refusedOpening = events.last else {
            Issue.record("\(events)")
            return
        }
    }
}

/// The value of the field in an HTTP head, nil if it is absent.
func extensions(in head: [UInt8]) -> String? {
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    return lines.first { $0.hasPrefix("Sec-WebSocket-Extensions: ") }.map { String($0.dropFirst(26)) }
}
