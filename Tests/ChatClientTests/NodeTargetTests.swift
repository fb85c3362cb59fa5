import ChatClient
import Net
import Testing

@Suite struct NodeTargetTests {
    @Test(arguments: [
        ("chat.example", "chat.example:5001", TLSUse.whereOffered), ("127.0.0.1:7", "127.0.0.1:7", .whereOffered),
        ("tls://chat.example", "chat.example:5001", .always), ("tcp://[::1]:7", "[::1]:7", .never),
    ])
    func isRead(_ text: String, _ host: String, _ use: TLSUse) throws {
        let target = try NodeTarget(parsing: text)
        #expect(target.host.description == host)
        #expect(target.tlsUse == use)
    }

    @Test(arguments: ["", "tls://", "http://chat.example", "tcp://tls://x", "a b"])
    func isRefused(_ text: String) {
        #expect(throws: NetError.self) { try NodeTarget(parsing: text) }
    }
}
