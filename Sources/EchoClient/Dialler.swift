import Deflate
import Net
import WebSocket
import WebSocketTransport

/// Opens connections to one server.
final class Dialler {
    let loop: EventLoop
    let path: String
    private let target: HostPort
    /// nil for plain TCP.
    private let tls: TLSContext?
    private let resolver: Resolver
    private let subprotocols: [String]
    private let deflate: DeflateSettings?

    init(loop: EventLoop, _ options: Options) throws {
        self.loop = loop
        path = options.url.path
        target = options.url.target
        tls = options.url.speaksTLS ? try .client() : nil
        subprotocols = options.subprotocols
        resolver = try Resolver(loop: loop, threads: 1)
        deflate = options.deflates ? Dialler.deflate(keepsContext: options.keepsContext) : nil
    }

    /// Finds the server's addresses and dials. `completion` gets an endpoint that is still opening; set its handler.
    func dial(_ path: String, _ completion: @escaping (Result<Endpoint, any Error>) -> Void) {
        resolver.resolve(target) { [self] answer in completion(Result { try open(path, at: try answer.get()) }) }
    }

    private func open(_ path: String, at addresses: [SocketAddress]) throws -> Endpoint {
        let stream = Stream.connect(
            loop: loop, to: addresses, timeout: .seconds(10), tls: tls, serverName: target.name,
            egressLimits: Dialler.egressLimits)
        return try Endpoint(
            dialled: stream, host: target.description, path: path, subprotocols: subprotocols, limits: Dialler.limits,
            deflate: deflate)
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

    /// Room for two of the longest messages.
    private static let egressLimits = EgressQueue.Limits(bytesMax: 33 << 20, highWaterBytes: 1 << 20)

    private static func deflate(keepsContext: Bool) -> DeflateSettings {
        var settings = DeflateSettings(library: Zlib())
        settings.serverKeepsContext = keepsContext
        settings.clientKeepsContext = keepsContext
        return settings
    }
}
