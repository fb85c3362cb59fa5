package import Bytes
import CLinux
import Glibc

/// One TCP connection. Lives on its loop, which keeps it alive until it is closed.
package final class Stream: EventSource {
    /// Indirect, for most streams are open most of the time and then the other cases should not take room.
    indirect enum State {
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

    // In an order that leaves no gaps: a program has ten thousand of these.

    /// Where it lives.
    package let loop: EventLoop
    /// Not kept alive by the stream. An open stream that finds nobody to call closes itself.
    package weak var handler: (any StreamHandler)?
    /// The other end; while connecting, the address being tried.
    package internal(set) var remoteAddress: SocketAddress
    /// When bytes last arrived; before that, when the connection was made.
    package internal(set) var lastReceived: Instant
    /// Dialled: when an address accepted, and when all was agreed on that comes before the first byte.
    package var connectedAt: Instant? { dialling?.connectedAt }
    package var openedAt: Instant? { dialling?.openedAt }
    /// When the system last took bytes of ours; before that, when the connection was made.
    package internal(set) var lastSent: Instant

    var state: State
    var security: Security
    /// Set in those that we dialled.
    private(set) var dialling: Dialling?
    private var deadline = TimerID.none
    var egress: EgressQueue
    var descriptor: Int32
    private(set) var watched: Readiness = []
    private var isReadingPaused = false
    /// The peer's FIN arrived while we still send.
    var hasPeerFinished = false
    /// On the loop's list of streams to flush.
    var isFlushDue = false
    /// The socket took less than offered; flush when it says that it has room.
    var isOutputBlocked = false

    /// True if only a program of this machine can be at the other end.
    package var isLoopback: Bool { remoteAddress.isLoopback }
    /// Bytes written that the system has not taken yet.
    package var egressByteCount: Int { egress.byteCount + security.encryptedByteCount }
    /// True from rising above high water until falling below low water.
    package var isBackedUp: Bool { egress.isBackedUp }

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

    init(
        loop: EventLoop, attempts: ConnectAttempts, first: SocketAddress, security: Security,
        limits: EgressQueue.Limits
    ) {
        self.loop = loop
        descriptor = -1
        remoteAddress = first
        lastReceived = loop.now
        lastSent = loop.now
        state = .connecting(attempts)
        dialling = Dialling()
        egress = EgressQueue(limits: limits)
        self.security = security
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
        setDeadline(.none)
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
        dialling?.openedAt = Clock.now
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

    // MARK: The descriptor

    func watch(for readiness: Readiness) -> Bool {
        do {
            try loop.poller.add(descriptor, self, for: readiness)
            watched = readiness
            return true
        } catch {
            return false
        }
    }

    func updateWatch() {
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

    func closeDescriptor() {
        guard descriptor >= 0 else { return }
        loop.poller.remove(descriptor)
        watched = []
        Glibc.close(descriptor)
        descriptor = -1
    }

    func setDeadline(after duration: Duration, _ body: @escaping (Stream) -> Void) {
        setDeadline(
            loop.schedule(after: duration) { [weak self] in
                guard let self else { return }
                self.deadline = .none
                body(self)
            })
    }

    func setDeadline(_ timer: TimerID) {
        loop.cancel(deadline)
        deadline = timer
    }
}
