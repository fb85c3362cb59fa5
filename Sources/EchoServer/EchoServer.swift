import Crypto
import Deflate
import Net
import WebSocket
import WebSocketTransport

/// A WebSocket server in one class: it lets clients in, hears their messages and answers. Everything happens on the
/// loop, so nothing needs a lock.
final class EchoServer: EndpointHandler {
    private enum Path: String, CaseIterable {
        case echo = "/echo"
        case broadcast = "/bcast"
        case publish = "/pub"
    }

    private struct Client {
        let endpoint: Endpoint
        /// Where it is, once it was let in.
        var path: Path?
    }

    private let loop: EventLoop
    private var listener: Listener?
    private let deflate: DeflateSettings?
    private let policy: OpeningPolicy
    private let connectionsMax: Int
    /// All connections: an endpoint lives as long as somebody holds it. Each endpoint knows its place here.
    private var clients: [Client] = []
    /// What goes to all at `/bcast` when this turn ends.
    private var news: EncodedFrame?

    init(loop: EventLoop, _ options: Options) throws {
        self.loop = loop
        deflate = options.deflates ? EchoServer.deflate(keepsContext: options.keepsContext) : nil
        connectionsMax = options.connectionsMax
        policy = EchoServer.policy(options)
        listener = try Listener(
            loop: loop, address: SocketAddress(numeric: "127.0.0.1:\(options.port)"),
            tls: options.speaksTLS ? EchoServer.context() : nil, egressLimits: EchoServer.egressLimits
        ) { [self] stream in accept(stream) }
    }

    /// Where it listens.
    var address: String { listener?.localAddress.description ?? "" }

    /// Says goodbye to everybody and stops the loop.
    func stop() {
        listener?.close()
        listener = nil
        for client in clients { client.endpoint.close(.goingAway) }
        stopWhenEmpty()
    }

    private func stopWhenEmpty() { if listener == nil, clients.isEmpty { loop.stop() } }

    private func accept(_ stream: Stream) {
        let endpoint = Endpoint(accepted: stream, limits: EchoServer.limits, deflate: deflate)
        endpoint.handler = self
        endpoint.place = clients.count
        clients.append(Client(endpoint: endpoint))
    }

    // MARK: What the endpoints tell

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {
        do {
            guard clients.count <= connectionsMax else {
                return try endpoint.refuse(.serviceUnavailable, reason: "Too many are here. Try again later.")
            }
            try endpoint.accept(subprotocol: try policy.judge(request))
            clients[endpoint.place].path = Path(rawValue: String(request.path.prefix { $0 != "?" }))
        } catch let fault as OpeningFault {
            try? endpoint.refuse(fault.status ?? .badRequest, reason: fault.reason)
        } catch {
            endpoint.drop(.local("\(error)"))
        }
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        switch clients[endpoint.place].path {
        case .echo:
            // Who sends faster than it reads is not read for a while.
            if case .aboveHighWater = endpoint.send(message) { endpoint.stream.pauseReading() }
        case .broadcast, .publish: broadcast(message)
        case nil: break
        }
    }

    func endpointDrained(_ endpoint: Endpoint) { endpoint.stream.resumeReading() }

    /// Encoded once, however many read it, and what comes in one turn of the loop leaves together.
    private func broadcast(_ message: Message) {
        if news == nil {
            news = EncodedFrame()
            loop.afterThisTurn { [self] in sendNews() }
        }
        // It cannot fail: a text that we received is UTF-8.
        try? news?.append(message)
        if let news, news.bytes.count > EchoServer.newsBytesMax { sendNews() }
    }

    /// One who reads too slowly is cut off by its own egress queue.
    private func sendNews() {
        guard let frame = news else { return }
        news = nil
        for client in clients where client.path == .broadcast { client.endpoint.send(frame) }
    }

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        // The last one takes its place.
        let last = clients.removeLast()
        if last.endpoint !== endpoint {
            last.endpoint.place = endpoint.place
            clients[endpoint.place] = last
        }
        stopWhenEmpty()
    }

    // The rest needs no answer: the endpoint itself answers pings.
    func endpointOpened(_ endpoint: Endpoint) {}
    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) {}
    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) {}

    /// The first byte of each connection tells whether it is under TLS.
    private static func context() throws -> TLSContext {
        let certificate = try Certificate.selfSigned(names: ["localhost", "127.0.0.1"])
        return try .server(identity: TLSIdentity(pem: certificate.exposed))
    }

    // MARK: Limits

    /// Any program may connect, but of web pages only those that were named.
    private static func policy(_ options: Options) -> OpeningPolicy {
        var policy = OpeningPolicy(paths: Path.allCases.map(\.rawValue))
        policy.origins = options.origins
        policy.subprotocols = options.subprotocols
        return policy
    }

    /// Wider than a program needs that knows its peers: the conformance suite sends 16 MiB, 4 MiB in fragments of 64
    /// bytes, and ten pings at once.
    private static var limits: Limits {
        var limits = Limits()
        limits.messageBytesMax = 16 << 20
        limits.fragmentsMax = 1 << 17
        limits.pendingPongsMax = 16
        return limits
    }

    /// More does not wait for the end of the turn.
    private static let newsBytesMax = 64 << 10

    /// Room for two of the longest messages.
    private static let egressLimits = EgressQueue.Limits(bytesMax: 33 << 20, highWaterBytes: 1 << 20)

    private static func deflate(keepsContext: Bool) -> DeflateSettings {
        var settings = DeflateSettings(library: Zlib())
        settings.serverKeepsContext = keepsContext
        settings.clientKeepsContext = keepsContext
        return settings
    }
}
