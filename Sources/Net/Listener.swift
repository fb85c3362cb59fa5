import CLinux
import Glibc

/// Accepts connections at one address.
package final class Listener: EventSource {
    /// With the port that was really taken; of a socket in the file system no more than that it is one.
    package let localAddress: SocketAddress
    /// Connections turned away because the process had no descriptor left for them.
    package private(set) var shedCount = 0

    /// Lets those who speak TLS do so, and those who do not as well: the first byte tells. Heeded by streams that are
    /// accepted from now on.
    package var tls: TLSContext?

    private let loop: EventLoop
    private let descriptor: Int32
    private let egressLimits: EgressQueue.Limits
    private let onAccept: (Stream) -> Void
    /// Given up for a moment when descriptors run out, so that a waiting peer can be accepted and told so by closing.
    /// Otherwise the backlog would stay ready for ever, and the loop would turn in circles.
    private var reserve: Int32
    private var isOpen = true
    /// The file that goes with the listener.
    private let file: LocalAddress?

    /// Port 0 takes a free one. `onAccept` sets the stream's handler or closes it; a stream left without a handler is
    /// closed. The handler's `streamOpened` follows.
    package convenience init(
        loop: EventLoop, address: SocketAddress, tls: TLSContext? = nil,
        egressLimits: EgressQueue.Limits = EgressQueue.Limits(), onAccept: @escaping (Stream) -> Void
    ) throws(NetError) {
        let descriptor = try Socket.listen(on: address)
        let bound = Socket.localAddress(of: descriptor) ?? address
        try self.init(loop, descriptor, bound, file: nil, tls: tls, egressLimits, onAccept)
    }

    /// At a socket in the file system, made for the owner alone. One that a killed program left is replaced; where
    /// somebody listens, or where the file is something else, it throws.
    package convenience init(
        loop: EventLoop, at file: LocalAddress, egressLimits: EgressQueue.Limits = EgressQueue.Limits(),
        onAccept: @escaping (Stream) -> Void
    ) throws(NetError) {
        let descriptor = try Socket.listen(at: file)
        try self.init(loop, descriptor, .local, file: file, tls: nil, egressLimits, onAccept)
    }

    private init(
        _ loop: EventLoop, _ descriptor: Int32, _ localAddress: SocketAddress, file: LocalAddress?, tls: TLSContext?,
        _ egressLimits: EgressQueue.Limits, _ onAccept: @escaping (Stream) -> Void
    ) throws(NetError) {
        self.loop = loop
        self.descriptor = descriptor
        self.localAddress = localAddress
        self.file = file
        self.tls = tls
        self.egressLimits = egressLimits
        self.onAccept = onAccept
        reserve = Listener.openReserve()
        do {
            try loop.poller.add(descriptor, self, for: .input)
        } catch {
            isOpen = false
            closeDescriptors()
            throw error
        }
    }

    /// Accepts no more; streams accepted before stay.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        loop.poller.remove(descriptor)
        closeDescriptors()
    }

    func loopEnded() { close() }

    func ready(for readiness: Readiness) {
        for _ in 0..<Listener.acceptsPerTurnMax where isOpen {
            if let (accepted, address) = Socket.accept(descriptor) {
                open(accepted, from: address ?? localAddress)
                continue
            }
            switch errno {
            case EAGAIN: return
            case EMFILE, ENFILE: guard shedOne() else { return pause() }
            case ENOBUFS, ENOMEM: return pause()
            // accept(2): errors of the connection itself, which is gone; others may wait behind it.
            default: break
            }
        }
    }

    private func open(_ accepted: Int32, from address: SocketAddress) {
        let stream = Stream(loop: loop, accepted: accepted, from: address, tls: tls, limits: egressLimits)
        guard let stream else { return }
        onAccept(stream)
        stream.opened()
    }

    private func shedOne() -> Bool {
        guard reserve >= 0 else { return false }
        Glibc.close(reserve)
        let accepted = Socket.accept(descriptor)
        if let accepted {
            Glibc.close(accepted.descriptor)
            shedCount += 1
        }
        reserve = Listener.openReserve()
        return accepted != nil
    }

    private func pause() {
        loop.poller.change(descriptor, to: [])
        loop.schedule(after: Listener.pauseDuration) { [weak self] in
            guard let self, self.isOpen else { return }
            if self.reserve < 0 { self.reserve = Listener.openReserve() }
            self.loop.poller.change(self.descriptor, to: .input)
        }
    }

    private func closeDescriptors() {
        if let file { unlink(file.description) }
        Glibc.close(descriptor)
        if reserve >= 0 { Glibc.close(reserve) }
        reserve = -1
    }

    private static func openReserve() -> Int32 { Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }

    /// Those who are connected already should not wait behind a crowd that arrives.
    private static let acceptsPerTurnMax = 64
    /// Time for the system to find memory or descriptors again.
    private static let pauseDuration: Duration = .milliseconds(100)
}
