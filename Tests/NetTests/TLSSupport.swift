import Crypto
import Net

/// Certificates that tests use, made once.
enum TestCertificates {
    static let authority = secret { try Certificate.authority(name: "test-authority") }
    static let stranger = secret { try Certificate.authority(name: "stranger") }
    static let server = secret { try Certificate.selfSigned(names: ["localhost", "127.0.0.1"]) }
    static let alice = secret { try Certificate.issued(for: .client, name: "alice", by: authority) }

    static func secret(_ make: () throws -> Secret) -> Secret { (try? make()) ?? Secret([]) }
}

extension TLSIdentity {
    init(_ text: Secret) { self.init(pem: text.exposed) }
}

extension TLSContext {
    static func testServer(requiringCertificates: Bool = false) throws -> TLSContext {
        let issuers = TLSIssuers(pem: TestCertificates.authority.exposed)
        return try .server(
            identity: TLSIdentity(TestCertificates.server), clientIssuers: requiringCertificates ? issuers : nil)
    }
}

/// Passes bytes on between one client and a server, and does to those for the server what it is told to.
final class Wire {
    private(set) var address: SocketAddress
    private var listener: Listener?
    private var ends: [Recorder] = []
    private var streams: [Net.Stream] = []
    /// What went to the server so far.
    private var count = 0

    /// - Parameter pass: what is passed on of a byte, given how many came before it; nothing if it is nil.
    init(_ loop: EventLoop, to target: SocketAddress, inPiecesOf size: Int, _ pass: @escaping (UInt8, Int) -> UInt8?)
        throws
    {
        address = try SocketAddress(numeric: anyLoopbackPort)
        let listener = try Listener(loop: loop, address: address) { [unowned self] accepted in
            let dialled = Net.Stream.connect(loop: loop, to: [target], timeout: .seconds(5))
            join(accepted, to: dialled) { [unowned self] bytes in
                let kept = bytes.compactMap { byte in
                    defer { count += 1 }
                    return pass(byte, count)
                }
                Wire.write(kept[...], to: dialled, inPiecesOf: size, loop)
            }
            join(dialled, to: accepted) { Wire.write($0[...], to: accepted, inPiecesOf: size, loop) }
        }
        self.listener = listener
        address = listener.localAddress
    }

    /// Each piece goes out in a turn of its own, so that it arrives by itself.
    private static func write(
        _ bytes: ArraySlice<UInt8>, to stream: Net.Stream, inPiecesOf size: Int, _ loop: EventLoop
    ) {
        guard !bytes.isEmpty else { return }
        stream.write(Array(bytes.prefix(size)))
        loop.schedule(after: .zero) { write(bytes.dropFirst(size), to: stream, inPiecesOf: size, loop) }
    }

    private func join(_ from: Net.Stream, to other: Net.Stream, _ receive: @escaping ([UInt8]) -> Void) {
        let recorder = Recorder()
        recorder.onReceived = { _, bytes in receive(bytes) }
        recorder.onClosed = { _, _ in other.closeAfterFlush(within: .seconds(1)) }
        from.handler = recorder
        ends.append(recorder)
        streams.append(from)
    }
}
