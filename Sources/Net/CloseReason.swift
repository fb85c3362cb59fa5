import Glibc

/// Why a connection ended. Each has exactly one reason: the first.
package enum CloseReason: Equatable, Sendable, CustomStringConvertible {
    /// The peer finished its side in order (FIN).
    case peerClosed
    /// The peer, or something between, cut the connection (RST).
    case peerReset
    /// We closed it; the word says why and goes into the log.
    case local(String)
    /// More waited for the peer than `EgressQueue.Limits.bytesMax`.
    case slowConsumer
    /// It did not connect, or did not take the last bytes, in the time allowed.
    case timedOut
    /// No address accepted; the text is the last one's answer.
    case connectFailed(String)
    /// The same, where somebody answered that nobody listens there.
    case connectRefused(String)
    /// Reading or writing failed with this number.
    case ioFailed(errno: Int32)
    /// TLS was not agreed on, or broke.
    case tls(TLSFault)
    /// Its event loop ended.
    case loopStopped

    package var description: String {
        switch self {
        case .peerClosed: "closed by the peer"
        case .peerReset: "reset by the peer"
        case .local(let word): word
        case .slowConsumer: "slow consumer"
        case .timedOut: "timed out"
        case .connectFailed(let text), .connectRefused(let text): "could not connect: \(text)"
        case .ioFailed(let errno): NetError.text(ofErrno: errno)
        case .tls(let fault): fault.description
        case .loopStopped: "event loop stopped"
        }
    }

    /// What a failed read or write of a connection means.
    static func failure(errno number: Int32) -> CloseReason {
        switch number {
        case ECONNRESET, EPIPE: .peerReset
        case ETIMEDOUT: .timedOut
        default: .ioFailed(errno: number)
        }
    }
}
