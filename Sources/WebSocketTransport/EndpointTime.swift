import Bytes
import Net
import WebSocket

/// How long an endpoint waits for its peer.
extension Endpoint {
    /// How long the peer may take.
    package struct Timeouts: Sendable {
        /// From the first byte being possible to the end of the opening handshake; whole, so trickling does not help.
        @Milliseconds package var openingDurationMax: Duration = .seconds(10)
        /// From our close frame to the peer's, and then to the end of the transport.
        @Milliseconds package var closingDurationMax: Duration = .seconds(5)
        /// From the first byte of a message to its last. The longest takes this at 8 KiB a second.
        @Milliseconds package var messageDurationMax: Duration = .seconds(60)

        package init() {}
    }

    func limitHandshake(to duration: Duration?) {
        stream.loop.cancel(handshakeTimer)
        guard let duration else { return handshakeTimer = .none }
        handshakeTimer = stream.loop.schedule(after: duration) { [weak self] in self?.drop(.timedOut) }
    }

    /// One timer serves all messages of the connection: when it fires, it looks how old the unfinished one is.
    func watchMessage(isUnfinished: Bool, isAnother: Bool) {
        guard !isDropped, isUnfinished else { return messageBegan = nil }
        if messageBegan == nil || isAnother { messageBegan = stream.loop.now }
        if messageTimer == .none { checkMessage(after: timeouts.messageDurationMax) }
    }

    private func checkMessage(after duration: Duration) {
        messageTimer = stream.loop.schedule(after: duration) { [weak self] in
            guard let self else { return }
            self.messageTimer = .none
            guard let began = self.messageBegan else { return }
            let left = self.timeouts.messageDurationMax - self.stream.loop.now.since(began)
            if left > .zero {
                self.checkMessage(after: left)
            } else {
                self.close(.policyViolation, reason: "message unfinished for too long")
            }
        }
    }

    func cancelTimers() {
        limitHandshake(to: nil)
        stream.loop.cancel(messageTimer)
        messageTimer = .none
    }
}

/// Keeps a duration in four bytes, up to 49 days, for each endpoint has its own.
@propertyWrapper
package struct Milliseconds: Sendable {
    private var count: UInt32

    package init(wrappedValue: Duration) { count = UInt32(clamping: wrappedValue.milliseconds) }

    package var wrappedValue: Duration {
        get { .milliseconds(count) }
        set { count = UInt32(clamping: newValue.milliseconds) }
    }
}
