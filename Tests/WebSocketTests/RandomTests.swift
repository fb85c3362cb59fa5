import Testing
import WebSocket

struct RandomTests {
    private static func message(using random: inout SplitMix64) -> Message {
        let sizes = [0, 1, 5, 124, 125, 126, 127, 1000, 65535, 65536, 70000]
        let count = sizes[Int.random(in: 0..<(Bool.random(using: &random) ? 6 : sizes.count), using: &random)]
        if Bool.random(using: &random) { return .binary(random.bytes(count)) }
        let alphabet = ["a", "z", " ", "é", "€", "\u{1F600}", "\u{0}", "\u{10FFFF}"]
        let text = (0..<(count / 4)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
        return .text(Array(text.joined().utf8))
    }

    /// The frames of a message cut anywhere, with control frames strewn in.
    private static func wire(of message: Message, key: Bool, using random: inout SplitMix64) -> [UInt8] {
        let (opcode, payload): (UInt8, [UInt8]) =
            switch message {
            case .text(let payload): (1, payload)
            case .binary(let payload): (2, payload)
            }
        var cuts = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            Int.random(in: 0...payload.count, using: &random)
        }
        cuts = [0] + cuts.sorted() + [payload.count]
        var wire: [UInt8] = []
        for (index, range) in zip(cuts, cuts.dropFirst()).enumerated() {
            let final: UInt8 = index == cuts.count - 2 ? 0x80 : 0
            let first = final | (index == 0 ? opcode : 0)
            wire += frame(first, Array(payload[range.0..<range.1]), key: key ? random.bytes(4) : nil)
            if Bool.random(using: &random) {
                let control: UInt8 = Bool.random(using: &random) ? 0x89 : 0x8A
                let payload = random.bytes(Int.random(in: 0...125, using: &random))
                wire += frame(control, payload, key: key ? random.bytes(4) : nil)
            }
        }
        return wire
    }

    private static func receive(
        _ wire: [UInt8], into connection: inout Connection, using random: inout SplitMix64
    ) -> [Event] {
        var events: [Event] = []
        var rest = wire[...]
        while !rest.isEmpty {
            let size = Int.random(in: 1...(Bool.random(using: &random) ? 10 : 5000), using: &random)
            events += connection.receive(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return events
    }

    private static func messages(in events: [Event]) -> [Message] {
        events.compactMap { if case .message(let message) = $0 { message } else { nil } }
    }

    @Test(arguments: 0..<30)
    func fragmentedMessagesArriveEqual(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let sent = (0..<10).map { _ in RandomTests.message(using: &random) }
        var server = try openServer()
        var client = try openClient()
        let upstream = sent.flatMap { RandomTests.wire(of: $0, key: true, using: &random) }
        let downstream = sent.flatMap { RandomTests.wire(of: $0, key: false, using: &random) }
        #expect(RandomTests.messages(in: RandomTests.receive(upstream, into: &server, using: &random)) == sent)
        #expect(RandomTests.messages(in: RandomTests.receive(downstream, into: &client, using: &random)) == sent)
        #expect(server.isOpen && client.isOpen)
    }

    @Test(arguments: 0..<20)
    func sentMessagesArriveEqual(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) + 1000)
        var pair = try Pair(random: { .random(in: .min ... .max) })
        let up = (0..<8).map { _ in RandomTests.message(using: &random) }
        let down = (0..<8).map { _ in RandomTests.message(using: &random) }
        for message in up { try pair.client.send(message) }
        for message in down { try pair.server.send(message) }
        let chunk = Int.random(in: 1...3000, using: &random)
        let events = pair.settle(chunk: chunk)
        #expect(RandomTests.messages(in: events.server) == up)
        #expect(RandomTests.messages(in: events.client) == down)
    }

    /// Feeds `bytes` in random chunks and holds the connection to its contract: after its one last event it is silent.
    private static func holdsContract(
        _ bytes: [UInt8], _ connection: inout Connection, using random: inout SplitMix64
    ) -> Bool {
        let events = receive(bytes, into: &connection, using: &random)
        let endings = events.indices.filter {
            switch events[$0] {
            case .closed, .refusedOpening: true
            default: false
            }
        }
        guard endings.count <= 1, endings.allSatisfy({ $0 == events.count - 1 }) else { return false }
        guard connection.isClosed == !endings.isEmpty else { return false }
        _ = connection.takeOutput()
        return connection.transportEnded().count == (endings.isEmpty ? 1 : 0)
    }

    @Test func garbageIsRefusedOrAwaitsMore() throws {
        var random = SplitMix64(seed: 6455)
        let openServer = try openServer()
        let openClient = try openClient()
        let newClient = try Connection.client(host: "a", path: "/", random: { 0 })
        var sides = [openServer, openClient, .server(), newClient]
        let fresh = sides
        for round in 0..<100_000 {
            let bytes = random.bytes(Int.random(in: 1...40, using: &random))
            let side = round % sides.count
            sides[side] = fresh[side]
            guard RandomTests.holdsContract(bytes, &sides[side], using: &random) else {
                Issue.record("side \(side): \(bytes)")
                return
            }
        }
    }

    /// Garbage that is nearly right reaches further: good frames and heads with a few bytes changed, lost or doubled.
    @Test func damagedTrafficIsRefusedOrAwaitsMore() throws {
        var random = SplitMix64(seed: 1300)
        let fresh = [try openServer(), try openClient(), .server(), try Connection.client(host: "a", path: "/") { 0 }]
        let small: [Message] = [.text(Array("grüße €".utf8)), .binary([1, 2, 3]), .text([])]
        for round in 0..<6_000 {
            let side = round % fresh.count
            var bytes: [UInt8]
            switch side {
            case 0, 1:
                bytes = small.flatMap { RandomTests.wire(of: $0, key: side == 0, using: &random) }
                bytes += frame(0x88, closePayload(1000, "bye"), key: side == 0 ? random.bytes(4) : nil)
            case 2: bytes = head(plainRequest)
            default: bytes = head(["HTTP/1.1 101 x", "Upgrade: websocket", "Connection: Upgrade", "A: b"])
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[place], at: place)
                }
            }
            var connection = fresh[side]
            guard RandomTests.holdsContract(bytes, &connection, using: &random) else {
                Issue.record("side \(side): \(bytes)")
                return
            }
        }
    }
}
