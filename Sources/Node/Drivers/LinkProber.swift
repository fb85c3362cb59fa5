import Bytes
import Crypto
import Federation
import Net
import WebSocket
import WebSocketTransport
import Wire

/// Walks the way to another node for an administrator: name, TCP, TLS, WebSocket, and then what `LinkProbe` does. Has a
/// connection of its own, so no link notices.
final class LinkProber: EndpointHandler {
    private let target: ProbeTarget
    private let loop: EventLoop
    private let resolver: Resolver
    private let tls: TLSContext
    private let key: Ed25519PrivateKey
    private var tell: (ProbeStep) -> Void = { _ in }
    private var ended: (Refusal?) -> Void = { _ in }
    private var endpoint: Endpoint?
    private var probe: LinkProbe?
    /// When the present step began.
    private var began = Clock.now
    private var timer: TimerID?
    private var failure: Refusal?
    private var isOver = false

    /// For TCP and TLS together, and again for the WebSocket and all behind it.
    private static let stepDurationMax: Duration = .seconds(10)
    /// A node sends two messages in a test, both short, and then echoes.
    private static let messageBytesMax = 64 << 10

    init(_ target: ProbeTarget, loop: EventLoop, resolver: Resolver, tls: TLSContext, key: Ed25519PrivateKey) {
        self.target = target
        self.loop = loop
        self.resolver = resolver
        self.tls = tls
        self.key = key
    }

    /// - Parameters:
    ///   - tell: hears each step as soon as it is known.
    ///   - ended: is called once, with what went wrong.
    func start(tell: @escaping (ProbeStep) -> Void, ended: @escaping (Refusal?) -> Void) {
        (self.tell, self.ended) = (tell, ended)
        began = Clock.now
        guard let address = target.address, let host = try? HostPort(parsing: address) else {
            return fail(.lookup, Refusal(.noAddress, "\(target.name) has no address to dial"))
        }
        limit()
        resolver.resolve(host) { [weak self] answer in
            guard let self, !isOver else { return }
            switch answer {
            case .success(let addresses):
                let numeric = addresses.map(\.description).joined(separator: ", ")
                done(.lookup, host.name == nil ? "\(numeric), no name to look up" : "\(host) is \(numeric)")
                connect(to: host, addresses)
            case .failure(let error): fail(.lookup, LinkFault.refusal(for: error))
            }
        }
    }

    /// Nobody wants to hear of it any more.
    func cancel() {
        (tell, ended) = ({ _ in }, { _ in })
        finish(nil)
    }

    private func connect(to host: HostPort, _ addresses: [SocketAddress]) {
        if let timer { loop.cancel(timer) }
        let stream = Stream.connect(
            loop: loop, to: addresses, timeout: LinkProber.stepDurationMax,
            tls: target.transport == .tls ? tls : nil, serverName: host.name)
        var limits = Limits()
        limits.messageBytesMax = LinkProber.messageBytesMax
        do throws(Misuse) {
            let endpoint = try Endpoint(dialled: stream, host: host.description, path: "/", limits: limits)
            endpoint.handler = self
            self.endpoint = endpoint
        } catch {
            stream.close(.local("cannot be asked for"))
            fail(.webSocket, Refusal(.unreachable, "\(host) cannot be asked for"))
        }
    }

    // MARK: What the endpoint tells

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {}

    func endpointOpened(_ endpoint: Endpoint) {
        tellTransport(endpoint.stream)
        done(.webSocket, "open")
        limit()
        guard let nonce = try? SecureRandom.bytes(LinkHello.nonceBytes) else {
            return fail(.theirProof, Refusal(.busy, "no random numbers are to be had"))
        }
        let channel = endpoint.stream.exporter.map { LinkChannel.tls(exporter: $0) } ?? .plaintext
        let probe = LinkProbe(target, channel: channel, nonce: nonce, at: Clock.now)
        self.probe = probe
        perform(probe.begin())
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        guard case .text(let bytes) = message else {
            let refusal = Refusal(.malformedJSON, "a link carries text messages, not binary ones")
            return perform(probe?.unreadable(refusal, at: Clock.now) ?? [])
        }
        do throws(Refusal) {
            let message = try LinkMessage(decoding: bytes)
            perform(probe?.receive(message, at: Clock.now, wall: Clock.wallMilliseconds) ?? [])
        } catch { perform(probe?.unreadable(error, at: Clock.now) ?? []) }
    }

    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) {}
    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) {}
    func endpointDrained(_ endpoint: Endpoint) {}

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        guard !isOver else { return }
        let refusal = LinkFault.refusal(for: ending, of: endpoint)
        if probe != nil { return perform(probe?.closed(refusal, at: Clock.now) ?? []) }
        let stream = endpoint.stream
        switch (stream.connectedAt, stream.openedAt) {
        case (nil, _): fail(.tcp, refusal)
        case (let connected?, nil) where target.transport == .tls:
            tellTCP(stream, connected)
            fail(.tls, refusal)
        default:
            tellTransport(stream)
            fail(.webSocket, refusal)
        }
    }

    // MARK: Steps

    private func perform(_ steps: [LinkProbe.Step]) {
        for step in steps {
            guard !isOver else { return }
            switch step {
            case .send(let message): endpoint?.send(text: message.encoded())
            case .sign(let bytes):
                guard let signature = try? key.sign(bytes) else {
                    return fail(.ourProof, Refusal(.busy, "our proof could not be signed"))
                }
                perform(probe?.signed(signature, at: Clock.now, wall: Clock.wallMilliseconds) ?? [])
            case .verify(let key, let bytes, let signature):
                let isGood = LinkDriver.isValid(signature, of: bytes, by: key)
                perform(probe?.verified(isGood, at: Clock.now) ?? [])
            case .tell(let step):
                failure = failure ?? step.refusal
                tell(step)
            case .end: finish(failure)
            }
        }
    }

    private func tellTCP(_ stream: Stream, _ connected: Instant) {
        tell(ProbeStep(.tcp, took: connected.since(began), text: "connected to \(stream.remoteAddress)"))
        began = connected
    }

    private func tellTransport(_ stream: Stream) {
        guard let connected = stream.connectedAt, let opened = stream.openedAt else { return }
        tellTCP(stream, connected)
        guard target.transport == .tls else { return }
        let left = stream.peerCertificateTimeLeft
        let text = "TLS 1.3" + LinkProber.words(onCertificate: left)
        var step = ProbeStep(.tls, took: opened.since(connected), text: text)
        step.certificateLeft = left
        tell(step)
        began = opened
    }

    /// Keys prove servers, so no link fails for a certificate; but who looks for a cause wants to know that it is none.
    private static func words(onCertificate left: Duration?) -> String {
        guard let left else { return "" }
        guard left < .zero else { return ", certificate good for \(AdminWords.words(left))" }
        return ", certificate expired \(AdminWords.words(.zero - left)) ago, which links do not mind"
    }

    private func done(_ stage: ProbeStep.Stage, _ text: String) {
        let now = Clock.now
        tell(ProbeStep(stage, took: now.since(began), text: text))
        began = now
    }

    private func fail(_ stage: ProbeStep.Stage, _ refusal: Refusal) {
        guard !isOver else { return }
        tell(ProbeStep(stage, took: Clock.now.since(began), refusal: refusal))
        finish(refusal)
    }

    private func finish(_ refusal: Refusal?) {
        guard !isOver else { return }
        isOver = true
        if let timer { loop.cancel(timer) }
        endpoint?.close(.normal, reason: "tested")
        let ended = ended
        (tell, self.ended) = ({ _ in }, { _ in })
        // The endpoint stays until its close frame has left; later than the caller's own turn, for it may let go of us.
        loop.schedule(after: .seconds(1)) { [self] in endpoint = nil }
        ended(refusal)
    }

    private func limit() {
        if let timer { loop.cancel(timer) }
        timer = loop.schedule(after: LinkProber.stepDurationMax) { [weak self] in
            guard let self else { return }
            if probe != nil { return perform(probe?.timedOut(at: Clock.now) ?? []) }
            fail(.lookup, Refusal(.timedOut, "the name service did not answer in time"))
        }
    }
}
