/// What waits to be written. Frames are joined, but a long payload that needs no masking stays the array that it came in.
struct Output {
    /// Whole, before `last`.
    private var pieces: [[UInt8]] = []
    private var last: [UInt8] = []

    var byteCount: Int { pieces.isEmpty ? last.count : pieces.reduce(last.count) { $0 + $1.count } }

    mutating func append(_ bytes: [UInt8]) {
        if last.isEmpty { last = bytes } else { last += bytes }
    }

    mutating func append(_ opcode: Opcode, _ payload: [UInt8], isCompressed: Bool, maskingKey: MaskingKey?) {
        if maskingKey == nil, !isCompressed, payload.count >= Output.sharedBytesMin {
            FrameEncoder.appendHeader(opcode, payloadBytes: payload.count, to: &last)
            pieces.append(last)
            pieces.append(payload)
            last = []
        } else {
            reserve(last.count + FrameHeader.bytesMax + payload.count)
            FrameEncoder.append(opcode, payload, isCompressed: isCompressed, maskingKey: maskingKey, to: &last)
        }
    }

    mutating func take(_ write: ([UInt8]) -> Void) {
        if !pieces.isEmpty {
            for piece in pieces { write(piece) }
            pieces = []
        }
        guard !last.isEmpty else { return }
        write(last)
        last = []
    }

    /// Mostly there is one answer to a read, and else there are many: by doubling, the first would be copied often.
    private mutating func reserve(_ capacity: Int) {
        guard capacity > last.capacity else { return }
        last.reserveCapacity(max(capacity, Output.bytesMin, 4 * last.count))
    }

    private static let bytesMin = 512
    /// Copying less than this is cheaper than one more piece on its way to the system.
    private static let sharedBytesMin = 4 << 10
}
