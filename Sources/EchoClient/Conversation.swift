import Glibc
import Net
import WebSocket
import WebSocketTransport

/// Sends lines and prints messages until the input ends.
final class Conversation: EndpointHandler {
    private let loop: EventLoop
    private let finish: (String?) -> Void
    private var endpoint: Endpoint?
    private var input: InputReader?
    /// The line under way, without its break.
    private var line: [UInt8] = []
    /// No message is longer, because no server need take it.
    private static let lineBytesMax = 64 << 10

    /// `finish` is called once, with the reason if it went wrong.
    init(_ dialler: Dialler, finish: @escaping (String?) -> Void) {
        loop = dialler.loop
        self.finish = finish
        dialler.dial(dialler.path) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let endpoint):
                self.endpoint = endpoint
                endpoint.handler = self
            case .failure(let error): finish("\(error)")
            }
        }
    }

    func endpointOpened(_ endpoint: Endpoint) {
        do {
            input = try InputReader(loop: loop, descriptor: STDIN_FILENO) { [weak self] event in self?.read(event) }
        } catch {
            endpoint.close(.goingAway)
        }
    }

    private func read(_ event: InputReader.Event) {
        guard case .bytes(let bytes) = event else {
            // What was sent is answered before the close frame is.
            endpoint?.close(.normal)
            return
        }
        for byte in bytes {
            if byte == UInt8(ascii: "\n") || line.count == Conversation.lineBytesMax { sendLine() }
            if byte != UInt8(ascii: "\n") { line.append(byte) }
        }
    }

    private func sendLine() {
        endpoint?.send(text: line)
        line = []
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        switch message {
        case .text(let bytes): print(Conversation.printable(bytes))
        case .binary(let bytes): print("(\(bytes.count) bytes)")
        }
        fflush(nil)
    }

    /// A server's text must not command the terminal.
    private static func printable(_ text: [UInt8]) -> String {
        String(String.UnicodeScalarView(String(decoding: text, as: UTF8.self).unicodeScalars.map(shown)))
    }

    private static func shown(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
        default: scalar
        }
    }

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        switch ending {
        case .closed(code: CloseCode.normal, _, wasClean: true): finish(nil)
        case .refused(let fault): finish("refused: \(fault.status.map { "\($0.rawValue) " } ?? "")\(fault.reason)")
        default: finish("\(ending)")
        }
    }

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {}
    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) {}
    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) {}
    func endpointDrained(_ endpoint: Endpoint) {}
}
