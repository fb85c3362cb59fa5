import Testing
import WebSocket

struct OpeningPolicyTests {
    private static func request(path: String = "/", host: String = "a", adding lines: [String] = []) -> [UInt8] {
        head(
            [
                "GET \(path) HTTP/1.1", "Host: \(host)", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            ] + lines)
    }

    /// The subprotocol chosen, or the status of the refusal.
    private static func verdict(
        _ policy: OpeningPolicy, _ bytes: [UInt8], inChunksOf size: Int = .max
    ) throws -> (subprotocol: String?, status: HTTPStatus?) {
        var server = Connection.server()
        guard case .opening(let request) = server.receive(bytes, inChunksOf: size).last else { throw TestFailure() }
        do throws(OpeningFault) {
            return (try policy.judge(request), nil)
        } catch {
            #expect(!error.reason.isEmpty && error.reason.utf8.count <= 100)
            return (nil, error.status)
        }
    }

    @Test(
        arguments: [
            ("/", nil), ("/chat", nil), ("/chat?a=b/c", nil), ("/?", nil), ("/Chat", 404), ("/chat/", 404), ("//", 404),
            ("/c%68at", 404), ("/chatty", 404), ("/x?/chat", 404),
        ] as [(String, Int?)])
    func paths(path: String, status: Int?) throws {
        let policy = OpeningPolicy(paths: ["/", "/chat"])
        for size in chunkings {
            let verdict = try OpeningPolicyTests.verdict(
                policy, OpeningPolicyTests.request(path: path), inChunksOf: size)
            #expect(verdict.status?.rawValue == status)
        }
    }

    @Test(
        arguments: [
            ("north.example", nil), ("NORTH.Example", nil), ("north.example:5555", nil), ("north.example:80", 421),
            ("evil.example", 421), ("north.example.evil.example", 421), ("127.0.0.1", 421),
        ] as [(String, Int?)])
    func hosts(host: String, status: Int?) throws {
        var policy = OpeningPolicy(paths: ["/"])
        #expect(try OpeningPolicyTests.verdict(policy, OpeningPolicyTests.request(host: host)).status == nil)
        policy.hosts = ["north.example", "north.example:5555"]
        let verdict = try OpeningPolicyTests.verdict(policy, OpeningPolicyTests.request(host: host))
        #expect(verdict.status?.rawValue == status)
    }

    /// Every origin is foreign unless listed, also the one of the very host, `null`, and look-alikes.
    @Test(
        arguments: [
            ("https://chat.example", nil), ("http://chat.example", 403), ("https://chat.example:444", 403),
            ("https://chat.example.evil.example", 403), ("https://evil.example", 403), ("null", 403), ("", 403),
            ("https://chat.example/", 403), ("HTTPS://chat.example", 403),
        ] as [(String, Int?)])
    func origins(origin: String, status: Int?) throws {
        var policy = OpeningPolicy(paths: ["/"])
        let request = OpeningPolicyTests.request(host: "chat.example", adding: ["Origin: \(origin)"])
        #expect(try OpeningPolicyTests.verdict(policy, request).status == .forbidden)
        policy.origins = ["https://chat.example"]
        #expect(try OpeningPolicyTests.verdict(policy, request).status?.rawValue == status)
        #expect(try OpeningPolicyTests.verdict(policy, OpeningPolicyTests.request()).status == nil)
    }

    @Test(
        arguments: [
            ([], nil), (["Sec-WebSocket-Protocol: old"], "old"), (["Sec-WebSocket-Protocol: old, new"], "new"),
            (["Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol: new"], "new"),
            (["Sec-WebSocket-Protocol: NEW"], nil), (["Sec-WebSocket-Protocol: other"], nil),
        ] as [([String], String?)])
    func subprotocols(lines: [String], chosen: String?) throws {
        var policy = OpeningPolicy(paths: ["/"])
        policy.subprotocols = ["new", "old"]
        let request = OpeningPolicyTests.request(adding: lines)
        var verdict = try OpeningPolicyTests.verdict(policy, request)
        #expect(verdict.subprotocol == chosen)
        #expect(verdict.status == nil)
        policy.requiresSubprotocol = true
        verdict = try OpeningPolicyTests.verdict(policy, request)
        #expect(verdict.subprotocol == chosen)
        #expect(verdict.status == (chosen == nil ? .badRequest : nil))
        policy.subprotocols = []
        policy.requiresSubprotocol = false
        #expect(try OpeningPolicyTests.verdict(policy, request).subprotocol == nil)
    }
}
