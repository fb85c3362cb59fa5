import Net
import Testing

@Suite struct ResolverTests {
    private func resolve(_ text: String) throws -> Resolver.Answer? {
        var answer: Resolver.Answer?
        try withLoop { loop in
            let resolver = try Resolver(loop: loop)
            var hasReturned = false
            resolver.resolve(try HostPort(parsing: text)) {
                #expect(hasReturned)
                answer = $0
                loop.stop()
            }
            hasReturned = true
            loop.schedule(after: .seconds(30)) { _ = resolver }
        }
        return answer
    }

    @Test func findsThisMachine() throws {
        let addresses = try #require(try resolve("localhost:5001")?.get())
        #expect(!addresses.isEmpty)
        for address in addresses {
            #expect(address.isLoopback)
            #expect(address.port == 5001)
        }
        #expect(Set(addresses).count == addresses.count)
    }

    @Test(arguments: ["127.0.0.1:80", "[::1]:80"])
    func numericAddressesAnswerThemselves(text: String) throws {
        #expect(try resolve(text) == .success([try SocketAddress(numeric: text)]))
    }

    /// RFC 6761 §6.4: no resolver may find a name under `invalid`.
    @Test func anUnknownNameIsAnError() throws {
        guard case .failure(.unresolved(let host, let reason)) = try resolve("nobody.invalid:80") else {
            Issue.record("it was found")
            return
        }
        #expect(host == "nobody.invalid")
        #expect(!reason.isEmpty)
    }

    @Test func tooManyLookupsAreRefused() throws {
        var refused = 0
        var answered = 0
        try withLoop { loop in
            let resolver = try Resolver(loop: loop, threads: 1, lookupsMax: 1)
            for _ in 0..<200 {
                resolver.resolve(try HostPort(parsing: "localhost:1")) { answer in
                    if answer == .failure(.queueFull) { refused += 1 } else { answered += 1 }
                    if refused + answered == 200 { loop.stop() }
                }
            }
            loop.schedule(after: .seconds(30)) { _ = resolver }
        }
        #expect(refused > 0)
        #expect(answered > 0)
    }
}
