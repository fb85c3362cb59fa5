import Deflate
import Net
import Testing
import WebSocket
import WebSocketTransport

/// Hostile peers over real sockets: each loses its connection for a named reason, and everybody else's goes on.
@Suite struct EndpointAttackTests {
    struct Attack: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Sent again and again, behind an opening request, until the server has enough.
        let bytes: [UInt8]
        let code: CloseCode
    }

    private static func deflated(_ payload: [UInt8]) -> [UInt8] {
        Array((Zlib().makeDeflater(windowBits: 15)?.deflate(payload) ?? []).dropLast(4))
    }

    /// A frame of any length with the masking key 0.
    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [first, 0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255), 0, 0, 0, 0] + payload
    }

    static let attacks = [
        Attack(
            testDescription: "fragments without end",
            bytes: clientFrame(2, [1], isFinal: false)
                + (0..<10_000).flatMap { _ in clientFrame(0, [1], isFinal: false) },
            code: .policyViolation),
        Attack(
            testDescription: "a message of 2^40 bytes", bytes: [0x82, 0xFF, 0, 0, 1] + [UInt8](repeating: 0, count: 9),
            code: .messageTooBig),
        Attack(
            testDescription: "a length that overflows", bytes: [0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 12),
            code: .protocolError),
        Attack(
            testDescription: "a bomb", bytes: frame(0xC2, deflated([UInt8](repeating: 0, count: 10_000_000))),
            code: .policyViolation),
        Attack(
            testDescription: "blocks without content",
            bytes: frame(0x42, [UInt8](repeatElement([0x03, 0x00], count: 30_000).joined()))
                + (0..<9).flatMap { _ in frame(0x00, [UInt8](repeatElement([0x03, 0x00], count: 30_000).joined())) },
            code: .messageTooBig),
        Attack(testDescription: "an unmasked frame", bytes: [0x81, 1, 0x61], code: .protocolError),
        Attack(testDescription: "no DEFLATE", bytes: clientFrame(0x42, [0x07]), code: .invalidPayload),
    ]

    @Test(arguments: attacks)
    func loseTheirConnectionAndNobodyElseDoes(attack: Attack) throws {
        var hostile: Recorder?
        var echoes = 0
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve(deflate: DeflateSettings(library: Zlib())) { recorder in
                recorder.onText = { endpoint, text in endpoint.send(text: text) }
                recorder.onClosed = { [unowned recorder] _, _ in hostile = hostile ?? recorder }
            }
            _ = try stage.dial { recorder in
                recorder.onOpened = { endpoint in endpoint.send(text: [0x61]) }
                recorder.onText = { endpoint, text in
                    echoes += 1
                    // Some echoes more after the attack is over.
                    if hostile == nil { echoes = 0 }
                    if echoes == 10 { return loop.stop() }
                    endpoint.send(text: text)
                }
            }
            _ = stage.dialRaw { peer in
                var began = false
                peer.onOpened = { $0.write(compressedOpeningRequest) }
                peer.onReceived = { stream in
                    if !began { stream.write(attack.bytes) }
                    began = true
                }
            }
        }
        guard case .closed(attack.code, _, wasClean: false)? = hostile?.endings.first else {
            Issue.record("\(String(describing: hostile?.endings))")
            return
        }
        #expect(hostile?.texts == [])
        #expect(echoes == 10)
    }

    /// A flood of pings costs about one pong for each read, not one for each ping.
    @Test func aFloodOfPingsIsAnsweredSparsely() throws {
        var server: Recorder?
        var peer: RawPeer?
        let pings = [UInt8](repeatElement(clientFrame(9, [0x70]), count: 20_000).joined())
        try withLoop { loop in
            let stage = Stage(loop)
            try stage.serve { server = $0 }
            peer = stage.dialRaw { peer in
                var began = false
                peer.onOpened = { $0.write(openingRequest) }
                peer.onReceived = { stream in
                    if !began { stream.write(pings + clientFrame(8, [3, 232])) }
                    began = true
                }
                peer.onClosed = { loop.stop() }
            }
        }
        #expect(server?.pings.count == 20_000)
        #expect(server?.endings == [.closed(code: .normal, reason: "", wasClean: true)])
        // The answer to the opening, the pongs of three bytes, the close frame.
        #expect((peer?.received.count ?? .max) < 200 + 3 * 2_000)
    }
}

/// `openingRequest` with an offer of compression.
private let compressedOpeningRequest: [UInt8] =
    Array(openingRequest.dropLast(2)) + Array("Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".utf8)
