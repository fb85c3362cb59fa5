import Testing
import WebSocket

private let text = "h€llo \u{1F600} κόσμε \u{10FFFF} \u{800}"

/// Messages out of fragments: MessageAssembler and MessageReader, seen through a server.
struct MessageTests {
    /// RFC 6455 §5.7: "Hello" in two fragments, and all the ways to cut a text with characters of 1 to 4 bytes in two.
    @Test(arguments: chunkings)
    func joinsFragmentsCutAtEachByte(size: Int) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var server = try openServer()
            let wire = frame(0x01, Array(bytes[..<cut])) + frame(0x80, Array(bytes[cut...]))
            #expect(server.receive(wire, inChunksOf: size) == [.message(.text(bytes))])
        }
    }

    @Test(arguments: chunkings)
    func controlFramesStandBetweenFragments(size: Int) throws {
        var server = try openServer()
        let wire =
            frame(0x02, [1, 2]) + frame(0x89, "a") + frame(0x00, []) + frame(0x8A, "b") + frame(0x00, [3])
            + frame(0x89, [UInt8](repeating: 7, count: 125)) + frame(0x80, [4]) + frame(0x81, "next")
        #expect(
            server.receive(wire, inChunksOf: size) == [
                .ping(Array("a".utf8)), .pong(Array("b".utf8)), .ping([UInt8](repeating: 7, count: 125)),
                .message(.binary([1, 2, 3, 4])), .message(.text(Array("next".utf8))),
            ])
    }

    @Test(arguments: chunkings)
    func emptyMessages(size: Int) throws {
        var server = try openServer()
        let wire = frame(0x81, "") + frame(0x82, "") + frame(0x01, "") + frame(0x00, "") + frame(0x80, "")
        #expect(
            server.receive(wire, inChunksOf: size) == [.message(.text([])), .message(.binary([])), .message(.text([]))])
    }

    @Test(
        arguments: [
            frame(0x80, "x"), frame(0x00, "x"),  // nothing to continue
            frame(0x01, "x") + frame(0x81, "y"),  // a message inside a message
            frame(0x01, "x") + frame(0x02, "y"), frame(0x81, "x") + frame(0x80, "y"),
        ], chunkings)
    func refusesFragmentsOutOfPlace(wire: [UInt8], size: Int) throws {
        var server = try openServer()
        #expect(closeCode(of: server.receive(wire, inChunksOf: size)) == .protocolError)
    }

    /// ASCII passes by a short cut, so one byte of anything else must be seen wherever it is.
    @Test(arguments: [1, 2, 7, 8, 9, 31, 32, 33, 47, 64, 127])
    func seesEachByteOfAText(count: Int) throws {
        for place in 0..<count {
            var payload = [UInt8](repeating: 0x7F, count: count)
            payload[place] = 0x80
            var server = try openServer()
            #expect(closeCode(of: server.receive(frame(0x81, payload))) == .invalidPayload)
            var client = try openClient()
            #expect(closeCode(of: client.receive(frame(0x81, payload, key: nil))) == .invalidPayload)
        }
    }

    /// Each piece of bad UTF-8, with the number of its bytes after which nothing can save it.
    static let badTexts: [([UInt8], Int)] = [
        ([0x80], 1), ([0xC0, 0x80], 1), ([0xC1, 0xBF], 1), ([0xC3, 0x28], 2), ([0xE0, 0x9F, 0xBF], 2),
        ([0xED, 0xA0, 0x80], 2), ([0xE2, 0x28, 0xA1], 2), ([0xE2, 0x82, 0x28], 3), ([0xF0, 0x8F, 0xBF, 0xBF], 2),
        ([0xF4, 0x90, 0x80, 0x80], 2), ([0xF5, 0x80, 0x80, 0x80], 1), ([0xFF], 1), ([0xF0, 0x9F, 0x98, 0x41], 4),
    ]

    @Test(arguments: badTexts, [0, 1, 7, 8, 9, 30])
    func refusesBadTextAtItsFirstBadByte(_ bad: ([UInt8], Int), behind ascii: Int) throws {
        // The frame announces 1000 bytes more and is the first of several: neither need arrive.
        let payload = [UInt8](repeating: 0x61, count: ascii) + bad.0 + [UInt8](repeating: 0x62, count: 1000)
        let wire = frame(0x01, payload)
        let headerBytes = 8
        let lastGood = headerBytes + ascii + bad.1 - 1
        for size in chunkings {
            var server = try openServer()
            #expect(server.receive(Array(wire[..<lastGood]), inChunksOf: size).isEmpty)
            #expect(closeCode(of: server.receive([wire[lastGood]])) == .invalidPayload)
        }
    }

    @Test func refusesBadTextAcrossFragments() throws {
        for (bytes, good) in MessageTests.badTexts where good > 1 {
            for cut in 1..<good {
                var server = try openServer()
                let wire = frame(0x01, Array(bytes[..<cut])) + frame(0x00, Array(bytes[cut...]))
                #expect(closeCode(of: server.receive(wire)) == .invalidPayload)
            }
        }
    }

    @Test(arguments: [[0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98]] as [[UInt8]])
    func refusesTextThatEndsInsideACharacter(bytes: [UInt8]) throws {
        var server = try openServer()
        #expect(server.receive(frame(0x01, bytes)).isEmpty)
        #expect(closeCode(of: server.receive(frame(0x80, []))) == .invalidPayload)
        var other = try openServer()
        #expect(closeCode(of: other.receive(frame(0x81, bytes))) == .invalidPayload)
    }

    @Test func binaryIsNotText() throws {
        var server = try openServer()
        #expect(server.receive(frame(0x82, [0xFF, 0xC0])) == [.message(.binary([0xFF, 0xC0]))])
    }

    @Test func theValidatorStartsAnewWithEachMessage() throws {
        var server = try openServer()
        let wire = frame(0x02, [0xE2]) + frame(0x80, []) + frame(0x81, "a") + frame(0x81, "€")
        #expect(server.receive(wire).count == 3)
        #expect(server.isOpen)
    }
}
