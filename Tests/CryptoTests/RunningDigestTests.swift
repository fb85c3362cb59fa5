import Crypto
import Testing

@Suite struct RunningDigestTests {
    @Test(arguments: [1, 3, 64, 1000]) func equalsTheDigestOfTheWhole(_ step: Int) throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let digest = try RunningDigest()
        for start in stride(from: 0, to: bytes.count, by: step) {
            digest.add(Array(bytes[start..<min(bytes.count, start + step)]))
        }
        #expect(digest.finish() == Digest.sha256(bytes))
    }

    @Test func ofNothing() throws {
        #expect(try RunningDigest().finish() == Digest.sha256([]))
    }
}
