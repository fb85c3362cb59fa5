import CZlib
import WebSocket

/// One stream of compressed messages.
final class ZlibDeflater: Deflater {
    private let stream: ZlibStream

    init?(windowBits: Int) {
        // A negative number asks for the raw format. Tables as large as the window deserves: 256 KiB for the largest
        // together, 6 KiB for the smallest.
        let stream = ZlibStream(
            start: { stream in
                deflateInit2_(
                    stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -Int32(clamping: windowBits),
                    Int32(clamping: min(8, windowBits - 7)), Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                    Int32(MemoryLayout<z_stream>.size))
            }, end: deflateEnd)
        guard let stream else { return nil }
        self.stream = stream
    }

    func deflate(_ payload: [UInt8]) -> [UInt8]? {
        // zlib counts in 32 bits; no message comes near that.
        guard let payloadBytes = UInt32(exactly: payload.count) else { return nil }
        return payload.withUnsafeBytes { deflate($0, payloadBytes) }
    }

    private func deflate(_ payload: UnsafeRawBufferPointer, _ payloadBytes: UInt32) -> [UInt8]? {
        let z = stream.pointer
        // zlib declares its input as mutable and does not change it.
        z.pointee.next_in = UnsafeMutablePointer(mutating: payload.baseAddress?.assumingMemoryBound(to: UInt8.self))
        z.pointee.avail_in = payloadBytes
        defer { z.pointee.next_in = nil }
        var compressed: [UInt8] = []
        let capacity = min(Int(clamping: deflateBound(z, UInt(payloadBytes))) + 16, ZlibDeflater.stepBytesMax)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { step in
            // A flush is done when it leaves room in the output.
            repeat {
                z.pointee.next_out = step.baseAddress
                z.pointee.avail_out = UInt32(capacity)
                let result = CZlib.deflate(z, Z_SYNC_FLUSH)
                // Z_BUF_ERROR: the output before was full to the last byte, and nothing is left.
                guard result == Z_OK || result == Z_BUF_ERROR else { return nil }
                compressed.append(contentsOf: step.prefix(capacity - Int(z.pointee.avail_out)))
            } while z.pointee.avail_out == 0
            return z.pointee.avail_in == 0 ? compressed : nil
        }
    }

    private static let stepBytesMax = 64 << 10
}
