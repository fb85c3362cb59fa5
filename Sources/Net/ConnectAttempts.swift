import Bytes
import Glibc

/// Which address to try next and for how long. Pure: time is an argument.
struct ConnectAttempts {
    private var remaining: ArraySlice<SocketAddress>
    private let deadline: Instant
    private var failure: (errno: Int32, address: SocketAddress)?

    init(addresses: [SocketAddress], deadline: Instant) {
        remaining = addresses[...]
        self.deadline = deadline
    }

    /// The next address and its share of the time left; nil if none is left or the time is over.
    mutating func next(at now: Instant) -> (address: SocketAddress, share: Duration)? {
        guard let address = remaining.first else { return nil }
        let left = deadline.since(now)
        guard left > .zero else {
            failure = (ETIMEDOUT, address)
            return nil
        }
        defer { remaining.removeFirst() }
        return (address, left / remaining.count)
    }

    /// Of the time for all together.
    func left(at now: Instant) -> Duration { max(.zero, deadline.since(now)) }

    mutating func failed(errno: Int32, at address: SocketAddress) { failure = (errno, address) }

    /// Why all failed: the last one's reason.
    var closeReason: CloseReason {
        switch failure {
        case nil: .connectFailed("no address")
        case (ETIMEDOUT, _)?: .timedOut
        case (ECONNREFUSED, let address)?: .connectRefused("\(address): \(NetError.text(ofErrno: ECONNREFUSED))")
        case (let number, let address)?: .connectFailed("\(address): \(NetError.text(ofErrno: number))")
        }
    }
}
