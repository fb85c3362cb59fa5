import Bytes
import Testing

@Suite struct BigEndianTests {
    @Test func writesNetworkOrder() {
        var bytes: [UInt8] = [9]
        bytes.appendBigEndian(UInt8(0x01))
        bytes.appendBigEndian(UInt16(0x0203))
        bytes.appendBigEndian(UInt32(0x0405_0607))
        bytes.appendBigEndian(UInt64(0x0809_0A0B_0C0D_0E0F))
        bytes.appendBigEndian(Int16(-2))
        #expect(bytes == [9] + (1...15) + [0xFF, 0xFE])
    }

    @Test func writesFields() {
        var bytes: [UInt8] = []
        bytes.appendField([7, 8])
        bytes.appendField("é")
        bytes.appendField("")
        #expect(bytes == [0, 0, 0, 2, 7, 8, 0, 0, 0, 2, 0xC3, 0xA9, 0, 0, 0, 0])
    }

    /// A signature over fields must not fit two lists of fields.
    @Test func twoListsNeverGiveTheSameBytes() {
        func transcript(_ fields: [[UInt8]]) -> [UInt8] {
            var bytes: [UInt8] = []
            for field in fields { bytes.appendField(field) }
            return bytes
        }
        var generator = SplitMix64(state: 7)
        var seen: [[UInt8]: [[UInt8]]] = [:]
        for _ in 0..<20_000 {
            let fields = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                (0..<Int.random(in: 0...5, using: &generator)).map { _ in UInt8.random(in: 0...1, using: &generator) }
            }
            let bytes = transcript(fields)
            if let other = seen[bytes] { #expect(other == fields) }
            seen[bytes] = fields
        }
    }
}
