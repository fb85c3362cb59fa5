import Net
import WebSocket
import WebSocketTransport
import Wire

/// How the network failed a link, as a refusal: the one list of causes for the log, for administrators and for tests
/// of the way.
enum LinkFault {
    /// The name of a host was looked up in vain.
    static func refusal(for error: NetError) -> Refusal {
        switch error {
        case .unresolved: Refusal(.nameUnknown, "\(error)")
        case .invalidAddress, .system: Refusal(.unreachable, "\(error)")
        case .queueFull: Refusal(.busy, "too many names are being looked up")
        }
    }

    static func refusal(for reason: CloseReason) -> Refusal {
        switch reason {
        case .connectRefused(let text): Refusal(.connectionRefused, text)
        case .connectFailed(let text): Refusal(.unreachable, text)
        case .timedOut: Refusal(.timedOut, "nobody answered in time")
        case .tls(let fault) where fault.kind == .notTLS: Refusal(.notTLS, fault.description)
        case .tls(let fault): Refusal(.tlsFailed, fault.description)
        case .slowConsumer: Refusal(.slowConsumer, "too much waited to be sent")
        case .peerClosed, .peerReset, .local, .ioFailed, .loopStopped: Refusal(.linkLost, reason.description)
        }
    }

    /// Our request to open a WebSocket was answered, but not with one.
    static func refusal(for fault: OpeningFault, isSecure: Bool) -> Refusal {
        switch fault.status {
        // A node answers so to plaintext from another machine.
        case .forbidden where !isSecure: Refusal(.needsTLS, fault.reason)
        case .serviceUnavailable: Refusal(.busy, fault.reason)
        default: Refusal(.notWebSocket, fault.reason)
        }
    }

    /// Why a link that we dialled or accepted is gone, where nobody said it in our words.
    static func refusal(for ending: Ending, of endpoint: Endpoint) -> Refusal {
        switch ending {
        case .notOpened(let reason), .lost(let reason): refusal(for: reason)
        case .refused(let fault): refusal(for: fault, isSecure: endpoint.stream.isSecure)
        case .closed(let code, let reason, _):
            LinkConnection.refusal(in: reason)
                ?? Refusal(.linkLost, "closed with \(code.map { String($0.rawValue) } ?? "no code") \(reason)")
        }
    }
}
