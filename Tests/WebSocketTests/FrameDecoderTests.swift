import Testing
import WebSocket

/// A frame as the decoder tells it, with its pieces joined and unmasked.
private struct WholeFrame: Equatable {
    var header: FrameHeader
    var payload: [UInt8]
}

/// Feeds `bytes` in chunks to a decoder and collects whole frames, or the first fault.
private func decode(
    _ bytes: [UInt8], side: Side, inChunksOf size: Int
) -> (frames: [WholeFrame], fault: PeerFault?, isBetweenFrames: Bool) {
    var decoder = FrameDecoder(side: side)
    var frames: [WholeFrame] = []
    var payload: [UInt8] = []
    for chunk in bytes.chunks(of: size) {
        let fault: PeerFault? = chunk.withUnsafeBytes { buffer in
            var position = 0
            do throws(PeerFault) {
                while let piece = try decoder.next(in: buffer, from: &position) {
                    if piece.beginsFrame { payload = [] }
                    if piece.offset != payload.count { Issue.record("a piece out of place") }
                    var copy = Array(piece.bytes)
                    copy.withUnsafeMutableBytes { piece.frame.maskingKey?.apply(to: $0, offset: piece.offset) }
                    payload += copy
                    if piece.endsFrame { frames.append(WholeFrame(header: piece.frame, payload: payload)) }
                }
                return nil
            } catch {
                return error
            }
        }
        if let fault { return (frames, fault, false) }
    }
    return (frames, nil, decoder.isBetweenFrames)
}

struct FrameVector: Sendable, CustomTestStringConvertible {
    let name: String
    let side: Side
    let bytes: [UInt8]
    let header: FrameHeader
    let payload: [UInt8]
    var testDescription: String { name }

    init(_ name: String, _ side: Side, _ bytes: [UInt8], isFinal: Bool = true, _ opcode: Opcode, _ payload: [UInt8]) {
        self.name = name
        self.side = side
        self.bytes = bytes
        self.payload = payload
        header = FrameHeader(
            isFinal: isFinal, opcode: opcode, maskingKey: side == .server ? MaskingKey(0x37FA_213D) : nil,
            payloadBytes: payload.count)
    }
}

private let hello = Array("Hello".utf8)

/// RFC 6455 §5.7, read by the side they are meant for, and each length encoding at its borders.
let frameVectors: [FrameVector] =
    [
        FrameVector("unmasked text", .client, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .text, hello),
        FrameVector(
            "masked text", .server, [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], .text, hello),
        FrameVector(
            "first fragment", .client, [0x01, 0x03, 0x48, 0x65, 0x6C], isFinal: false, .text, Array("Hel".utf8)),
        FrameVector("last fragment", .client, [0x80, 0x02, 0x6C, 0x6F], .continuation, Array("lo".utf8)),
        FrameVector("ping", .client, [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .ping, hello),
        FrameVector(
            "masked pong", .server, [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], .pong, hello),
        FrameVector(
            "256 bytes", .client, [0x82, 0x7E, 0x01, 0x00] + [UInt8](repeating: 5, count: 256), .binary,
            [UInt8](repeating: 5, count: 256)),
        FrameVector(
            "64 KiB", .client, [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + [UInt8](repeating: 5, count: 65536), .binary,
            [UInt8](repeating: 5, count: 65536)),
        FrameVector("empty close", .server, [0x88, 0x80] + testKey, .close, []),
    ]
    + [0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537].flatMap { count in
        let payload = (0..<count).map { UInt8($0 & 255) }
        return [
            FrameVector("\(count) masked", .server, frame(0x82, payload), .binary, payload),
            FrameVector("\(count) unmasked", .client, frame(0x82, payload, key: nil), .binary, payload),
        ]
    }

struct FrameDecoderTests {
    @Test(arguments: frameVectors, chunkings)
    func decodes(_ vector: FrameVector, inChunksOf size: Int) {
        let result = decode(vector.bytes, side: vector.side, inChunksOf: size)
        #expect(result.frames == [WholeFrame(header: vector.header, payload: vector.payload)])
        #expect(result.fault == nil)
        #expect(result.isBetweenFrames)
    }

    @Test(arguments: frameVectors)
    func encodesTheSameBytes(_ vector: FrameVector) {
        var output: [UInt8] = [0xAA]
        FrameEncoder.append(
            vector.header.opcode, vector.payload, isFinal: vector.header.isFinal, maskingKey: vector.header.maskingKey,
            to: &output)
        #expect(output == [0xAA] + vector.bytes)
    }

    @Test(arguments: frameVectors)
    func waitsForTheRestAtEachByte(_ vector: FrameVector) {
        for count in 1..<min(vector.bytes.count, 20) {
            let result = decode(Array(vector.bytes[..<count]), side: vector.side, inChunksOf: .max)
            #expect(result.frames.isEmpty)
            #expect(result.fault == nil)
            #expect(!result.isBetweenFrames)
        }
    }

    @Test(arguments: [Side.server, .client], chunkings)
    func decodesFramesBackToBack(side: Side, size: Int) {
        let vectors = frameVectors.filter { $0.side == side && $0.payload.count < 1000 }
        let result = decode(vectors.flatMap(\.bytes), side: side, inChunksOf: size)
        #expect(result.frames == vectors.map { WholeFrame(header: $0.header, payload: $0.payload) })
    }

    @Test(arguments: 0x00...0xFF, chunkings)
    func firstByteOfEachValue(first: Int, size: Int) {
        let bytes = frame(UInt8(first), "ab")
        let known = [0, 1, 2, 8, 9, 10].contains(first & 15)
        let isFragmentedControl = first & 8 != 0 && first & 0x80 == 0
        let expected = first & 0x70 == 0 && known && !isFragmentedControl
        let result = decode(bytes, side: .server, inChunksOf: size)
        #expect((result.fault == nil) == expected)
        #expect(result.frames.count == (expected ? 1 : 0))
        #expect(result.fault?.closeCode == (expected ? nil : .protocolError))
    }

    /// RFC 6455 §5.2 and §5.5: lengths in a longer form than needed, too long for control, or with the top bit set.
    @Test(
        arguments: [
            [0x82, 0xFE, 0, 0], [0x82, 0xFE, 0, 125], [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0],
            [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 125], [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
            [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x89, 0xFE, 0, 126],
            [0x88, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0], [0x8A, 0xFE, 0, 5],
        ] as [[UInt8]], chunkings)
    func refusesLengths(bytes: [UInt8], size: Int) {
        let result = decode(bytes + testKey, side: .server, inChunksOf: size)
        #expect(result.fault?.closeCode == .protocolError)
        #expect(result.frames.isEmpty)
    }

    @Test func announcesHugeLengthsWithoutTrapping() {
        for shift in stride(from: 16, through: 62, by: 1) {
            let length = UInt64(1) << UInt64(shift)
            let bytes: [UInt8] = [0x82, 0x7F] + (0..<8).reversed().map { UInt8(length >> ($0 * 8) & 255) }
            var decoder = FrameDecoder(side: .client)
            bytes.withUnsafeBytes { buffer in
                var position = 0
                guard let piece = try? decoder.next(in: buffer, from: &position) else {
                    Issue.record("no header for 2^\(shift)")
                    return
                }
                #expect(UInt64(piece.frame.payloadBytes) == length)
                #expect(piece.beginsFrame && piece.bytes.isEmpty && !piece.endsFrame)
            }
        }
    }

    /// RFC 6455 §5.1, for every opcode and also where no payload is to be masked.
    @Test(arguments: [0x80, 0x01, 0x81, 0x82, 0x88, 0x89, 0x8A] as [UInt8], chunkings)
    func refusesTheWrongMaskBit(first: UInt8, size: Int) {
        for payload in ["", "ab"] {
            let masked = decode(frame(first, payload), side: .client, inChunksOf: size)
            let unmasked = decode(frame(first, payload, key: nil), side: .server, inChunksOf: size)
            for result in [masked, unmasked] {
                #expect(result.fault?.closeCode == .protocolError)
                #expect(result.frames.isEmpty)
            }
        }
    }

    /// RFC 6455 §5.3 asks a client for keys that nobody foresees; a server takes any, the key 0 as well.
    @Test(
        arguments: [[0, 0, 0, 0], [0, 0, 0, 1], [255, 255, 255, 255], [0x81, 0x80, 0, 0]] as [[UInt8]], chunkings)
    func takesAnyKey(key: [UInt8], size: Int) {
        let payload = (0..<300).map { UInt8($0 & 255) }
        let result = decode(frame(0x82, payload, key: key), side: .server, inChunksOf: size)
        #expect(result.frames.map(\.payload) == [payload])
        #expect(result.fault == nil)
    }
}
