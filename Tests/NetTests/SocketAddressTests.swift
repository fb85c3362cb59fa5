import Net
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1:5001", true), ("127.9.9.9:1", true), ("10.0.0.1:65535", false), ("0.0.0.0:0", false),
        ("[::1]:5001", true), ("[2001:db8::1]:443", false), ("[::]:0", false), ("[::ffff:127.0.0.1]:7", true),
        ("[::ffff:10.0.0.1]:7", false),
    ])
    func readsAndWrites(text: String, isLoopback: Bool) throws {
        let address = try SocketAddress(numeric: text)
        #expect(address.description == text)
        #expect(address.isLoopback == isLoopback)
        #expect(try SocketAddress(numeric: address.description) == address)
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1",
        "127.1:80",
        "localhost:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "[127.0.0.1]:80", "[::1]:80:90", "1.2.3.4:5:6",
    ])
    func refuses(text: String) {
        #expect(throws: NetError.self) { try SocketAddress(numeric: text) }
    }

    @Test func changesThePort() throws {
        #expect(try SocketAddress(numeric: "[::1]:0").with(port: 9) == SocketAddress(numeric: "[::1]:9"))
    }
}

@Suite struct HostPortTests {
    @Test(
        arguments: [
            ("chat.example:5555", "chat.example", 5555), ("Chat.EXAMPLE:1", "chat.example", 1), ("s8", "s8", 4242),
            ("my_box.local", "my_box.local", 4242), ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:80", "::1", 80),
            ("[fe80::1]", "fe80::1", 4242), ("xn--bcher-kva.example", "xn--bcher-kva.example", 4242),
        ] as [(String, String, UInt16)])
    func reads(text: String, host: String, port: UInt16) throws {
        let target = try HostPort(parsing: text, defaultPort: 4242)
        #expect(target.host == host)
        #expect(target.port == port)
        #expect(try HostPort(parsing: target.description) == target)
    }

    @Test(arguments: [
        "", ":80", "a:0", "a:99999", "a:b", "a b:80", "a\r\n:80", "a..b:80", "-a:80", "a-:80", "::1", "[::1", "[zz]:80",
        "256.1.1.1:80", "1.2.3:80", "bücher:80", "a/b:80", "user@host:80", String(repeating: "a", count: 64) + ":80",
        String(repeating: "a.", count: 200) + "b:80",
    ])
    func refuses(text: String) {
        #expect(throws: NetError.self) { try HostPort(parsing: text, defaultPort: 80) }
    }

    @Test func wantsAPortWhereNoneIsDefault() {
        #expect(throws: NetError.self) { try HostPort(parsing: "chat.example") }
    }
}
