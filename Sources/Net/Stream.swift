package import Bytes
import CLinux
import Glibc

/// One TCP connection. Lives on its loop, which keeps it alive until it is closed.
package final class Stream: EventSource {
    enum State {
        case connecting(ConnectAttempts)
        /// Dialled and connected; TLS is not agreed on yet.
        case securing
        case open
        /// Sends what waits. Arriving bytes are dropped.
        case flushing(CloseReason, finishesFirst: Bool)
        /// All is sent; waits for the peer to finish its side. Closing at once would let the system answer bytes on
        /// their way with a reset, which may destroy what the peer has not read yet.
        case lingering(CloseReason)
        case closed(CloseReason)
    }

    /// Where it lives.
    package let loop: EventLoop
    /// Not kept alive by the stream. An open stream that finds nobody to call closes itself.
    package weak var handler: (any StreamHandler)?
    /// The other end; while connecting, the address being tried.
    package private(set) var remoteAddress: SocketAddress
    /// When bytes last arrived; before that, when the connection was made.
    package private(set) var lastReceived: Instant
    /// Dialled: when an address accepted, and when all was agreed on that comes before the first byte.
    package private(set) var connectedAt: Instant?
    package private(set) var openedAt: Instant?
    /// When the system last took bytes of ours; before that, when the connection was made.
    package internal(set) var lastSent: Instant

    private(set) var descriptor: Int32
    var state: State
    var egress: EgressQueue
    var security: Security
    private(set) var watched: Readiness = []
    private var isReadingPaused = false
    /// The peer's FIN arrived while we still send.
    private var hasPeerFinished = false
    /// On the loop's list of streams to flush.
    private var isFlushDue = false
    /// The socket took less than offered; flush when it says that it has room.
    private var isOutputBlocked = false
    private var deadline: TimerID?

    /// True if only a program of this machine can be at the other end.
    package var isLoopback: Bool { remoteAddress.isLoopback }
    /// Bytes written that the system has not taken yet.
    package var egressByteCount: Int { egress.byteCount + security.encryptedByteCount }

    /// Takes over a connection just accepted; nil if it cannot be watched. With `tls`, the peer may speak TLS.
    init?(
        loop: EventLoop, accepted: Int32, from address: SocketAddress, tls: TLSContext?, limits: EgressQueue.Limits
    ) {
        self.loop = loop
        descriptor = accepted
        remoteAddress = address
        lastReceived = loop.now
        lastSent = loop.now
        state = .open
        egress = EgressQueue(limits: limits)
        security = tls.map { .undecided($0, serverName: nil) } ?? .plain
        Socket.disableDelay(accepted)
        guard watch(for: [.input, .peerFinished]) else {
            Glibc.close(accepted)
            return nil
        }
    }

    private init(
        loop: EventLoop, attempts: ConnectAttempts, first: SocketAddress, security: Security,
        limits: EgressQueue.Limits
    ) {
        self.loop = loop
        descriptor = -1
        remoteAddress = first
        lastReceived = loop.now
        lastSent = loop.now
        state = .connecting(attempts)
        egress = EgressQueue(limits: limits)
        self.security = security
    }

    /// Tries the addresses in order until one accepts; `timeout` is for all together, and each is given an equal share
    /// of what is left. Set the handler at once: it hears of success or failure in a later call, never in this one.
    /// With `tls` it is open only once TLS is agreed on; `serverName` is the host's name, told to the server in the
    /// clear, nil for a numeric address.
    package static func connect(
        loop: EventLoop, to addresses: [SocketAddress], timeout: Duration, tls: TLSContext? = nil,
        serverName: String? = nil, egressLimits: EgressQueue.Limits = EgressQueue.Limits()
    ) -> Stream {
        let attempts = ConnectAttempts(addresses: addresses, deadline: loop.now.advanced(by: timeout))
        let first = addresses.first ?? SocketAddress.unspecified
        let security = tls.map { Security.undecided($0, serverName: serverName) } ?? .plain
        let stream = Stream(loop: loop, attempts: attempts, first: first, security: security, limits: egressLimits)
        stream.connectNext(attempts)
        return stream
    }

    /// Queues a chunk, shared and not copied where it is long; all that is written in one turn leaves with one call of
    /// the system at its end. Too much waiting closes the stream as a slow consumer.
    @discardableResult
    package func write(_ chunk: [UInt8]) -> Admission {
        switch state {
        case .connecting, .securing, .open: break
        case .flushing, .lingering, .closed: return .closed
        }
        let admission = egress.append(chunk)
        if admission == .overflow {
            close(.slowConsumer)
        } else {
            flushSoon()
        }
        return admission
    }

    /// Takes no more bytes from the peer until `resumeReading()`, so that the peer's sending blocks in time. Its end is
    /// noticed only after resuming.
    package func pauseReading() {
        isReadingPaused = true
        updateWatch()
    }

    package func resumeReading() {
        isReadingPaused = false
        updateWatch()
    }

    /// Sends what waits, finishes our side, waits for the peer to finish its own and closes with `reason`; after
    /// `duration` it closes anyway, as `.timedOut` if not everything was sent. Bytes that arrive meanwhile are dropped.
    /// With `finishesFirst` false the peer is given `duration` to finish first: whoever does is left with TCP's
    /// waiting state, and RFC 6455 §7.1.1 wants that to be the server.
    package func closeAfterFlush(
        within duration: Duration, reason: CloseReason = .local("closed"), finishesFirst: Bool = true
    ) {
        switch state {
        case .connecting, .securing: return close(reason)
        case .open: state = .flushing(reason, finishesFirst: finishesFirst)
        case .flushing, .lingering, .closed: return
        }
        setDeadline(after: duration) { stream in
            stream.sendUndecided()
            switch stream.state {
            case .lingering(let reason): stream.close(reason)
            default: stream.close(.timedOut)
            }
        }
        isReadingPaused = false
        updateWatch()
        flushSoon()
    }

    /// Closes at once and drops what waits to be sent. The handler hears of it later in this turn or in the next.
    package func close(_ reason: CloseReason) {
        if case .closed = state { return }
        state = .closed(reason)
        setDeadline(nil)
        closeDescriptor()
        egress.removeAll()
        loop.reportLater(self)
    }

    func loopEnded() { close(.loopStopped) }

    func report() {
        guard case .closed(let reason) = state else { return }
        handler?.streamClosed(self, reason: reason)
        handler = nil
    }

    /// Tells the handler, unless it closed the stream before.
    func opened() {
        guard case .open = state else { return }
        guard let handler else { return close(.local("abandoned")) }
        openedAt = Clock.now
        handler.streamOpened(self)
    }

    func ready(for readiness: Readiness) {
        if case .connecting(let attempts) = state { return finishConnect(attempts) }
        if readiness.contains(.output) {
            isOutputBlocked = false
            updateWatch()
            flushSoon()
        }
        guard !readiness.isDisjoint(with: [.input, .peerFinished, .hangUp, .failure]) else { return }
        if watched.contains(.input) {
            receive(untilEnd: !readiness.isDisjoint(with: [.peerFinished, .hangUp, .failure]))
        } else if !readiness.isDisjoint(with: [.hangUp, .failure]) {
            // Reported however little is watched; left alone it would be reported for ever.
            let number = Socket.takeError(of: descriptor)
            close(number == 0 ? .peerClosed : .failure(errno: number))
        }
    }

    // MARK: Connecting

    private func connectNext(_ attempts: ConnectAttempts) {
        var attempts = attempts
        while let (address, share) = attempts.next(at: loop.now) {
            remoteAddress = address
            guard let number = begin(address) else {
                state = .connecting(attempts)
                return setDeadline(after: share) { stream in
                    guard case .connecting(var attempts) = stream.state else { return }
                    attempts.failed(errno: ETIMEDOUT, at: stream.remoteAddress)
                    stream.closeDescriptor()
                    stream.connectNext(attempts)
                }
            }
            attempts.failed(errno: number, at: address)
            closeDescriptor()
        }
        close(attempts.closeReason)
    }

    /// Returns why the address failed at once, or nil if the answer comes with readiness.
    private func begin(_ address: SocketAddress) -> Int32? {
        guard let made = try? Socket.make(for: address) else { return errno }
        descriptor = made
        Socket.disableDelay(descriptor)
        let result = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        // An interrupted attempt goes on by itself, as one in progress does.
        guard result == 0 || errno == EINPROGRESS || errno == EINTR else { return errno }
        return watch(for: .output) ? nil : errno
    }

    private func finishConnect(_ attempts: ConnectAttempts) {
        setDeadline(nil)
        let number = Socket.takeError(of: descriptor)
        guard number == 0 else {
            var attempts = attempts
            attempts.failed(errno: number, at: remoteAddress)
            closeDescriptor()
            return connectNext(attempts)
        }
        lastReceived = loop.now
        connectedAt = Clock.now
        if case .undecided(let context, let serverName) = security {
            state = .securing
            updateWatch()
            setDeadline(after: attempts.left(at: loop.now)) { $0.close(.timedOut) }
            return beginTLS(context, serverName: serverName)
        }
        state = .open
        updateWatch()
        flushSoon()
        opened()
    }

    /// Dialled: TLS is agreed on.
    func secured() {
        setDeadline(nil)
        state = .open
        flushSoon()
        opened()
    }

    // MARK: Receiving

    /// Reads until the socket is empty or this turn's share is used up. `untilEnd`: the peer's end is known to be there,
    /// so a short read does not mean that nothing follows.
    private func receive(untilEnd: Bool) {
        let buffer = loop.receiveBuffer
        for _ in 0..<Stream.readsPerTurnMax where watched.contains(.input) {
            switch Socket.receive(descriptor, into: buffer) {
            case .bytes(let count):
                lastReceived = loop.now
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                if count < buffer.count, !untilEnd { return }
            case .blocked: return
            case .end: return peerFinished()
            case .failed(let number): return close(.failure(errno: number))
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        switch security {
        case .plain: deliver(bytes)
        case .undecided(let context, _): decide(by: bytes, context)
        case .tls(let layer): receive(bytes, through: layer)
        }
    }

    /// What arrives while we only send what waits is dropped.
    func deliver(_ bytes: UnsafeRawBufferPointer) {
        guard case .open = state else { return }
        guard let handler else { return close(.local("abandoned")) }
        handler.stream(self, received: bytes)
    }

    func peerFinished() {
        switch state {
        case .connecting, .closed: return
        case .securing: close(.peerClosed)
        case .open:
            // The peer may have finished its side only and still wait for the answer to what came last.
            if hasOutput { send() }
            close(.peerClosed)
        case .flushing:
            hasPeerFinished = true
            updateWatch()
        case .lingering(let reason): close(reason)
        }
    }

    // MARK: Sending

    /// Called by the loop at the end of the turn.
    func flush() {
        isFlushDue = false
        switch state {
        case .connecting, .lingering, .closed: return
        case .securing, .open, .flushing: break
        }
        let isDrained = hasOutput ? send() : false
        if isDrained, case .open = state { handler?.streamDrained(self) }
        if egress.isEmpty, case .flushing(let reason, let finishesFirst) = state, sayGoodbye() {
            linger(reason, finishesFirst: finishesFirst)
        }
    }

    /// One call of the system. Returns true if it ended a backlog.
    @discardableResult
    func send() -> Bool {
        if case .tls(let layer) = security { return send(through: layer) }
        var offered = 0
        let transfer = egress.withVectors { vectors in
            offered = vectors.reduce(0) { $0 + $1.iov_len }
            return Socket.send(descriptor, vectors)
        }
        var sent = 0
        switch transfer {
        case .bytes(let count):
            sent = count
            lastSent = loop.now
        case .failed(let number):
            sendFailed(errno: number)
            return false
        case .blocked, .end, nil: break
        }
        if sent < offered { waitForRoom() }
        let isDrained = sent > 0 && egress.consumed(sent)
        if !egress.isEmpty { flushSoon() }
        return isDrained
    }

    func waitForRoom() {
        isOutputBlocked = true
        updateWatch()
    }

    /// What the peer sent before it went, perhaps its reason, is delivered first.
    func sendFailed(errno number: Int32) {
        egress.removeAll()
        security.dropOutput()
        if watched.contains(.input), number == EPIPE || number == ECONNRESET { receive(untilEnd: true) }
        close(.failure(errno: number))
    }

    private func linger(_ reason: CloseReason, finishesFirst: Bool) {
        guard !hasPeerFinished else { return close(reason) }
        state = .lingering(reason)
        if finishesFirst { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    func flushSoon() {
        guard !isFlushDue, !isOutputBlocked, descriptor >= 0 else { return }
        isFlushDue = true
        loop.flushLater(self)
    }

    // MARK: The descriptor

    private func watch(for readiness: Readiness) -> Bool {
        do {
            try loop.poller.add(descriptor, self, for: readiness)
            watched = readiness
            return true
        } catch {
            return false
        }
    }

    private func updateWatch() {
        switch state {
        case .connecting, .closed: return
        case .securing, .open, .flushing, .lingering: break
        }
        var wanted: Readiness = isReadingPaused || hasPeerFinished ? [] : [.input, .peerFinished]
        if isOutputBlocked { wanted.insert(.output) }
        guard wanted != watched else { return }
        watched = wanted
        loop.poller.change(descriptor, to: wanted)
    }

    private func closeDescriptor() {
        guard descriptor >= 0 else { return }
        loop.poller.remove(descriptor)
        watched = []
        Glibc.close(descriptor)
        descriptor = -1
    }

    private func setDeadline(after duration: Duration, _ body: @escaping (Stream) -> Void) {
        setDeadline(
            loop.schedule(after: duration) { [weak self] in
                guard let self else { return }
                self.deadline = nil
                body(self)
            })
    }

    private func setDeadline(_ timer: TimerID?) {
        if let deadline { loop.cancel(deadline) }
        deadline = timer
    }

    /// A flood from one peer shares the loop with the others: 256 KiB, then it is their turn.
    private static let readsPerTurnMax = 4
}
