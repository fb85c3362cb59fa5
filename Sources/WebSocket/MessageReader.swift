import Bytes

/// What the peer sent, put together from frames.
enum Incoming {
    case message(Message)
    case control(ControlFrame)
}

/// RFC 6455 §5.5.
enum ControlFrame {
    case ping([UInt8])
    case pong([UInt8])
    case close(CloseFrame)
}

/// Turns the byte stream into messages and control frames.
///
/// Most messages are one frame that lies in the buffer as a whole, and need no state. For all else, state is made when it
/// begins and let go of when it has ended: those who are idle for days are small.
struct MessageReader {
    private var bytesMax: Int
    private let fragmentsMax: Int
    /// Decompresses; set if compression was agreed on.
    private var inflation: MessageInflation?
    /// The only element, if there is one, is reading a message or a frame that is not whole.
    private var piecewise: [PiecewiseReader] = []
    /// The payload of the last whole message: its memory serves the next one of the same read, if nobody kept it.
    private var lastPayload: [UInt8] = []
    private let side: Side

    init(side: Side, limits: Limits) {
        self.side = side
        bytesMax = limits.messageBytesMax
        fragmentsMax = limits.fragmentsMax
    }

    /// From now on messages may be compressed.
    mutating func allowCompression(_ settings: DeflateSettings, _ parameters: DeflateParameters) {
        inflation = MessageInflation(settings, parameters, to: side, bytesMax: bytesMax)
    }

    mutating func limitMessages(to bytesMax: Int) {
        self.bytesMax = bytesMax
        inflation?.bytesMax = bytesMax
        if !piecewise.isEmpty { piecewise[0].limitMessages(to: bytesMax) }
    }

    /// True between two messages with no frame under way.
    var isIdle: Bool { piecewise.isEmpty }

    /// Advances `position` and returns what is complete, nil once all bytes are used. After a fault never call again.
    @inline(__always)
    mutating func next(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Incoming? {
        if piecewise.isEmpty, let message = try nextWhole(in: bytes, from: &position) { return .message(message) }
        return try nextByPieces(in: bytes, from: &position)
    }

    /// All that was read is used, and the next read may be far away.
    mutating func endRead() { lastPayload = [] }

    /// nil if what comes next is anything else than a message in one frame, all of which is here.
    @inline(__always)
    private mutating func nextWhole(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Message? {
        guard let headerBytes = HeaderBytes(in: bytes, at: position),
            let opcode = headerBytes.wholeMessage(for: side), headerBytes.length <= headerBytes.count
        else { return nil }
        let start = position + headerBytes.length
        let frame = try headerBytes.header(opcode)
        guard frame.payloadBytes <= bytesMax else { throw .messageTooBig }
        guard frame.payloadBytes <= bytes.count - start else { return nil }
        let end = start + frame.payloadBytes
        let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        position = end
        // What is kept from one message to the next is short, for that one may be kept by somebody for long.
        lastPayload.removeAll(keepingCapacity: frame.payloadBytes > lastPayload.capacity / 4)
        let isASCII = lastPayload.append(unmasking: payload, with: frame.maskingKey, offset: 0)
        guard opcode == .text else { return .binary(lastPayload) }
        // RFC 6455 §8.1. ASCII, which is most of what people and programs write, is UTF-8.
        guard isASCII || lastPayload.withUnsafeBytes({ UTF8Validator.isValid($0) }) else { throw .textNotUTF8 }
        return .text(lastPayload)
    }

    private mutating func nextByPieces(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Incoming? {
        guard position < bytes.count else { return nil }
        if piecewise.isEmpty {
            piecewise = [
                PiecewiseReader(
                    FrameDecoder(side: side, allowsCompression: inflation != nil),
                    MessageAssembler(bytesMax: bytesMax, fragmentsMax: fragmentsMax, inflation: inflation))
            ]
        }
        let incoming = try piecewise[0].next(in: bytes, from: &position)
        if piecewise[0].isIdle { piecewise = [] }
        return incoming
    }
}

/// Reads whatever comes, in any pieces. Control frames may stand between the fragments of a message (RFC 6455 §5.4).
private struct PiecewiseReader {
    private var decoder: FrameDecoder
    private var assembler: MessageAssembler
    /// At most 125 bytes; the decoder refuses more.
    private var controlPayload: [UInt8] = []

    init(_ decoder: FrameDecoder, _ assembler: MessageAssembler) {
        self.decoder = decoder
        self.assembler = assembler
    }

    mutating func limitMessages(to bytesMax: Int) { assembler.limitMessages(to: bytesMax) }

    var isIdle: Bool { decoder.isBetweenFrames && assembler.isBetweenMessages }

    mutating func next(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(PeerFault) -> Incoming? {
        while let piece = try decoder.next(in: bytes, from: &position) {
            let frame = piece.frame
            if frame.opcode.isControl {
                controlPayload.append(contentsOf: piece.bytes)
                if piece.endsFrame { return .control(try finishControl(frame)) }
            } else {
                if piece.beginsFrame { try assembler.begin(frame) }
                try assembler.append(piece)
                if piece.endsFrame, let message = try assembler.end(isFinal: frame.isFinal) { return .message(message) }
            }
        }
        return nil
    }

    private mutating func finishControl(_ frame: FrameHeader) throws(PeerFault) -> ControlFrame {
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
