import Bytes
import Testing
import Wire

struct LinkMessageTests {
    private func hello(_ from: String, _ to: String, _ nonce: UInt8, _ key: UInt8) throws -> LinkHello {
        LinkHello(
            version: 1, from: try ServerName(from), to: try ServerName(to),
            nonce: [UInt8](repeating: nonce, count: 32),
            key: try #require(IdentityKey(bytes: [UInt8](repeating: key, count: 32))))
    }

    /// The role of the signer and every member of both hellos are signed, and so are transport and binding: no proof
    /// can be used in another role, for another name, or on another connection.
    @Test func anyChangeOfALinkShows() throws {
        let (dialler, acceptor) = (try hello("s1", "s2", 1, 2), try hello("s2", "s1", 3, 4))
        let plaintext = Array("plaintext".utf8)
        let (otherNonce, otherKey) = (try hello("s1", "s2", 9, 2), try hello("s2", "s1", 3, 9))
        let transcripts = [
            LinkProof.transcript(
                signer: .dialler, dialler: dialler, acceptor: acceptor, transport: "ws", binding: plaintext),
            LinkProof.transcript(
                signer: .acceptor, dialler: dialler, acceptor: acceptor, transport: "ws", binding: plaintext),
            LinkProof.transcript(
                signer: .dialler, dialler: acceptor, acceptor: dialler, transport: "ws", binding: plaintext),
            LinkProof.transcript(
                signer: .dialler, dialler: dialler, acceptor: acceptor, transport: "wss", binding: plaintext),
            LinkProof.transcript(
                signer: .dialler, dialler: dialler, acceptor: acceptor, transport: "ws", binding: Sample.nonce),
            LinkProof.transcript(
                signer: .dialler, dialler: otherNonce, acceptor: acceptor, transport: "ws", binding: plaintext),
            LinkProof.transcript(
                signer: .dialler, dialler: dialler, acceptor: otherKey, transport: "ws", binding: plaintext),
            LinkProof.transcript(
                signer: .dialler, dialler: test(dialler), acceptor: test(acceptor), transport: "ws", binding: plaintext),
        ]
        #expect(Set(transcripts).count == transcripts.count)
    }

    private func test(_ hello: LinkHello) -> LinkHello {
        LinkHello(
            version: hello.version, from: hello.from, to: hello.to, nonce: hello.nonce, key: hello.key, isTest: true)
    }

    /// An acceptor that knows no tests does not repeat the purpose, and signs an ordinary link.
    @Test func onlyWhatBothSayIsSignedAsATest() throws {
        let (dialler, acceptor) = (try hello("s1", "s2", 1, 2), try hello("s2", "s1", 3, 4))
        func transcript(_ dialler: LinkHello, _ acceptor: LinkHello) -> [UInt8] {
            LinkProof.transcript(
                signer: .acceptor, dialler: dialler, acceptor: acceptor, transport: "ws", binding: [1])
        }
        #expect(transcript(test(dialler), acceptor) == transcript(dialler, acceptor))
        #expect(transcript(test(dialler), test(acceptor)) != transcript(dialler, acceptor))
    }

    @Test func whatANodeSignsForAClient() throws {
        let transcript = ClientHello.transcript(
            server: try ServerName("s1"), nonce: [0xAB, 0xCD], exporter: nil)
        #expect(
            Hex.encode(transcript) == """
                00000015706f7374726f61642d636c69656e742d68656c6c6f\
                0000000131\
                00000003746370\
                000000027331\
                00000002abcd\
                00000009706c61696e74657874
                """)
    }
}
