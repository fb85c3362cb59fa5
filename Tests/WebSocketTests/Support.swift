import Testing
import WebSocket

/// A small generator with a seed, so that a failing run can be repeated.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// How the transport may cut a stream; the last one means not at all.
let chunkings = [1, 2, 3, 64, Int.max]

extension [UInt8] {
    func chunks(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: Swift.min(size, Swift.max(count, 1))).map {
            Array(self[$0..<($0 + Swift.min(size, count - $0))])
        }
    }
}

let testKey: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

/// Builds a frame from its parts by the picture in RFC 6455 §5.2, without the code under test.
func frame(_ first: UInt8, _ payload: [UInt8], key: [UInt8]? = testKey) -> [UInt8] {
    var bytes = [first]
    let mask: UInt8 = key == nil ? 0 : 0x80
    if payload.count < 126 {
        bytes.append(mask | UInt8(payload.count))
    } else if payload.count < 65536 {
        bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    } else {
        bytes.append(mask | 127)
        bytes += (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 255) }
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $0.element ^ key[$0.offset % 4] }
}

func frame(_ first: UInt8, _ text: String, key: [UInt8]? = testKey) -> [UInt8] {
    frame(first, Array(text.utf8), key: key)
}

func closePayload(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8)
}

let plainRequest = [
    "GET /chat HTTP/1.1", "Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
]

func head(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) }

func openServer(limits: Limits = Limits()) throws -> Connection {
    var server = Connection.server(limits: limits)
    _ = server.receive(head(plainRequest))
    try server.accept()
    _ = server.takeOutput()
    return server
}

func openClient(
    limits: Limits = Limits(), random: @escaping @Sendable () -> UInt32 = { 0x37FA_213D }
) throws -> Connection {
    var pair = try Pair(limits: limits, random: random)
    _ = pair.client.takeOutput()
    _ = pair.server.takeOutput()
    return pair.client
}

/// A client and a server joined in memory, with the opening handshake done.
struct Pair {
    var client: Connection
    var server: Connection

    init(
        limits: Limits = Limits(), deflate: DeflateSettings? = nil,
        random: @escaping @Sendable () -> UInt32 = { 0x37FA_213D }
    ) throws {
        client = try .client(host: "north.example", path: "/", limits: limits, deflate: deflate, random: random)
        server = .server(limits: limits, deflate: deflate)
        _ = server.receive(client.takeOutput())
        try server.accept()
        #expect(client.receive(server.takeOutput()) == [.opened])
    }

    /// Carries bytes both ways until nobody has more to say.
    mutating func settle(chunk: Int = .max) -> (client: [Event], server: [Event]) {
        var events: (client: [Event], server: [Event]) = ([], [])
        while true {
            let upstream = client.takeOutput()
            for chunk in upstream.chunks(of: chunk) { events.server += server.receive(chunk) }
            let downstream = server.takeOutput()
            for chunk in downstream.chunks(of: chunk) { events.client += client.receive(chunk) }
            if upstream.isEmpty && downstream.isEmpty { return events }
        }
    }
}

extension Connection {
    /// Feeds `bytes` in pieces of `size`.
    mutating func receive(_ bytes: [UInt8], inChunksOf size: Int) -> [Event] {
        bytes.chunks(of: size).flatMap { receive($0) }
    }
}

/// A refusal's event, for comparing without its wording.
func closeCode(of events: [Event]) -> CloseCode? {
    guard case .closed(let code, _, wasClean: false) = events.last else { return nil }
    return code
}
