import Testing
import WebSocket

struct MaskingTests {
    /// RFC 6455 §5.3 byte by byte: j = i mod 4, transformed = original XOR key[j].
    private func expected(_ bytes: [UInt8], offset: Int) -> [UInt8] {
        bytes.enumerated().map { $0.element ^ testKey[($0.offset + offset) % 4] }
    }

    @Test(arguments: 0...40, [0, 1, 2, 3, 4, 5, 126, 65535])
    func masksEachLengthAtEachOffset(count: Int, offset: Int) {
        let bytes = (0..<count).map { UInt8($0 * 7 & 255) }
        var masked = bytes
        let key = MaskingKey(0x37FA_213D)
        masked.withUnsafeMutableBytes { key.apply(to: $0, offset: offset) }
        #expect(masked == expected(bytes, offset: offset))
        masked.withUnsafeMutableBytes { key.apply(to: $0, offset: offset) }
        #expect(masked == bytes)
    }

    @Test func unalignedPiecesMaskAlike() {
        let bytes = (0..<256).map { UInt8($0) }
        for start in 0..<9 {
            var masked = bytes
            masked.withUnsafeMutableBytes {
                MaskingKey(0x37FA_213D).apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[start...]), offset: start)
            }
            #expect(masked == Array(bytes[..<start]) + expected(Array(bytes[start...]), offset: start))
        }
    }

    @Test func theKeyKeepsItsValue() { #expect(MaskingKey(0x0102_0304).value == 0x0102_0304) }
}
