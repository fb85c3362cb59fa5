import Bytes

/// Puts fragments together (RFC 6455 §5.4). Payload is copied once, into the message's own buffer, and unmasked and
/// checked there as it arrives.
struct MessageAssembler {
    private var bytesMax: Int
    private let fragmentsMax: Int
    /// Decompresses; set if compression was agreed on.
    private let inflation: MessageInflation?
    /// Bytes of the message under way as they come on the wire, if it is compressed.
    private var compressedBytes: Int?
    /// Text or binary while a message is under way.
    private var opcode: Opcode?
    private var payload: [UInt8] = []
    private var fragments = 0
    /// Needs no reset: a text ends only where no character is half done.
    private var validator = UTF8Validator()

    init(bytesMax: Int, fragmentsMax: Int, inflation: MessageInflation?) {
        self.bytesMax = bytesMax
        self.fragmentsMax = fragmentsMax
        self.inflation = inflation
    }

    /// From now on, and for the message under way too.
    mutating func limitMessages(to bytesMax: Int) {
        self.bytesMax = bytesMax
        inflation?.bytesMax = bytesMax
    }

    /// True between two messages.
    var isBetweenMessages: Bool { opcode == nil }

    /// A data frame begins. Every limit is checked here, before a byte of its payload is stored.
    mutating func begin(_ frame: FrameHeader) throws(PeerFault) {
        // RFC 6455 §5.4: fragments of one message are not interleaved with another's.
        if frame.opcode == .continuation {
            guard opcode != nil else { throw .nothingToContinue }
        } else {
            guard opcode == nil else { throw .messageUnfinished }
            opcode = frame.opcode
            compressedBytes = frame.isCompressed ? 0 : nil
        }
        fragments += 1
        guard fragments <= fragmentsMax else { throw .tooManyFragments }
        if let compressedBytes, let inflation {
            guard frame.payloadBytes <= inflation.compressedBytesMax - compressedBytes else { throw .messageTooBig }
            self.compressedBytes = compressedBytes + frame.payloadBytes
        } else {
            guard frame.payloadBytes <= bytesMax - payload.count else { throw .messageTooBig }
        }
    }

    /// The next piece of a data frame that began.
    mutating func append(_ piece: FrameDecoder.Piece) throws(PeerFault) {
        let start = payload.count
        let key = piece.frame.maskingKey
        if compressedBytes != nil, let inflation {
            var unmasked: [UInt8] = []
            unmasked.append(unmasking: piece.bytes, with: key, offset: piece.offset)
            try inflation.inflate(unmasked, onto: &payload)
        } else {
            reserve(for: piece)
            payload.append(unmasking: piece.bytes, with: key, offset: piece.offset)
        }
        try checkText(from: start)
    }

    /// Each growth copies all there is, so room is made for the whole frame; but what was only announced gets no more
    /// than `growthMax` times as much as what has come.
    private mutating func reserve(for piece: FrameDecoder.Piece) {
        let needed = payload.count + piece.bytes.count
        guard needed > payload.capacity else { return }
        let announced = payload.count + piece.frame.payloadBytes - piece.offset
        payload.reserveCapacity(min(announced, MessageAssembler.growthMax * needed))
    }

    private mutating func checkText(from start: Int) throws(PeerFault) {
        // RFC 6455 §8.1; at the first bad byte, not at the end of the message, so that nothing is stored in vain.
        guard opcode != .text || isTextSound(from: start) else { throw .textNotUTF8 }
    }

    /// The frame under way ends. Returns the message if that was its last fragment.
    mutating func end(isFinal: Bool) throws(PeerFault) -> Message? {
        guard isFinal, let opcode else { return nil }
        if compressedBytes != nil, let inflation {
            let start = payload.count
            try inflation.finish(onto: &payload)
            try checkText(from: start)
        }
        // RFC 6455 §5.6: a fragment may end inside a character, the message may not.
        guard opcode != .text || validator.isComplete else { throw .textNotUTF8 }
        defer { reset() }
        return opcode == .text ? .text(payload) : .binary(payload)
    }

    private mutating func reset() {
        opcode = nil
        compressedBytes = nil
        payload = []
        fragments = 0
    }

    private mutating func isTextSound(from start: Int) -> Bool {
        var validator = self.validator
        let isSound = payload.withUnsafeBytes { validator.consume(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        self.validator = validator
        return isSound
    }

    private static let growthMax = 16
}
