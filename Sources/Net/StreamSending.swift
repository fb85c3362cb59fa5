import CLinux
import Glibc

/// What a stream writes, once a turn.
extension Stream {
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

    /// Much that answers one read leaves at once: it is still in the core's cache, its memory serves the next stream,
    /// and one call of the system more is little beside it.
    func flushEarly() {
        guard egress.byteCount >= Stream.earlyBytesMin, !isOutputBlocked, case .open = state else { return }
        if send(), case .open = state { handler?.streamDrained(self) }
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

    /// Answers to chat are shorter, and wait for the end of the turn, that others may add to them.
    private static let earlyBytesMin = 4 << 10
}
