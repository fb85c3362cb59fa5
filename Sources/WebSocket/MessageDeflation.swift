/// The end of every compressed message, which is not sent (RFC 7692 §7.2.1): an empty stored block.
private let blockTail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

/// Compresses the messages that we send.
final class MessageDeflation {
    let parameters: DeflateParameters
    private let settings: DeflateSettings
    private let direction: DeflateDirection
    /// Made for the first message; without context it goes with each, so that idle connections are small.
    private var deflater: (any Deflater)?

    init(_ settings: DeflateSettings, _ parameters: DeflateParameters, from side: Side) {
        self.settings = settings
        self.parameters = parameters
        direction = parameters.direction(from: side)
    }

    /// nil if the message is better sent as it is, which is always allowed (RFC 7692 §6).
    func deflate(_ payload: [UInt8]) -> [UInt8]? {
        guard payload.count >= settings.messageBytesMin,
            let deflater = deflater ?? settings.library.makeDeflater(windowBits: direction.windowBits)
        else { return nil }
        self.deflater = nil
        guard var compressed = deflater.deflate(payload), compressed.suffix(blockTail.count) == blockTail[...] else {
            return nil
        }
        compressed.removeLast(blockTail.count)
        if direction.keepsContext {
            // The next message may refer to this one, so the peer must get it through its inflater.
            self.deflater = deflater
            return compressed
        }
        return compressed.count < payload.count ? compressed : nil
    }
}

/// Decompresses the messages that we receive, and holds them to their limits before they are made.
final class MessageInflation {
    private let settings: DeflateSettings
    private let direction: DeflateDirection
    var bytesMax: Int
    private var inflater: (any Inflater)?
    /// Compressed bytes of the message under way.
    private var bytesUsed = 0

    /// `bytesMax` is for a message when it is decompressed.
    init(_ settings: DeflateSettings, _ parameters: DeflateParameters, to side: Side, bytesMax: Int) {
        self.settings = settings
        direction = parameters.direction(from: side == .client ? .server : .client)
        self.bytesMax = bytesMax
    }

    /// What a message may have on the wire. What cannot be compressed grows by 5 bytes in 16 KiB (RFC 1951 §3.2.4);
    /// more than a little is blocks without content, which would cost our time for nothing.
    var compressedBytesMax: Int { bytesMax + bytesMax >> 8 + 64 }

    /// The next piece of a message's compressed payload. `payload` holds what was decompressed of it before.
    func inflate(_ piece: [UInt8], onto payload: inout [UInt8]) throws(PeerFault) {
        guard let inflater = inflater ?? settings.library.makeInflater(windowBits: direction.windowBits) else {
            throw .noMemoryToInflate
        }
        self.inflater = inflater
        var position = 0
        while true {
            // One byte more than allowed tells whether there is more to come.
            let room = max(0, payloadBytesMax - payload.count)
            let stepBytes = min(room + 1, MessageInflation.stepBytesMax)
            let before = payload.count
            let used: Int
            do throws(InflateFault) {
                used = try inflater.inflate(piece, from: position, onto: &payload, bytesMax: stepBytes)
            } catch {
                throw error == .outOfMemory ? .noMemoryToInflate : .notDeflate
            }
            bytesUsed += used
            position += used
            guard payload.count <= bytesMax else { throw .messageTooBig }
            guard payload.count <= payloadBytesMax else { throw .inflatesTooMuch }
            if payload.count - before < stepBytes { return }
        }
    }

    /// The message ends: its last block gets the tail that was not sent (RFC 7692 §7.2.2).
    func finish(onto payload: inout [UInt8]) throws(PeerFault) {
        try inflate(blockTail, onto: &payload)
        guard inflater?.isBetweenBlocks == true else { throw .notDeflate }
        bytesUsed = 0
        if !direction.keepsContext { inflater = nil }
    }

    /// How long the message under way may be, by what arrived of it.
    private var payloadBytesMax: Int {
        let (byRatio, overflow) = bytesUsed.multipliedReportingOverflow(by: settings.ratioMax)
        return min(bytesMax, overflow ? bytesMax : max(byRatio, settings.freeBytesMax))
    }

    /// The inflater works in such steps, and each is checked.
    private static let stepBytesMax = 16 << 10
}
