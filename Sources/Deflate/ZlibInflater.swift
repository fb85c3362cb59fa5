import CZlib
import WebSocket

/// One stream of messages to decompress.
final class ZlibInflater: Inflater {
    private let stream: ZlibStream

    init?(windowBits: Int) {
        // A negative number asks for the raw format. zlib allocates the window with the first message.
        let stream = ZlibStream(
            start: { stream in
                inflateInit2_(stream, -Int32(clamping: windowBits), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            }, end: inflateEnd)
        guard let stream else { return nil }
        self.stream = stream
        isBetweenBlocks = true
    }

    private(set) var isBetweenBlocks: Bool

    func inflate(
        _ input: [UInt8], from start: Int, onto output: inout [UInt8], bytesMax: Int
    ) throws(InflateFault) -> Int {
        let (used, fault) = input.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytesMax) { step in
                inflate(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(start)), into: step, &output)
            }
        }
        if let fault { throw fault }
        return used
    }

    private func inflate(
        _ input: UnsafeRawBufferPointer, into step: UnsafeMutableBufferPointer<UInt8>, _ output: inout [UInt8]
    ) -> (used: Int, fault: InflateFault?) {
        // zlib counts in 32 bits; a longer input is cut, and the caller comes back with the rest.
        let inputBytes = UInt32(clamping: input.count)
        let outputBytes = UInt32(clamping: step.count)
        let z = stream.pointer
        // zlib declares its input as mutable and does not change it.
        z.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        z.pointee.avail_in = inputBytes
        z.pointee.next_out = step.baseAddress
        z.pointee.avail_out = outputBytes
        let fault = inflateStep()
        output.append(contentsOf: step.prefix(Int(outputBytes - z.pointee.avail_out)))
        (z.pointee.next_in, z.pointee.next_out) = (nil, nil)
        return (Int(inputBytes - z.pointee.avail_in), fault)
    }

    /// Until the input is used or the output is full.
    private func inflateStep() -> InflateFault? {
        let z = stream.pointer
        while true {
            switch CZlib.inflate(z, Z_SYNC_FLUSH) {
            case Z_BUF_ERROR:
                // No progress, so nothing changed. (zlib would not tell a border a second time.)
                return nil
            case Z_OK:
                // zlib.h: bit 7 stands for the border between two blocks, the low bits for what is left of a byte.
                isBetweenBlocks = z.pointee.data_type & 0x87 == 0x80
                return nil
            case Z_STREAM_END:
                // RFC 7692 §7.2.3.4: a block may call itself the last although others follow. They may still refer to
                // what stood before it, so the window stays, which `inflateReset` would empty.
                isBetweenBlocks = true
                guard inflateResetKeep(z) == Z_OK else { return .notDeflate }
                if z.pointee.avail_in == 0 || z.pointee.avail_out == 0 { return nil }
            case Z_MEM_ERROR:
                return .outOfMemory
            default:
                return .notDeflate
            }
        }
    }
}
