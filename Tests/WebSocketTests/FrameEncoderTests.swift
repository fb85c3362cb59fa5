import Testing
import WebSocket

struct FrameEncoderTests {
    @Test func oneEncodedFrameServesManyReaders() throws {
        let shared = try EncodedFrame(.text(Array("Hello".utf8)))
        #expect(shared.bytes == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        for _ in 0..<3 {
            var pair = try Pair()
            try pair.server.send(shared)
            #expect(pair.settle().client == [.message(.text(Array("Hello".utf8)))])
        }
    }

    @Test func aSharedFrameKeepsItsPlaceAmongOthers() throws {
        var pair = try Pair()
        try pair.server.send(.text([0x31]))
        try pair.server.send(try EncodedFrame(.binary([2])))
        try pair.server.send(.text([0x33]))
        #expect(pair.settle().client == [.message(.text([0x31])), .message(.binary([2])), .message(.text([0x33]))])
    }

    @Test func textThatIsNotUTF8IsMisuse() {
        #expect(throws: Misuse.textNotUTF8) { try EncodedFrame(.text([0xFF])) }
        #expect(throws: Misuse.textNotUTF8) { try EncodedFrame(.text([0xC3])) }
        #expect(throws: Never.self) { try EncodedFrame(.binary([0xFF])) }
    }

    @Test func aClientMayNotShareFrames() throws {
        var client = try openClient()
        let shared = try EncodedFrame(.text([0x31]))
        #expect(throws: Misuse.sharedFrameFromClient) { try client.send(shared) }
        #expect(client.takeOutput().isEmpty)
    }
}
