import Bytes
import Crypto

/// Keys that take long to make, made once for all tests.
enum SharedKey {
    static let rsa3072 = Result { try RSAPrivateKey.generate() }
    static let rsa2048 = Result { try RSAPrivateKey(pem: Secret(text: Fixture.privatePEM)) }
}

/// A seeded generator, so that a failing property can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// Bytes from hexadecimal digits; a typing error in a vector shows as a failed comparison.
func hex(_ digits: String) -> [UInt8] { Hex.decode(digits) ?? [] }

func base64(_ text: String) -> [UInt8] { Base64.decode(text) ?? [] }

extension [UInt8] {
    /// The same bytes with one bit turned.
    func flipping(bit: Int) -> [UInt8] {
        var bytes = self
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes
    }
}
