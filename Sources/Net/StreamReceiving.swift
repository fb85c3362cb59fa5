import CLinux
import Glibc

/// What a stream reads.
extension Stream {
    /// Reads until the socket is empty or this turn's share is used up. `untilEnd`: the peer's end is known to be there,
    /// so a short read does not mean that nothing follows.
    func receive(untilEnd: Bool) {
        let buffer = loop.receiveBuffer
        for _ in 0..<Stream.readsPerTurnMax where watched.contains(.input) {
            switch Socket.receive(descriptor, into: buffer) {
            case .bytes(let count):
                lastReceived = loop.now
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                flushEarly()
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

    /// A flood from one peer shares the loop with the others: 512 KiB, then it is their turn.
    private static let readsPerTurnMax = 2
}
