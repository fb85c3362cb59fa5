import Bytes
import CLinux
import Glibc

/// When it went how far.
final class Dialling {
    var connectedAt: Instant?
    var openedAt: Instant?
}

/// How a stream that we dialled comes to be open.
extension Stream {
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

    func finishConnect(_ attempts: ConnectAttempts) {
        setDeadline(.none)
        let number = Socket.takeError(of: descriptor)
        guard number == 0 else {
            var attempts = attempts
            attempts.failed(errno: number, at: remoteAddress)
            closeDescriptor()
            return connectNext(attempts)
        }
        lastReceived = loop.now
        dialling?.connectedAt = Clock.now
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
        setDeadline(.none)
        state = .open
        flushSoon()
        opened()
    }
}
