import CLinux
import Glibc

/// What protects a stream.
enum Security {
    case plain
    /// Accepted where TLS is offered and nothing has arrived yet, or dialled and not connected yet.
    indirect case undecided(TLSContext, serverName: String?)
    case tls(TLSLayer)

    /// Nothing can be sent any more.
    func dropOutput() { if case .tls(let layer) = self { layer.dropOutput() } }

    /// Encrypted bytes that the system has not taken yet.
    var encryptedByteCount: Int { if case .tls(let layer) = self { layer.encryptedByteCount } else { 0 } }
}

/// TLS between a stream's queue and its socket.
final class TLSLayer {
    let engine: TLSEngine
    /// Encrypted already; of the first ones, `sentCount` are sent. Bounded, for no more is encrypted before they are.
    private var encrypted: [UInt8] = []
    private var sentCount = 0
    /// The peer has sent something.
    var hasReceived = false
    private var isCut = false

    init(_ engine: TLSEngine) { self.engine = engine }

    var encryptedByteCount: Int { encrypted.count - sentCount }
    var hasOutput: Bool { !isCut && (encryptedByteCount > 0 || engine.outputCount > 0) }

    func dropOutput() {
        isCut = true
        encrypted = []
        sentCount = 0
    }

    /// Encrypts from the queue as much as a stream sends at once. Returns how much was taken, nil if TLS is broken.
    func encrypt(from egress: inout EgressQueue) -> Int? {
        var taken = 0
        let isSound =
            egress.withVectors { vectors in
                for vector in vectors where taken < TLSLayer.plaintextPerSendMax {
                    let count = min(vector.iov_len, TLSLayer.plaintextPerSendMax - taken)
                    guard engine.write(UnsafeRawBufferPointer(start: vector.iov_base, count: count)) else {
                        return false
                    }
                    taken += count
                }
                return true
            } ?? true
        return isSound ? taken : nil
    }

    /// Calls `send` with what waits to be sent, which returns how much of it was.
    func sendOutput(_ send: (UnsafeMutableBufferPointer<UInt8>) -> Int) {
        engine.takeOutput(into: &encrypted)
        let sent = encrypted.withUnsafeMutableBufferPointer {
            send(UnsafeMutableBufferPointer(rebasing: $0[sentCount...]))
        }
        sentCount += sent
        guard sentCount == encrypted.count else { return }
        encrypted = []
        sentCount = 0
    }

    /// Four records; what is encrypted waits in memory of its own.
    private static let plaintextPerSendMax = 64 << 10
}

extension Stream {
    /// True once TLS is agreed on. Decided when the first bytes arrive.
    package var isSecure: Bool { if case .tls(let layer) = security { layer.engine.isHandshakeDone } else { false } }

    /// 32 bytes that both ends of this TLS connection know and nobody else (`tls-exporter`, RFC 9266); nil without TLS.
    package var exporter: [UInt8]? { if case .tls(let layer) = security { layer.engine.exporter } else { nil } }

    /// The common name in the certificate that the peer had to show; nil if none was asked for.
    package var peerCertificateName: String? {
        if case .tls(let layer) = security { layer.engine.peerName } else { nil }
    }

    /// How long the certificate that the peer showed is still good, negative once it is not; nil if it showed none.
    package var peerCertificateTimeLeft: Duration? {
        if case .tls(let layer) = security { layer.engine.peerSecondsLeft.map { .seconds($0) } } else { nil }
    }

    /// Something can be sent now.
    var hasOutput: Bool {
        switch security {
        case .plain: !egress.isEmpty
        case .undecided: false
        case .tls(let layer): layer.hasOutput || (layer.engine.isHandshakeDone && !egress.isEmpty)
        }
    }

    /// Accepted: the first byte is a handshake record's (RFC 8446 §5.1), or it is not TLS.
    func decide(by bytes: UnsafeRawBufferPointer, _ context: TLSContext) {
        guard bytes.first == TLSRecord.handshake else {
            security = .plain
            flushSoon()
            return deliver(bytes)
        }
        guard let layer = makeLayer(context, serverName: nil) else { return }
        receive(bytes, through: layer)
    }

    /// Dialled: says hello.
    func beginTLS(_ context: TLSContext, serverName: String?) {
        guard let layer = makeLayer(context, serverName: serverName) else { return }
        advanceHandshake(layer)
    }

    private func makeLayer(_ context: TLSContext, serverName: String?) -> TLSLayer? {
        do throws(TLSFault) {
            let layer = TLSLayer(try TLSEngine(context, serverName: serverName))
            security = .tls(layer)
            return layer
        } catch {
            close(.tls(error))
            return nil
        }
    }

    /// Whoever waits for words before saying any, as a person who looks what this port is, reads them as they are.
    func sendUndecided() {
        guard case .undecided = security, case .flushing = state else { return }
        security = .plain
        if hasOutput { send() }
    }

    func receive(_ bytes: UnsafeRawBufferPointer, through layer: TLSLayer) {
        guard layer.hasReceived || TLSRecord.types.contains(bytes.first ?? 0) else {
            return close(.tls(TLSFault(.notTLS, "the other side does not speak it")))
        }
        layer.hasReceived = true
        layer.engine.receive(bytes)
        guard advanceHandshake(layer) else { return }
        readPlaintext(layer)
    }

    /// True once the handshake is done and the stream has not been closed over it.
    @discardableResult
    private func advanceHandshake(_ layer: TLSLayer) -> Bool {
        guard !layer.engine.isHandshakeDone else { return true }
        do throws(TLSFault) {
            let isDone = try layer.engine.handshake()
            flushSoon()
            guard isDone else { return false }
            if case .securing = state { secured() }
            return true
        } catch {
            fail(error, layer)
            return false
        }
    }

    private func readPlaintext(_ layer: TLSLayer) {
        let buffer = loop.plaintextBuffer
        while true {
            switch state {
            case .connecting, .securing, .closed: return
            case .open, .flushing, .lingering: break
            }
            switch layer.engine.read(into: buffer) {
            case .bytes(let count): deliver(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .needsPeerBytes:
                // The answer to a change of keys, for example.
                if layer.engine.outputCount > 0 { flushSoon() }
                return
            case .finished: return peerFinished()
            case .failed(let fault): return fail(fault, layer)
            }
        }
    }

    /// The peer is told by the alert that the engine has made, as far as the socket takes it.
    private func fail(_ fault: TLSFault, _ layer: TLSLayer) {
        if layer.hasOutput { send() }
        close(.tls(fault))
    }

    /// One call of the system. Returns true if it ended a backlog.
    func send(through layer: TLSLayer) -> Bool {
        var isDrained = false
        if layer.encryptedByteCount == 0, layer.engine.isHandshakeDone, !egress.isEmpty {
            guard let taken = layer.encrypt(from: &egress) else {
                close(.tls(TLSFault(.failed, "what was to be sent could not be encrypted")))
                return false
            }
            isDrained = egress.consumed(taken)
        }
        var failure: Int32?
        layer.sendOutput { bytes in
            guard !bytes.isEmpty else { return 0 }
            switch Socket.send(descriptor, bytes) {
            case .bytes(let count):
                lastSent = loop.now
                return count
            case .failed(let number):
                failure = number
                return 0
            case .blocked, .end: return 0
            }
        }
        if let failure {
            sendFailed(errno: failure)
            return false
        }
        if layer.encryptedByteCount > 0 { waitForRoom() } else if hasOutput { flushSoon() }
        return isDrained
    }

    /// Everything is handed over: true once the peer's TLS knows, too, that nothing follows.
    func sayGoodbye() -> Bool {
        switch security {
        case .plain: return true
        // Nobody knows yet how to say it.
        case .undecided: return egress.isEmpty
        case .tls(let layer):
            layer.engine.sayGoodbye()
            if layer.hasOutput { send() }
            return !layer.hasOutput
        }
    }
}

/// The types of TLS records (RFC 8446 §5.1), which are the first bytes of what either side sends.
private enum TLSRecord {
    static let handshake: UInt8 = 22
    /// change_cipher_spec, alert, handshake, application_data.
    static let types: ClosedRange<UInt8> = 20...23
}
