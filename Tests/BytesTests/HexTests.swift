import Bytes
import Testing

@Suite struct HexTests {
    @Test func writesEveryByte() {
        for byte in UInt8.min...UInt8.max {
            let text = Hex.encode([byte])
            #expect(text.utf8.count == 2)
            #expect(UInt8(text, radix: 16) == byte)
            #expect(Hex.decode(text) == [byte])
        }
        #expect(Hex.encode([0xDE, 0xAD, 0xBE, 0xEF]) == "deadbeef")
        #expect(Hex.encode([]) == "")
        #expect(Hex.decode("") == [])
    }

    @Test(arguments: [
        "0", "000", "DEAD", "dEad", "0x", "0g", "g0", " 00", "00 ", "-1", "+1", "é0", "0/", "0:", "0`", "00\u{0}0",
    ])
    func refuses(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func decodesWhatItEncoded() {
        var generator = SplitMix64(state: 3)
        for length in 0..<200 {
            let bytes = generator.bytes(length)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
    }
}
