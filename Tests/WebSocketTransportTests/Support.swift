import Net
import Testing
import WebSocket
import WebSocketTransport

/// Runs a loop until the test stops it. A test that waits for something that never comes fails after 20 seconds.
func withLoop(_ setUp: (EventLoop) throws -> Void) throws {
    try EventLoop.run { loop in
        loop.schedule(after: .seconds(20)) {
            Issue.record("nothing happened until the deadline")
            loop.stop()
        }
        try setUp(loop)
    }
}

/// Writes down what it hears and lets a test react. A server's lets everybody in.
final class Recorder: EndpointHandler {
    var requests: [OpeningRequest] = []
    var openedCount = 0
    var texts: [[UInt8]] = []
    var pings: [[UInt8]] = []
    var pongs: [[UInt8]] = []
    var drainedCount = 0
    var endings: [Ending] = []
    var onAsked: (Endpoint, OpeningRequest) throws -> Void = { endpoint, _ in try endpoint.accept() }
    var onOpened: (Endpoint) -> Void = { _ in }
    var onText: (Endpoint, [UInt8]) -> Void = { _, _ in }
    var onPong: (Endpoint) -> Void = { _ in }
    var onDrained: (Endpoint) -> Void = { _ in }
    var onClosed: (Endpoint, Ending) -> Void = { _, _ in }

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {
        requests.append(request)
        do { try onAsked(endpoint, request) } catch { Issue.record(error) }
    }

    func endpointOpened(_ endpoint: Endpoint) {
        openedCount += 1
        #expect(endpoint.isOpen)
        onOpened(endpoint)
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        #expect(endings.isEmpty, "a message after the last call")
        guard case .text(let text) = message else {
            Issue.record("binary")
            return
        }
        texts.append(text)
        onText(endpoint, text)
    }

    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) { pings.append(payload) }

    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) {
        pongs.append(payload)
        onPong(endpoint)
    }

    func endpointDrained(_ endpoint: Endpoint) {
        drainedCount += 1
        onDrained(endpoint)
    }

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        endings.append(ending)
        #expect(!endpoint.isOpen)
        onClosed(endpoint, ending)
    }
}

/// A plain stream's peer: bytes as they are, no WebSocket.
final class RawPeer: StreamHandler {
    var received: [UInt8] = []
    var reasons: [CloseReason] = []
    var onOpened: (Net.Stream) -> Void = { _ in }
    var onReceived: (Net.Stream) -> Void = { _ in }
    var onClosed: () -> Void = {}

    var text: String { String(decoding: received, as: UTF8.self) }

    func streamOpened(_ stream: Net.Stream) { onOpened(stream) }

    func stream(_ stream: Net.Stream, received bytes: UnsafeRawBufferPointer) {
        received.append(contentsOf: bytes)
        onReceived(stream)
    }

    func streamDrained(_ stream: Net.Stream) {}

    func streamClosed(_ stream: Net.Stream, reason: CloseReason) {
        reasons.append(reason)
        onClosed()
    }
}

/// A listener on loopback, and all who live on the loop with it: kept until the loop ends.
final class Stage {
    let loop: EventLoop
    private var listener: Listener?
    private(set) var servers: [Recorder] = []
    private var clients: [Recorder] = []
    private var endpoints: [Endpoint] = []
    private var rawPeers: [RawPeer] = []

    init(_ loop: EventLoop) {
        self.loop = loop
        loop.schedule(after: .seconds(60)) { _ = self }
    }

    private var addresses: [SocketAddress] { listener.map { [$0.localAddress] } ?? [] }

    /// Every stream accepted gets a server endpoint.
    func serve(
        timeouts: Endpoint.Timeouts = Endpoint.Timeouts(), egressLimits: EgressQueue.Limits = EgressQueue.Limits(),
        deflate: DeflateSettings? = nil, _ configure: @escaping (Recorder) -> Void = { _ in }
    ) throws {
        listener = try Listener(loop: loop, address: SocketAddress(numeric: "127.0.0.1:0"), egressLimits: egressLimits)
        { stream in
            let recorder = Recorder()
            configure(recorder)
            self.servers.append(recorder)
            let endpoint = Endpoint(accepted: stream, deflate: deflate, timeouts: timeouts)
            endpoint.handler = recorder
            self.endpoints.append(endpoint)
        }
    }

    /// Every stream accepted gets a raw peer.
    func serveRaw(_ configure: @escaping (RawPeer) -> Void) throws {
        listener = try Listener(loop: loop, address: SocketAddress(numeric: "127.0.0.1:0")) { stream in
            stream.handler = self.rawPeer(configure)
        }
    }

    func dial(
        timeouts: Endpoint.Timeouts = Endpoint.Timeouts(), deflate: DeflateSettings? = nil,
        _ configure: (Recorder) -> Void = { _ in }
    ) throws -> (recorder: Recorder, endpoint: Endpoint) {
        let stream = Stream.connect(loop: loop, to: addresses, timeout: .seconds(5))
        let endpoint = try Endpoint(
            dialled: stream, host: "south.example:5555", path: "/", deflate: deflate, timeouts: timeouts)
        let recorder = Recorder()
        configure(recorder)
        endpoint.handler = recorder
        endpoints.append(endpoint)
        clients.append(recorder)
        return (recorder, endpoint)
    }

    func dialRaw(_ configure: (RawPeer) -> Void) -> RawPeer {
        let peer = rawPeer(configure)
        Stream.connect(loop: loop, to: addresses, timeout: .seconds(5)).handler = peer
        return peer
    }

    private func rawPeer(_ configure: (RawPeer) -> Void) -> RawPeer {
        let peer = RawPeer()
        configure(peer)
        rawPeers.append(peer)
        return peer
    }

    /// Stops when both sides have told their end.
    func stopAfterEndings(_ count: Int) -> (Endpoint, Ending) -> Void {
        var seen = 0
        return { [loop] _, _ in
            seen += 1
            if seen == count { loop.stop() }
        }
    }
}

/// A valid opening request; the key is that of RFC 6455 §1.3.
let openingRequest = Array(
    """
    GET / HTTP/1.1\r
    Host: south.example\r
    Upgrade: websocket\r
    Connection: Upgrade\r
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
    Sec-WebSocket-Version: 13\r
    \r

    """.utf8)

/// One frame of a client with the masking key 0, which leaves the payload as it is; at most 125 bytes.
func clientFrame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    [(isFinal ? 0x80 : 0) | opcode, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
}
