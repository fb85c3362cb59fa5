import Bytes
import Testing
import WebSocket

/// Vectors of FIPS 180-4's examples and RFC 3174 §7.3, and lengths around the padding's edges checked with sha1sum.
@Test(arguments: [
    ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    (
        String(repeating: "0123456701234567012345670123456701234567012345670123456701234567", count: 10),
        "dea356a2cddd90c7a7ecedc5ebb563934f460452"
    ),
])
func digests(text: String, digest: String) {
    #expect(Hex.encode(SHA1.digest(of: Array(text.utf8))) == digest)
}

@Test(arguments: [
    (1, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    (54, "b05d71c64979cb95fa74a33cdb31a40d258ae02e"),
    (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
    (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
    (57, "f08f24908d682555111be7ff6f004e78283d989a"),
    (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"),
    (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
    (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
    (119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"),
    (120, "f34c1488385346a55709ba056ddd08280dd4c6d6"),
    (128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"),
    (1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
])
func digestsAroundBlockBorders(count: Int, digest: String) {
    #expect(Hex.encode(SHA1.digest(of: [UInt8](repeating: UInt8(ascii: "a"), count: count))) == digest)
}
