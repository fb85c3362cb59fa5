import Bytes
import Deflate
import Testing
import WebSocket

/// Negotiating permessage-deflate (RFC 7692 §7.1): what a server answers to which offer, and what a client takes.
struct DeflateSettingsTests {
    /// RFC 7692 leaves all parameters out when both sides keep their context and look back 32 KiB.
    private static func settings(_ change: (inout DeflateSettings) -> Void = { _ in }) -> DeflateSettings {
        var settings = DeflateSettings(library: Zlib())
        settings.serverKeepsContext = true
        settings.clientKeepsContext = true
        change(&settings)
        return settings
    }

    private static func answer(to offers: String, by settings: DeflateSettings?) throws -> String? {
        var server = Connection.server(deflate: settings)
        _ = server.receive(head(plainRequest + ["Sec-WebSocket-Extensions: \(offers)"]))
        try server.accept()
        let answer = extensions(in: server.takeOutput())
        #expect((answer == nil) == (server.compression == nil))
        return answer
    }

    @Test func isOffUnlessSet() throws {
        #expect(try DeflateSettingsTests.answer(to: "permessage-deflate", by: nil) == nil)
        var client = try Connection.client(host: "a", path: "/")
        #expect(extensions(in: client.takeOutput()) == nil)
    }

    @Test(arguments: [
        ("permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
        ("permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=15", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_max_window_bits=8"),
        (
            "permessage-deflate; client_max_window_bits=10; server_max_window_bits=11; "
                + "client_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "server_max_window_bits=11; client_max_window_bits=10"
        ),
    ])
    func aServerTakesEachParameter(offer: String, answer: String) throws {
        #expect(try DeflateSettingsTests.answer(to: offer, by: DeflateSettingsTests.settings()) == answer)
    }

    /// §7.1: such an offer is declined, and the connection goes on without compression.
    @Test(arguments: [
        "permessage-deflate; x", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010", "permessage-deflate; server_max_window_bits=+10",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits=0", "permessage-deflate; client_max_window_bits=a",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        // zlib cannot compress with a window of 256 bytes.
        "permessage-deflate; server_max_window_bits=8",
    ])
    func aServerDeclinesOffersThatItCannotFulfil(offer: String) throws {
        #expect(try DeflateSettingsTests.answer(to: offer, by: DeflateSettingsTests.settings()) == nil)
        // §5: the next offer may do.
        let answer = try DeflateSettingsTests.answer(
            to: "\(offer), x-other, permessage-deflate; client_no_context_takeover, permessage-deflate",
            by: DeflateSettingsTests.settings())
        #expect(answer == "permessage-deflate; client_no_context_takeover")
    }

    @Test func aServerSetsBoundsOfItsOwn() throws {
        let settings = DeflateSettingsTests.settings {
            $0.serverKeepsContext = false
            $0.clientKeepsContext = false
            $0.serverWindowBitsMax = 12
            $0.clientWindowBitsMax = 11
        }
        let begin = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        #expect(
            try DeflateSettingsTests.answer(to: "permessage-deflate; client_max_window_bits", by: settings)
                == begin + "server_max_window_bits=12; client_max_window_bits=11")
        #expect(
            try DeflateSettingsTests.answer(
                to: "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10", by: settings)
                == begin + "server_max_window_bits=10; client_max_window_bits=9")
        // §7.1.2.2: a client that does not offer it cannot be told.
        #expect(try DeflateSettingsTests.answer(to: "permessage-deflate", by: settings) == nil)
    }

    /// A client's connection after this answer, or the fault.
    private static func client(
        _ settings: DeflateSettings?, answered extensions: [String], chunk: Int = .max
    ) throws -> Connection {
        var client = try Connection.client(host: "a", path: "/", deflate: settings, random: { 0x37FA_213D })
        let key = Base64.encode([UInt8](repeating: 0, count: 4).flatMap { _ in [0x37, 0xFA, 0x21, 0x3D] as [UInt8] })
        let accept = Base64.encode(SHA1.digest(of: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
        let lines = [
            "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Accept: \(accept)",
        ]
        let answer = head(lines + extensions.map { "Sec-WebSocket-Extensions: \($0)" })
        let events = client.receive(answer, inChunksOf: chunk)
        if case .refusedOpening(let fault) = events.last { throw fault }
        #expect(events == [.opened])
        return client
    }

    @Test func aClientOffersWhatItIsSet() throws {
        func offer(_ settings: DeflateSettings) throws -> String? {
            var client = try Connection.client(host: "a", path: "/", deflate: settings)
            return extensions(in: client.takeOutput())
        }
        #expect(try offer(DeflateSettingsTests.settings()) == "permessage-deflate; client_max_window_bits")
        let strict = DeflateSettings(library: Zlib())
        let begin = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        #expect(try offer(strict) == begin + "client_max_window_bits")
        var small = strict
        small.serverWindowBitsMax = 10
        small.clientWindowBitsMax = 3
        #expect(try offer(small) == begin + "server_max_window_bits=10; client_max_window_bits=9")
    }

    @Test(arguments: chunkings)
    func aClientTakesWhatTheServerChose(chunk: Int) throws {
        let settings = DeflateSettingsTests.settings()
        func agreed(_ answer: String...) throws -> DeflateParameters? {
            try DeflateSettingsTests.client(settings, answered: answer, chunk: chunk).compression
        }
        #expect(try agreed() == nil)
        #expect(try agreed("permessage-deflate")?.clientMaxWindowBits == 15)
        let all = try #require(
            try agreed(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                    + "server_max_window_bits=8; client_max_window_bits=\"10\""))
        #expect(all.serverNoContextTakeover && all.clientNoContextTakeover)
        #expect(all.serverMaxWindowBits == 8)
        #expect(all.clientMaxWindowBits == 10)
    }

    /// RFC 7692 §5: an answer that fits no offer fails the connection.
    @Test(arguments: [
        ["x-other"], ["permessage-deflate, x-other"], ["permessage-deflate", "permessage-deflate"],
        ["permessage-deflate; x"], ["permessage-deflate; client_max_window_bits"],
        ["permessage-deflate; server_max_window_bits=7"], ["permessage-deflate; server_max_window_bits"],
        ["permessage-deflate; server_no_context_takeover=1"], ["permessage-deflate; client_max_window_bits=16"],
        ["permessage-deflate; server_no_context_takeover; server_no_context_takeover"], ["permessage-deflate;"],
    ])
    func aClientRefusesOtherAnswers(answer: [String]) {
        #expect(throws: OpeningFault.self) {
            try DeflateSettingsTests.client(DeflateSettingsTests.settings(), answered: answer)
        }
    }

    @Test func aClientInsistsOnWhatItAsked() throws {
        let settings = DeflateSettingsTests.settings {
            $0.serverKeepsContext = false
            $0.serverWindowBitsMax = 10
        }
        for answer in [
            "permessage-deflate", "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
        ] {
            #expect(throws: OpeningFault.self) { try DeflateSettingsTests.client(settings, answered: [answer]) }
        }
        _ = try DeflateSettingsTests.client(
            settings, answered: ["permessage-deflate; server_no_context_takeover; server_max_window_bits=9"])
        #expect(throws: OpeningFault.self) {
            try DeflateSettingsTests.client(nil, answered: ["permessage-deflate"])
        }
    }

    /// §7.1.2.2 lets the server ask for a window that zlib cannot keep to. Then our messages go as they are.
    @Test func aClientThatCannotCompressSoSmallDoesNot() throws {
        var client = try DeflateSettingsTests.client(
            DeflateSettingsTests.settings(), answered: ["permessage-deflate; client_max_window_bits=8"])
        _ = client.takeOutput()
        let text = String(repeating: "a", count: 1000)
        try client.send(.text(Array(text.utf8)))
        #expect(client.takeOutput() == frame(0x81, text, key: [0x37, 0xFA, 0x21, 0x3D]))
    }
}
