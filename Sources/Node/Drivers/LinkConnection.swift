import Bytes
import Federation
import Net
import WebSocket
import WebSocketTransport
import Wire

/// One WebSocket to a peer. Turns messages into what the mesh understands, and its refusals into close frames.
final class LinkConnection: EndpointHandler {
    let endpoint: Endpoint
    /// nil until the request of an accepted one is let in.
    private(set) var id: LinkID?
    private unowned let driver: LinkDriver
    /// The mesh has forgotten this link; what still happens on it is nobody's business.
    private var isForgotten = false
    /// More waits to be sent than should; chunks of files wait here until it has gone, and all else passes them.
    private var isBackedUp = false
    private var chunks: [(bytes: [UInt8], since: Instant)] = []

    /// The code of every close that carries one of our refusals; those below 4000 belong to others (RFC 6455 §7.4.2).
    static let refusalCode = CloseCode(rawValue: 4000)
    /// RFC 6455 §5.5.1: a control frame has 125 bytes, two of which are the code.
    static let reasonBytesMax = 123
    /// A peer asks for 16 at a time, and for others when it has waited for too long.
    private static let chunksMax = 64
    /// Who asked for a chunk ignores one that comes later (`Requests.Limits.files`).
    private static let chunkDurationMax: Duration = .seconds(20)

    init(_ endpoint: Endpoint, id: LinkID?, driver: LinkDriver) {
        self.endpoint = endpoint
        self.id = id
        self.driver = driver
        endpoint.handler = self
    }

    func send(_ message: LinkMessage) {
        // What is refused takes no room, and is told at once however much somebody asks for.
        guard case .chunk(_, _, refusal: nil) = message, isBackedUp else { return write(message.encoded()) }
        guard chunks.count < LinkConnection.chunksMax else { return endpoint.drop(.slowConsumer) }
        chunks.append((message.encoded(), endpoint.stream.loop.now))
    }

    private func write(_ text: [UInt8]) {
        if case .aboveHighWater = endpoint.send(text: text) { isBackedUp = true }
    }

    /// Closes with a reason of the form `code: text`, which the other side reads back.
    func close(_ refusal: Refusal) {
        isForgotten = true
        let isOrdinary = [.draining, .replaced, .restored].contains(refusal.code)
        let reason = LinkConnection.shortened("\(refusal.code.rawValue): \(refusal.text)")
        endpoint.close(isOrdinary ? .goingAway : LinkConnection.refusalCode, reason: reason)
    }

    // MARK: What the endpoint tells

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {
        do throws(Misuse) {
            if let (status, reason) = driver.objection(to: request, from: endpoint.stream) {
                return try endpoint.refuse(status, reason: reason)
            }
            guard let id = driver.admit(self) else {
                return try endpoint.refuse(.serviceUnavailable, reason: "too many links wait to be proven; try later")
            }
            self.id = id
            try endpoint.accept()
            driver.tell(.opened(id, channel))
        } catch { endpoint.drop(.local("could not answer")) }
    }

    func endpointOpened(_ endpoint: Endpoint) {
        if let id { driver.tell(.opened(id, channel)) }
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        guard let id, !isForgotten else { return }
        guard case .text(let bytes) = message else {
            let refusal = Refusal(.malformedJSON, "a link carries text messages, not binary ones")
            return driver.tell(.unreadable(id, refusal))
        }
        do throws(Refusal) {
            driver.tell(.received(id, try LinkMessage(decoding: bytes)))
        } catch { driver.tell(.unreadable(id, error)) }
    }

    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) { heard() }

    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) { heard() }

    func endpointDrained(_ endpoint: Endpoint) {
        isBackedUp = false
        let now = endpoint.stream.loop.now
        chunks.removeAll { now.since($0.since) >= LinkConnection.chunkDurationMax }
        while !isBackedUp, let first = chunks.first {
            chunks.removeFirst()
            write(first.bytes)
        }
    }

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        driver.closed(self, ending, LinkFault.refusal(for: ending, of: endpoint), isForgotten: isForgotten)
    }

    private var channel: LinkChannel { endpoint.stream.exporter.map { .tls(exporter: $0) } ?? .plaintext }

    private func heard() {
        if let id, !isForgotten { driver.tell(.heard(id)) }
    }

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > reasonBytesMax else { return text }
        return String(decoding: text.utf8.prefix(reasonBytesMax).filter { $0 < 0x80 }, as: UTF8.self)
    }

    /// The refusal that a peer wrote into its close frame; nil if its reason is in other words.
    static func refusal(in reason: String) -> Refusal? {
        let parts = reason.split(separator: ":", maxSplits: 1)
        guard let first = parts.first, let code = Refusal.Code(rawValue: String(first)) else { return nil }
        let text = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
        return Refusal(code, text)
    }
}
