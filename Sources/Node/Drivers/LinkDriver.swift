import Crypto
import Federation
import Net
import WebSocket
import WebSocketTransport
import Wire

/// The link port and the links that we dial: performs what the mesh asks of the network and of our key.
final class LinkDriver {
    private let loop: EventLoop
    private unowned let node: NodeDriver
    private var listener: Listener?
    /// Links that the mesh knows.
    private var connections: [LinkID: LinkConnection] = [:]
    /// Accepted ones that have not opened yet, and closed ones that still say goodbye.
    private var others: [ObjectIdentifier: LinkConnection] = [:]

    /// Links whose address is being looked up.
    private var lookups: Set<LinkID> = []

    /// Connections on the link port that have not opened yet; each is given ten seconds.
    private static let unopenedMax = 1024
    private static let dialDurationMax: Duration = .seconds(10)
    /// Nothing but links lives on this port.
    private static let path = "/"

    init(loop: EventLoop, node: NodeDriver) {
        self.loop = loop
        self.node = node
    }

    /// A window of envelopes is 1 MiB at most, a presence page a quarter. One that asks on without reading is a slow
    /// consumer. Above high water there is a chunk of a file already, and the next one waits until this one has nearly gone.
    private static var egressLimits: EgressQueue.Limits {
        EgressQueue.Limits(bytesMax: 8 << 20, highWaterBytes: 64 << 10, lowWaterBytes: 16 << 10)
    }

    private static var limits: Limits {
        var limits = Limits()
        limits.messageBytesMax = LinkMessage.unprovenBytesMax
        return limits
    }

    /// Returns the address with the port that was taken.
    func listen(at address: SocketAddress, tls: TLSContext) throws(NetError) -> SocketAddress {
        let listener = try Listener(loop: loop, address: address, tls: tls, egressLimits: LinkDriver.egressLimits) {
            [unowned self] in accept($0)
        }
        self.listener = listener
        return listener.localAddress
    }

    func show(_ tls: TLSContext) { listener?.tls = tls }

    func stopListening() {
        listener?.close()
        listener = nil
    }

    /// Lets go of those who were accepted and are no links yet. The mesh ends the links.
    func dropUnopened() {
        for connection in others.values where connection.id == nil { connection.endpoint.drop(.local("draining")) }
    }

    /// Links that still have something to say.
    var linkCount: Int { connections.count + others.count }

    func tell(_ event: MeshEvent) { node.handle(.mesh(event)) }

    /// The peer is who it says.
    func proven(_ id: LinkID) { connections[id]?.endpoint.limitMessages(to: LinkMessage.bytesMax) }

    func perform(_ action: MeshAction) {
        switch action {
        case .dial(let id, let server, let address, let transport): dial(id, server, address, transport)
        case .send(let id, let message): connections[id]?.send(message)
        case .ping(let id): connections[id]?.endpoint.ping()
        case .close(let id, let refusal): close(id, refusal)
        case .sign(let id, let bytes): sign(id, bytes)
        case .verify(let id, let key, let bytes, let signature):
            tell(.verified(id, LinkDriver.isValid(signature, of: bytes, by: key)))
        case .echo(let id, let ref): connections[id]?.send(.echoed(ref: ref, at: Clock.wallMilliseconds))
        default: break
        }
    }

    // MARK: Dialling

    private func dial(_ id: LinkID, _ server: ServerName, _ address: String, _ transport: LinkTransport) {
        guard let target = try? HostPort(parsing: address) else { return tell(.closed(id, nil)) }
        lookups.insert(id)
        node.resolver.resolve(target) { [weak self] answer in
            // A lookup may take longer than the mesh waits for a link.
            guard let self, lookups.remove(id) != nil else { return }
            switch answer {
            case .success(let addresses): connect(id, target, addresses, transport)
            case .failure(let error):
                node.log.write(.info, "cannot dial", [("server", server.text), ("reason", "\(error)")])
                tell(.closed(id, LinkFault.refusal(for: error)))
            }
        }
    }

    private func connect(
        _ id: LinkID, _ target: HostPort, _ addresses: [SocketAddress], _ transport: LinkTransport
    ) {
        let stream = Stream.connect(
            loop: loop, to: addresses, timeout: LinkDriver.dialDurationMax,
            tls: transport == .tls ? node.dialling : nil,
            serverName: target.name, egressLimits: LinkDriver.egressLimits)
        do throws(Misuse) {
            let endpoint = try Endpoint(
                dialled: stream, host: target.description, path: LinkDriver.path, limits: LinkDriver.limits)
            connections[id] = LinkConnection(endpoint, id: id, driver: self)
        } catch {
            stream.close(.local("cannot be asked for"))
            tell(.closed(id, nil))
        }
    }

    // MARK: Accepting

    private func accept(_ stream: Stream) {
        guard others.count < LinkDriver.unopenedMax else {
            node.count(.busy)
            return stream.close(.local("too many openings"))
        }
        let endpoint = Endpoint(accepted: stream, limits: LinkDriver.limits)
        let connection = LinkConnection(endpoint, id: nil, driver: self)
        others[ObjectIdentifier(connection)] = connection
    }

    /// Why a request is not let in, in words for people who opened the port with something else.
    func objection(to request: OpeningRequest, from stream: Stream) -> (HTTPStatus, String)? {
        guard request.path == LinkDriver.path else {
            node.count(.notPostroad)
            return (.notFound, "links live at / only")
        }
        guard request.origin == nil else {
            node.count(.notPostroad)
            return (.forbidden, "this port is for Postroad servers, not for web pages")
        }
        guard stream.isSecure || stream.isLoopback || node.setup.allowsPlaintextLinks else {
            node.count(.needsTLS)
            return (.forbidden, "plaintext links from other machines are not allowed here")
        }
        return nil
    }

    /// nil if too many links wait to be proven.
    func admit(_ connection: LinkConnection) -> LinkID? {
        guard let id = node.acceptLink() else {
            node.count(.busy)
            return nil
        }
        others[ObjectIdentifier(connection)] = nil
        connections[id] = connection
        return id
    }

    // MARK: The end of a link

    private func close(_ id: LinkID, _ refusal: Refusal) {
        node.count(refusal.code)
        lookups.remove(id)
        guard let connection = connections.removeValue(forKey: id) else { return }
        others[ObjectIdentifier(connection)] = connection
        connection.close(refusal)
    }

    func closed(_ connection: LinkConnection, _ ending: Ending, _ refusal: Refusal, isForgotten: Bool) {
        others[ObjectIdentifier(connection)] = nil
        switch (ending, connection.id) {
        case (.refused(let fault), nil):
            node.count(.notPostroad)
            node.log.write(.info, "opening refused", [("reason", fault.reason)])
        case (.notOpened(.timedOut), nil): node.count(.timedOut)
        case (.lost(.slowConsumer), _): node.count(.slowConsumer)
        default: break
        }
        guard let id = connection.id, connections.removeValue(forKey: id) != nil, !isForgotten else { return }
        if case .notOpened(let reason) = ending {
            node.log.write(.info, "cannot dial", [("reason", reason.description)])
        }
        tell(.closed(id, refusal))
    }

    // MARK: Our key

    private func sign(_ id: LinkID, _ bytes: [UInt8]) {
        guard let signature = try? node.identity.key.sign(bytes) else {
            return node.log.write(.alarm, "could not sign a proof")
        }
        tell(.signed(id, signature: signature))
    }

    static func isValid(_ signature: [UInt8], of bytes: [UInt8], by key: IdentityKey) -> Bool {
        (try? Ed25519PublicKey(bytes: key.bytes))?.verify(signature, of: bytes) ?? false
    }
}
