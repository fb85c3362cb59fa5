import Bytes
import Testing

@Suite struct CRC64Tests {
    private static func sum(_ bytes: [UInt8]) -> UInt64 {
        var crc = CRC64()
        crc.add(bytes)
        return crc.value
    }

    /// The check value of the catalogue of CRC algorithms for CRC-64/XZ; a zero byte, 32 bytes of ones
    /// and every byte once as `xz` sums them.
    @Test func givesThePublishedSum() {
        #expect(Self.sum(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
        #expect(Self.sum([]) == 0)
        #expect(Self.sum([0]) == 0x1FAD_A173_6467_3F59)
        #expect(Self.sum([UInt8](repeating: 0xFF, count: 32)) == 0xE95D_CE9E_FAA0_9ACF)
        #expect(Self.sum(Array(0...255)) == 0x7241_4B2F_65DB_3AB0)
    }

    /// The definition, bit by bit, against the tables.
    @Test(arguments: [0...300, 4095...4105, 20_001...20_001])
    func agreesWithTheDefinition(lengths: ClosedRange<Int>) {
        var generator = SplitMix64(state: 4)
        for length in lengths {
            let bytes = generator.bytes(length)
            var register = UInt64.max
            for byte in bytes {
                for bit in 0..<8 {
                    let feedback = (register ^ UInt64(byte >> UInt8(bit))) & 1
                    register >>= 1
                    if feedback == 1 { register ^= 0xC96C_5795_D787_0F42 }
                }
            }
            #expect(Self.sum(bytes) == ~register)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 8, 9, 15, 64])
    func doesNotDependOnPieces(size: Int) {
        var generator = SplitMix64(state: 5)
        let bytes = generator.bytes(200)
        var crc = CRC64()
        for chunk in bytes.chunks(of: size) { crc.add(Array(chunk)) }
        #expect(crc.value == Self.sum(bytes))
    }

    @Test func findsEveryTurnedBit() {
        var generator = SplitMix64(state: 6)
        let bytes = generator.bytes(64)
        let sum = Self.sum(bytes)
        for bit in 0..<512 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Self.sum(damaged) != sum)
        }
    }
}
