import WebSocket

/// `FrameDecoder` and `FrameEncoder`, of both sides. The input chooses the side, whether compression was agreed on, the
/// pieces, and the bytes.
enum FramesTarget {
    static func run(_ input: inout Input) {
        let choices = input.byte()
        let side: Side = choices & 1 == 0 ? .server : .client
        let mayCompress = choices & 2 != 0
        let kind = input.byte()
        let stream = input.rest()

        let whole = Decoding(of: stream, side, mayCompress, Chunking.whole)
        let pieces = Decoding(of: stream, side, mayCompress, Chunking(kind))
        hold(whole.frames == pieces.frames, "pieces of kind \(kind) give other frames than the whole")
        hold(whole.unfinished == pieces.unfinished, "pieces of kind \(kind) leave another frame unfinished")
        hold(whole.fault == pieces.fault, "pieces of kind \(kind) give \(String(describing: pieces.fault))")
        check(whole, against: stream, side, mayCompress)
        encode(stream, side, choices, kind)
    }

    /// The reference reads the same, and each frame written anew is the bytes that it was read from.
    private static func check(_ decoding: Decoding, against stream: [UInt8], _ side: Side, _ mayCompress: Bool) {
        var rest = stream[...]
        for frame in decoding.frames {
            let reading = ReferenceFrame.read(rest, isMasked: side == .server, mayCompress: mayCompress)
            guard case .frame(let expected) = reading else { broken("a frame was read that is none: \(frame.header)") }
            let bytes = expected.headerBytes + expected.payloadBytes
            hold(frame.header.opcode.rawValue == expected.opcode, "another opcode")
            hold(frame.header.isCompressed == expected.isCompressed, "another compression bit")
            hold(frame.payload == expected.payload(in: rest), "another payload")
            var written: [UInt8] = []
            FrameEncoder.append(
                frame.header.opcode, frame.payload, isFinal: frame.header.isFinal,
                isCompressed: frame.header.isCompressed, maskingKey: frame.header.maskingKey, to: &written)
            hold(written == Array(rest.prefix(bytes)), "a frame written anew differs: \(frame.header)")
            rest = rest.dropFirst(bytes)
        }
        switch ReferenceFrame.read(rest, isMasked: side == .server, mayCompress: mayCompress) {
        case .wrong: hold(decoding.fault?.closeCode == .protocolError, "a breach was not refused")
        case .incomplete:
            hold(decoding.fault == nil && decoding.unfinished == nil, "half a header is no frame and no fault")
        case .frame(let expected):
            hold(decoding.fault == nil, "a sound header was refused: \(String(describing: decoding.fault))")
            hold(decoding.unfinished?.header.payloadBytes == expected.payloadBytes, "another length")
            hold(decoding.unfinished?.payload == expected.payload(in: rest), "another payload so far")
        }
        hold(decoding.isBetweenFrames == rest.isEmpty || decoding.fault != nil, "isBetweenFrames is wrong")
    }

    /// What we write, the other side reads as it was meant, and as the reference has it.
    private static func encode(_ bytes: [UInt8], _ side: Side, _ choices: UInt8, _ kind: UInt8) {
        let opcodes: [Opcode] = [.text, .binary, .continuation, .close, .ping, .pong]
        let opcode = opcodes[Int(choices >> 2) % opcodes.count]
        // The long ones take the time of a hundred others, so few inputs choose one.
        let long = kind & 15 == 0 ? 65_535 + Int(kind >> 4) % 3 : bytes.count
        var size = [bytes.count, 0, 125, 126, 127, 128, 2 * bytes.count, long][Int(choices >> 5)]
        if opcode.isControl { size = min(size, FrameHeader.controlPayloadBytesMax) }
        let payload = bytes.isEmpty ? [] : (0..<size).map { bytes[$0 % bytes.count] }
        let isFinal = opcode.isControl || kind & 1 == 0
        let keyBytes: [UInt8]? = side == .client ? (0..<4).map { bytes.count > $0 ? bytes[$0] : 0x55 } : nil
        let key = keyBytes.map { MaskingKey($0.reduce(0) { $0 << 8 | UInt32($1) }) }
        var written: [UInt8] = []
        FrameEncoder.append(opcode, payload, isFinal: isFinal, maskingKey: key, to: &written)
        let first: UInt8 = (isFinal ? 128 : 0) + opcode.rawValue
        hold(
            written == ReferenceFrame.written(first, payload, key: keyBytes), "a frame is not written as RFC 6455 says")
        let other: Side = side == .client ? .server : .client
        let decoding = Decoding(of: written, other, false, Chunking(payload.count > 4096 ? 12 | kind : kind))
        let header = FrameHeader(isFinal: isFinal, opcode: opcode, maskingKey: key, payloadBytes: payload.count)
        hold(decoding.frames == [Decoding.Frame(header: header, payload: payload)], "what we write is read otherwise")
        hold(decoding.fault == nil && decoding.isBetweenFrames, "what we write is refused")
    }
}

/// All that a decoder says of a stream.
private struct Decoding {
    struct Frame: Equatable {
        let header: FrameHeader
        /// Unmasked.
        var payload: [UInt8]
    }

    var frames: [Frame] = []
    var unfinished: Frame?
    var fault: PeerFault?
    let isBetweenFrames: Bool

    init(of stream: [UInt8], _ side: Side, _ mayCompress: Bool, _ chunking: Chunking) {
        var decoder = FrameDecoder(side: side, allowsCompression: mayCompress)
        var (chunking, frames, unfinished, fault) = (chunking, [Frame](), Frame?.none, PeerFault?.none)
        chunking.feed(stream) { piece in
            guard fault == nil else { return }
            do throws(PeerFault) {
                try Decoding.read(piece, by: &decoder, onto: &frames, &unfinished)
            } catch { fault = error }
        }
        (self.frames, self.unfinished, self.fault) = (frames, unfinished, fault)
        isBetweenFrames = decoder.isBetweenFrames
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer, by decoder: inout FrameDecoder, onto frames: inout [Frame],
        _ unfinished: inout Frame?
    ) throws(PeerFault) {
        var position = 0
        var before = position
        while let piece = try decoder.next(in: bytes, from: &position) {
            if piece.beginsFrame {
                hold(unfinished == nil, "a frame begins inside another")
                unfinished = Frame(header: piece.frame, payload: [])
            }
            guard var frame = unfinished, frame.header == piece.frame else { broken("payload without a frame") }
            hold(piece.offset == frame.payload.count, "payload out of place")
            let headerBytes = position - before - piece.bytes.count
            hold(piece.beginsFrame ? headerBytes > 0 : headerBytes == 0, "the position is wrong")
            hold(position <= bytes.count, "more was used than there is")
            var unmasked = Array(piece.bytes)
            unmasked.withUnsafeMutableBytes { piece.frame.maskingKey?.apply(to: $0, offset: piece.offset) }
            frame.payload += unmasked
            hold(piece.endsFrame == (frame.payload.count == frame.header.payloadBytes), "the frame's end is wrong")
            unfinished = piece.endsFrame ? nil : frame
            if piece.endsFrame { frames.append(frame) }
            before = position
        }
        hold(position == bytes.count, "more is wanted although \(bytes.count - position) bytes are left")
    }
}
