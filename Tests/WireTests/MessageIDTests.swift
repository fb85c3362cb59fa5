import Bytes
import Testing
import Wire

struct MessageIDTests {
    /// The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
    @Test func theExampleOfTheRFC() throws {
        let id = MessageID(milliseconds: 1_645_557_742_000, random: (0xCC3, 0x18C4_DC0C_0C07_398F))
        #expect(id.text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(id.description == id.text)
        #expect(Hex.encode(id.bytes) == "017f22e279b07cc398c4dc0c0c07398f")
        #expect(MessageID(id.text) == id)
        #expect(MessageID(bytes: id.bytes) == id)
    }

    @Test func onlyTheRandomBitsThatFitAreUsed() {
        let id = MessageID(milliseconds: 0, random: (.max, .max))
        #expect(id.text == "00000000-0000-7fff-bfff-ffffffffffff")
        #expect(MessageID(milliseconds: -1, random: (0, 0)).text == "00000000-0000-7000-8000-000000000000")
    }

    @Test func idsSortByTimeAsTheirTextsAndBytesDo() throws {
        var random = SplitMix64(seed: 1)
        var ids = (0..<500).map { _ in
            MessageID(
                milliseconds: Int64.random(in: 0..<1 << 47, using: &random), random: (random.next(), random.next()))
        }
        ids.append(ids[0])
        let sorted = ids.sorted()
        #expect(sorted == ids.sorted { $0.text < $1.text })
        #expect(sorted == ids.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
        #expect(MessageID(milliseconds: 5, random: (.max, .max)) < MessageID(milliseconds: 6, random: (0, 0)))
        for id in ids { #expect(MessageID(id.text) == id && MessageID(bytes: id.bytes) == id) }
    }

    @Test(arguments: [
        "", "017f22e2", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2\u{2010}79b0-7cc3-98c4-dc0c0c07",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-6cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-8cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-58c4-dc0c0c07398f", "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ])
    func anythingElseIsRefused(_ text: String) { #expect(MessageID(text) == nil) }

    @Test(arguments: [0, 15, 17]) func bytesOfAnotherCountAreRefused(_ count: Int) {
        #expect(MessageID(bytes: [UInt8](repeating: 0x77, count: count)) == nil)
    }

    @Test func bytesOfAnotherVersionOrVariantAreRefused() {
        var bytes = Sample.id.bytes
        bytes[6] = 0x4C
        #expect(MessageID(bytes: bytes) == nil)
        bytes = Sample.id.bytes
        bytes[8] = 0xC8
        #expect(MessageID(bytes: bytes) == nil)
    }
}
