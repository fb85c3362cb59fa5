import Deflate
import Testing
import WebSocket

/// Compressed messages (RFC 7692 §6 and §7.2), seen through connections that agreed on compression.
struct MessageDeflationTests {
    private static func settings(context: Bool = true) -> DeflateSettings {
        var settings = DeflateSettings(library: Zlib())
        settings.serverKeepsContext = context
        settings.clientKeepsContext = context
        settings.messageBytesMin = 1
        return settings
    }

    static func openServer(
        _ settings: DeflateSettings = settings(), limits: Limits = Limits(),
        offer: String = "permessage-deflate; client_max_window_bits"
    ) throws -> Connection {
        var server = Connection.server(limits: limits, deflate: settings)
        _ = server.receive(head(plainRequest + ["Sec-WebSocket-Extensions: \(offer)"]))
        try server.accept()
        _ = server.takeOutput()
        return server
    }

    static func deflated(_ payload: [UInt8], windowBits: Int = 15) throws -> [UInt8] {
        let deflater = try #require(Zlib().makeDeflater(windowBits: windowBits))
        return Array(try #require(deflater.deflate(payload)).dropLast(4))
    }

    private static let hello = Message.text(Array("Hello".utf8))

    /// The examples of RFC 7692 §7.2.3, and what else means the same.
    @Test(
        arguments: [
            frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            // §7.2.3.1, in two fragments: only the first says that it is compressed.
            frame(0x41, [0xF2, 0x48, 0xCD]) + frame(0x80, [0xC9, 0xC9, 0x07, 0x00]),
            frame(0x41, []) + frame(0x00, []) + frame(0x80, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            // §7.2.3.3: a block without compression.
            frame(0xC1, [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]),
            // §7.2.3.4: a final block, and an empty one that is not.
            frame(0xC1, [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
            // §7.2.3.5: two blocks with an empty one between.
            frame(0xC1, [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]),
            // Not compressed, which is always allowed.
            frame(0x81, "Hello"),
        ], chunkings)
    func readsTheExamplesOfTheStandard(wire: [UInt8], size: Int) throws {
        var server = try MessageDeflationTests.openServer()
        let ping = frame(0x89, "p")
        // Twice, so that the second message meets what the first left behind.
        let events = server.receive(wire + ping + wire, inChunksOf: size)
        #expect(
            events == [.message(MessageDeflationTests.hello), .ping([0x70]), .message(MessageDeflationTests.hello)])
    }

    /// §7.2.3.2: the second message refers to the first, if contexts are kept.
    @Test(arguments: chunkings)
    func aMessageMayReferToTheOneBefore(size: Int) throws {
        let wire =
            frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]) + frame(0xC1, [0xF2, 0x00, 0x11, 0x00, 0x00])
        var server = try MessageDeflationTests.openServer()
        #expect(
            server.receive(wire, inChunksOf: size)
                == [.message(MessageDeflationTests.hello), .message(MessageDeflationTests.hello)])
        var other = try MessageDeflationTests.openServer(MessageDeflationTests.settings(context: false))
        let events = other.receive(wire, inChunksOf: size)
        #expect(events.first == .message(MessageDeflationTests.hello))
        #expect(closeCode(of: events) == .invalidPayload)
    }

    /// §7.2.3.6: one zero byte is an empty message. And the shortest forms of an empty message beside it.
    @Test(arguments: [[0x00], [0x02, 0x00], [0x03, 0x00, 0x00], [0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00]] as [[UInt8]])
    func emptyMessages(payload: [UInt8]) throws {
        for size in chunkings {
            var server = try MessageDeflationTests.openServer()
            let events = server.receive(frame(0xC1, payload) + frame(0xC2, payload), inChunksOf: size)
            #expect(events == [.message(.text([])), .message(.binary([]))])
        }
    }

    @Test(arguments: [true, false], chunkings)
    func carriesMessagesBothWays(context: Bool, chunk: Int) throws {
        let settings = MessageDeflationTests.settings(context: context)
        var pair = try Pair(deflate: settings)
        let line = Array("the same line again, with an ä, ".utf8)
        let messages: [Message] = [
            .text(line), .text(line), .binary([]), .text(line + line + line), .binary((0...255).map { $0 }), .text([]),
            .text((0..<1900).flatMap { _ in line }), .text(line),
        ]
        for message in messages {
            try pair.client.send(message)
            try pair.server.send(message)
        }
        let events = pair.settle(chunk: chunk)
        #expect(events.server == messages.map(Event.message))
        #expect(events.client == messages.map(Event.message))
    }

    @Test(arguments: 9...15, [true, false])
    func everyWindowBothWays(bits: Int, context: Bool) throws {
        var settings = MessageDeflationTests.settings(context: context)
        settings.serverWindowBitsMax = bits
        settings.clientWindowBitsMax = 24 - bits
        var pair = try Pair(deflate: settings)
        #expect(pair.client.compression?.clientMaxWindowBits == 24 - bits)
        #expect(pair.server.compression?.serverMaxWindowBits ?? 15 == bits)
        var random = SplitMix64(seed: UInt64(bits))
        let block = random.bytes(2_000)
        let messages = (0..<20).map { Message.binary(block + random.bytes($0 * 100) + block) }
        for message in messages {
            try pair.client.send(message)
            try pair.server.send(message)
        }
        let events = pair.settle(chunk: 1000)
        #expect(events.server == messages.map(Event.message))
        #expect(events.client == messages.map(Event.message))
    }

    @Test func contextMakesRepeatedMessagesSmaller() throws {
        let text = Array("presence of alice@north.example: at lunch, back at one".utf8)
        func bytesSent(context: Bool) throws -> Int {
            var pair = try Pair(deflate: MessageDeflationTests.settings(context: context))
            try pair.client.send(.text(text))
            _ = pair.client.takeOutput()
            try pair.client.send(.text(text))
            return pair.client.takeOutput().count
        }
        #expect(try bytesSent(context: true) < 20)
        #expect(try bytesSent(context: false) > 40)
    }

    @Test func shortMessagesAndControlFramesGoAsTheyAre() throws {
        var settings = MessageDeflationTests.settings()
        settings.messageBytesMin = 10
        var server = try MessageDeflationTests.openServer(settings)
        try server.send(.text(Array("aaaaaaaaa".utf8)))
        try server.send(ping: [UInt8](repeating: 0x61, count: 125))
        #expect(
            server.takeOutput() == frame(0x81, "aaaaaaaaa", key: nil)
                + frame(0x89, [UInt8](repeating: 0x61, count: 125), key: nil))
        try server.send(.text(Array("aaaaaaaaaa".utf8)))
        #expect(server.takeOutput().first == 0xC1)
        try server.send(try EncodedFrame(.text(Array("aaaaaaaaaa".utf8))))
        #expect(server.takeOutput() == frame(0x81, "aaaaaaaaaa", key: nil))
        try server.close(.normal, reason: "aaaaaaaaaaaaaaa")
        #expect(server.takeOutput().first == 0x88)
    }

    /// Without context there is no need to send what did not shrink.
    @Test func whatDoesNotShrinkGoesAsItIs() throws {
        var random = SplitMix64(seed: 7)
        let payload = random.bytes(1000)
        var server = try MessageDeflationTests.openServer(MessageDeflationTests.settings(context: false))
        try server.send(.binary(payload))
        #expect(server.takeOutput() == frame(0x82, payload, key: nil))
    }

    /// RFC 7692 §6: the bit stands on the first frame of a data message, and nowhere at all if nothing was agreed.
    @Test(
        arguments: [
            frame(0xC8, []), frame(0xC9, ""), frame(0xCA, ""), frame(0x41, []) + frame(0xC0, [0x00]),
            frame(0x01, "a") + frame(0xC0, [0x00]), frame(0x01, "a") + frame(0x40, []), frame(0xA1, ""),
            frame(0x91, ""), frame(0xE1, [0x00]), frame(0xD1, [0x00]),
        ], chunkings)
    func refusesReservedBitsOutOfPlace(wire: [UInt8], size: Int) throws {
        var server = try MessageDeflationTests.openServer()
        #expect(closeCode(of: server.receive(wire, inChunksOf: size)) == .protocolError)
        var plain = try MessageDeflationTests.openServer(offer: "x-other")
        #expect(closeCode(of: plain.receive(frame(0xC1, [0x00]), inChunksOf: size)) == .protocolError)
    }

    /// The frame is sound but its payload is not what its bit says: 1007, as for text that is not UTF-8.
    @Test(
        arguments: [
            [0x07], [0xFF, 0xFF, 0xFF, 0xFF],  // blocks of the reserved kind
            [0x00, 0x01, 0x00, 0x01, 0x00],  // lengths that contradict each other
            [0xF2, 0x00, 0x11, 0x00, 0x00],  // a reference to before the beginning
            [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07],  // the last block lacks the border that the tail needs
            [0xF2, 0x48, 0xCD], [],  // cut off
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],  // a final block without the empty one behind it
            [0x05, 0xE0, 0xFF],  // a table of codes that is none
        ] as [[UInt8]], chunkings)
    func refusesWhatIsNotDeflate(payload: [UInt8], size: Int) throws {
        for wire in [frame(0xC2, payload), frame(0x42, payload) + frame(0x80, [])] {
            var server = try MessageDeflationTests.openServer()
            let events = server.receive(wire + frame(0x81, "after"), inChunksOf: size)
            #expect(events.count == 1)
            #expect(closeCode(of: events) == .invalidPayload)
            #expect(server.takeOutput().dropFirst(2).prefix(2) == closePayload(1007)[...])
        }
    }

    @Test(arguments: chunkings)
    func textIsCheckedWhenItIsDecompressed(size: Int) throws {
        let good = Array("κόσμε \u{1F600}".utf8)
        for (text, isGood) in [(good, true), (good.dropLast() + [], false), (good + [0xFF] + good, false)] {
            var server = try MessageDeflationTests.openServer()
            let payload = try MessageDeflationTests.deflated(text)
            let wire = frame(0x41, Array(payload.prefix(5))) + frame(0x80, Array(payload.dropFirst(5)))
            let events = server.receive(wire, inChunksOf: size)
            if isGood { #expect(events == [.message(.text(text))]) }
            if !isGood { #expect(closeCode(of: events) == .invalidPayload) }
        }
    }

    /// Any bytes are a message or end the connection with a documented code, whatever the chunks.
    @Test(arguments: 1...300)
    func anyBytesAreReadOrRefused(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var payload = try MessageDeflationTests.deflated(random.bytes(200) + [UInt8](repeating: 7, count: 300))
        for _ in 0..<(seed % 4) { payload[Int.random(in: 0..<payload.count, using: &random)] ^= 1 << UInt8(seed % 8) }
        let cut = Int.random(in: 0...payload.count, using: &random)
        let wire = frame(0x42, Array(payload[..<cut])) + frame(0x80, Array(payload[cut...]))
        var outcomes: [[Event]] = []
        for size in chunkings {
            var server = try MessageDeflationTests.openServer()
            outcomes.append(server.receive(wire, inChunksOf: size))
        }
        #expect(outcomes.allSatisfy { $0 == outcomes[0] && $0.count == 1 })
        if case .message = outcomes[0][0] { return }
        #expect(seed % 4 > 0)
        #expect(closeCode(of: outcomes[0]) == .invalidPayload)
    }
}
