import Crypto
import Testing

@Suite struct SecureRandomTests {
    @Test func givesAsManyAsAsked() throws {
        for count in [0, 1, 32, 4096] { #expect(try SecureRandom.bytes(count).count == count) }
    }

    @Test(arguments: [-1, Int.min, Int(Int32.max) + 1])
    func refuses(count: Int) {
        #expect(throws: CryptoError.misuse) { try SecureRandom.bytes(count) }
    }

    /// No statistics, only that the buffer is really filled and never twice the same.
    @Test func fillsAndDiffers() throws {
        let bytes = try SecureRandom.bytes(1 << 16)
        #expect(Set(bytes).count == 256)
        let tokens = try (0..<1000).map { _ in try SecureRandom.bytes(16) }
        #expect(Set(tokens).count == tokens.count)
    }

    @Test func generatorUsesAllBits() {
        var generator = SecureGenerator()
        var ones: UInt64 = 0
        var zeros: UInt64 = 0
        for _ in 0..<200 {
            let word = generator.next()
            ones |= word
            zeros |= ~word
        }
        #expect(ones == .max && zeros == .max)
        #expect((1...6).contains(Int.random(in: 1...6, using: &generator)))
    }
}
