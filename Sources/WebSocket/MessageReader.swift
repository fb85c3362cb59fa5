/// What the peer sent, put together from frames.
enum Incoming {
    case message(Message)
    case ping([UInt8])
    case pong([UInt8])
    case close(CloseFrame)
}

/// Turns the byte stream into messages and control frames, which may stand between the fragments of a message
/// (RFC 6455 §5.4).
struct MessageReader {
    private var decoder: FrameDecoder
    private var assembler: MessageAssembler
    /// At most 125 bytes; the decoder refuses more.
    private var controlPayload: [UInt8] = []

    init(side: Side, limits: Limits) {
        decoder = FrameDecoder(side: side)
        assembler = MessageAssembler(limits: limits)
    }

    /// From now on messages may be compressed.
    mutating func allowCompression(_ inflation: MessageInflation) {
        decoder.allowsCompression = true
        assembler.inflation = inflation
    }

    mutating func limitMessages(to bytesMax: Int) { assembler.limitMessages(to: bytesMax) }

    /// True between two messages with no frame under way.
    var isIdle: Bool { decoder.isBetweenFrames && assembler.isBetweenMessages }

    /// Advances `position` and returns what is complete, nil once all bytes are used. After a fault never call again.
    mutating func next(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Incoming? {
        while true {
            switch try decoder.next(in: bytes, from: &position) {
            case .needsMore:
                return nil
            case .header(let frame):
                if !frame.opcode.isControl { try assembler.begin(frame) }
            case .payload(let piece, let frame, let offset, let endsFrame):
                if frame.opcode.isControl {
                    controlPayload.append(contentsOf: piece)
                    if endsFrame { return try finishControl(frame) }
                } else {
                    try assembler.append(piece, maskingKey: frame.maskingKey, offset: offset)
                    if endsFrame, let message = try assembler.end(isFinal: frame.isFinal) { return .message(message) }
                }
            }
        }
    }

    private mutating func finishControl(_ frame: FrameHeader) throws(PeerFault) -> Incoming {
        var payload: [UInt8] = []
        swap(&payload, &controlPayload)
        if let key = frame.maskingKey { payload.mask(with: key) }
        return switch frame.opcode {
        case .ping: .ping(payload)
        case .pong: .pong(payload)
        default: .close(try CloseFrame(parsing: payload))
        }
    }
}
