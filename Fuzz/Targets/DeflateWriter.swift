import Deflate
import WebSocket

/// Writes DEFLATE (RFC 1951) that no compressor would: whatever blocks, distances and ends the input asks for.
struct DeflateWriter {
    private(set) var bytes: [UInt8] = []
    private var bit = 0

    /// One message's worth of blocks. `content` is what an honest sender would compress.
    static func message(_ input: inout Input, _ content: [UInt8], windowBits: Int) -> [UInt8] {
        var writer = DeflateWriter()
        let kind = input.byte()
        switch kind & 7 {
        case 0: return input.bytes(Int(input.byte()))
        case 1, 2:
            // As our own side would send it, from a window that may be larger than was agreed.
            let deflater = Zlib().makeDeflater(windowBits: kind & 8 == 0 ? max(9, windowBits) : 15)
            writer.bytes = Array((deflater?.deflate(content) ?? []).dropLast(4))
        case 3:
            writer.storedBlock(content, isLast: kind & 8 != 0)
            writer.put(0, count: kind & 8 == 0 ? 3 : 8)
        default:
            for _ in 0...Int(kind >> 6) { writer.fixedBlock(&input, isLast: kind & 8 != 0) }
            // RFC 7692 §7.2.3: an empty stored block, whose end is not sent; behind a last block a byte of its own.
            if kind & 16 == 0 { writer.put(0, count: kind & 8 == 0 ? 3 : 8) }
        }
        if kind & 32 != 0, !writer.bytes.isEmpty {
            writer.bytes[Int(input.byte()) * writer.bytes.count / 256] ^= input.byte()
        }
        return writer.bytes
    }

    /// The lowest bit first.
    private mutating func put(_ value: Int, count: Int) {
        for place in 0..<count {
            if bit % 8 == 0 { bytes.append(0) }
            if value >> place & 1 != 0 { bytes[bytes.count - 1] |= 1 << UInt8(bit % 8) }
            bit += 1
        }
    }

    /// Codes stand with their highest bit first (§3.1.1).
    private mutating func put(code: Int, count: Int) {
        for place in (0..<count).reversed() { put(code >> place & 1, count: 1) }
    }

    private mutating func alignToByte() { while bit % 8 != 0 { put(0, count: 1) } }

    private mutating func storedBlock(_ content: [UInt8], isLast: Bool) {
        let content = content.prefix(65_535)
        put(isLast ? 1 : 0, count: 3)
        alignToByte()
        put(content.count, count: 16)
        put(content.count ^ 0xFFFF, count: 16)
        for byte in content { put(Int(byte), count: 8) }
    }

    /// §3.2.6. Each byte of the input is a literal, or a match of some length and distance, as often as it likes.
    private mutating func fixedBlock(_ input: inout Input, isLast: Bool) {
        put(isLast ? 1 : 0, count: 1)
        put(1, count: 2)
        for _ in 0..<Int(input.byte() & 31) where !input.isEmpty {
            let token = input.byte()
            guard token >= 0xC0 else {
                put(code: 0x30 + Int(token & 0x7F), count: 8)
                continue
            }
            let (distance, extra) = (Int(input.byte()), Int(input.byte()))
            for _ in 0..<(token & 0x20 == 0 ? 1 : 1 << Int(token & 15)) {
                // Length 258 is symbol 285, or 3 is 257; then a distance symbol, of which 30 and 31 mean nothing.
                if token & 0x10 == 0 { put(code: 0xC5, count: 8) } else { put(code: 1, count: 7) }
                let symbol = distance & 31
                put(code: symbol, count: 5)
                put(extra, count: symbol < 4 || symbol > 29 ? 0 : symbol / 2 - 1)
            }
        }
        put(code: 0, count: 7)
        if isLast { alignToByte() }
    }
}
