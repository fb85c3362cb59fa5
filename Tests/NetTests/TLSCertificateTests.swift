import Crypto
import Net
import Testing

@Suite struct TLSCertificateTests {
    /// What became of a client that shows `identity` to a server that asks for certificates.
    private func outcome(
        of identity: Secret?
    ) throws -> (name: String?, received: [UInt8], server: [CloseReason], client: [CloseReason]) {
        var name: String?
        var server: Server?
        let client = Recorder()
        try withLoop { loop in
            var ends = 0
            func ended() {
                ends += 1
                if ends == 2 { loop.stop() }
            }
            let made = try Server(loop, tls: .testServer(requiringCertificates: true)) { recorder in
                recorder.onReceived = { stream, _ in
                    name = stream.peerCertificateName
                    stream.closeAfterFlush(within: .seconds(5))
                }
                recorder.onClosed = { _, _ in ended() }
            }
            server = made
            let stream = Net.Stream.connect(
                loop: loop, to: [made.address], timeout: .seconds(5),
                tls: try .client(identity: identity.map { TLSIdentity($0) }))
            stream.handler = client
            stream.write([7])
            client.onClosed = { _, _ in ended() }
        }
        let heard = server?.handlers.first
        return (name, heard?.received ?? [], heard?.reasons ?? [], client.reasons)
    }

    @Test func aCertificateOfTheAuthorityIsTakenAndNamed() throws {
        let (name, received, _, client) = try outcome(of: TestCertificates.alice)
        #expect(name == "alice")
        #expect(received == [7])
        #expect(client == [.peerClosed])
    }

    @Test(arguments: ["none", "of a stranger", "of a server", "self-signed"])
    func othersAreRefusedAndTold(_ which: String) throws {
        let identity: Secret? =
            switch which {
            case "none": nil
            case "of a stranger": try Certificate.issued(for: .client, name: "alice", by: TestCertificates.stranger)
            case "of a server": try Certificate.issued(for: .server, name: "alice", by: TestCertificates.authority)
            default: TestCertificates.server
            }
        let (name, received, server, client) = try outcome(of: identity)
        #expect(name == nil)
        #expect(received == [])
        for reasons in [server, client] {
            guard case .tls(let fault) = reasons.first else {
                Issue.record("ended with \(reasons)")
                continue
            }
            #expect(fault.kind == .certificateRefused, "\(fault)")
        }
    }

    @Test func unusableTextsAreRefusedInWords() throws {
        let server = TestCertificates.server.exposed
        let keyOnly = try #require(String(decoding: server, as: UTF8.self).split(separator: "-----BEGIN PRIVATE").last)
        let otherKey = Array("-----BEGIN PRIVATE\(keyOnly)".utf8)
        let certificateOnly = try Certificate.publicPart(of: TestCertificates.alice)
        for (pem, words) in [
            ([], "no certificate"), (Array("nonsense".utf8), "no certificate"), (otherKey, "no certificate"),
            (certificateOnly, "no private key"), (certificateOnly + otherKey, "does not fit"),
            (Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8), "cannot be read"),
            ([UInt8](repeating: 65, count: 300_000), "too long"),
        ] {
            do {
                _ = try TLSContext.server(identity: TLSIdentity(pem: pem))
                Issue.record("\(words) was taken")
            } catch {
                #expect(error.kind == .unusable)
                #expect(error.text.contains(words), "\(error)")
            }
        }
        #expect(throws: TLSFault.self) {
            try TLSContext.server(identity: TLSIdentity(pem: server), clientIssuers: TLSIssuers(pem: []))
        }
    }

    /// A new context is heeded by those who connect from now on; those who are there stay.
    @Test func aNewCertificateIsShownFromNowOn() throws {
        let client = Recorder()
        try withLoop { loop in
            let listener = try Listener(
                loop: loop, address: SocketAddress(numeric: anyLoopbackPort), tls: .testServer()
            ) { stream in
                stream.write([1])
                stream.closeAfterFlush(within: .seconds(5))
            }
            listener.tls = try .testServer(requiringCertificates: true)
            let stream = Net.Stream.connect(
                loop: loop, to: [listener.localAddress], timeout: .seconds(5), tls: try .client())
            stream.handler = client
            client.onClosed = { _, _ in loop.stop() }
            loop.schedule(after: .seconds(30)) { _ = listener }
        }
        guard case .tls(let fault) = client.reasons.first else {
            Issue.record("\(client.reasons)")
            return
        }
        #expect(fault.kind == .certificateRefused)
    }
}
