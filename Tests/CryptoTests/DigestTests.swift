import Bytes
import Crypto
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4 examples, and the empty string.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func sha256(text: String, digest: String) {
        #expect(Hex.encode(Digest.sha256(Array(text.utf8))) == digest)
        #expect(Hex.encode(Digest.sha256(text.utf8)) == digest)
    }

    struct HMACVector: Sendable {
        let key: [UInt8]
        let message: [UInt8]
        let tag: String
    }

    /// RFC 4231 §4, cases 1, 2, 3, 4, 6 and 7 (5 is about truncation).
    static let hmacVectors = [
        HMACVector(
            key: [UInt8](repeating: 0x0B, count: 20), message: Array("Hi There".utf8),
            tag: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        HMACVector(
            key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8),
            tag: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        HMACVector(
            key: [UInt8](repeating: 0xAA, count: 20), message: [UInt8](repeating: 0xDD, count: 50),
            tag: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        HMACVector(
            key: Array(1...25), message: [UInt8](repeating: 0xCD, count: 50),
            tag: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        HMACVector(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            tag: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        HMACVector(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            tag: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        HMACVector(
            key: [], message: [], tag: "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]

    @Test(arguments: hmacVectors)
    func hmac(_ vector: HMACVector) throws {
        #expect(Hex.encode(try HMAC.sha256(key: vector.key, vector.message)) == vector.tag)
        #expect(Hex.encode(try HMAC.sha256(key: Secret(vector.key), vector.message)) == vector.tag)
    }

    /// RFC 7914 §11, and an empty password computed by Python's hashlib.
    @Test(arguments: [
        (
            "passwd", "salt", 1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                + "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
        ),
        (
            "Password", "NaCl", 80000,
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                + "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"
        ),
        (
            "", "salt", 1,
            "f135c27993baf98773c5cdb40a5706ce6a345cde61b000a67858650cd6a324d7"
                + "50bd4208531a69f9de12728cf5b1ec54b479fdc6c8211c2e24e19d5219171e09"
        ),
    ])
    func pbkdf2(password: String, salt: String, iterations: Int, key: String) throws {
        let derived = try PBKDF2.sha256(
            password: Array(password.utf8), salt: Array(salt.utf8), iterations: iterations, length: 64)
        #expect(Hex.encode(derived) == key)
    }

    @Test(arguments: [(0, 32), (-1, 32), (Int.max, 32), (1, 0), (1, -1), (1, Int.max)])
    func pbkdf2RefusesSizes(iterations: Int, length: Int) {
        #expect(throws: CryptoError.misuse) {
            try PBKDF2.sha256(password: [1], salt: [2], iterations: iterations, length: length)
        }
    }

    @Test func comparesWholeStrings() {
        let bytes = Array("proof of something".utf8)
        #expect(equalInConstantTime(bytes, bytes))
        #expect(equalInConstantTime([], []))
        #expect(!equalInConstantTime(bytes, Array(bytes.dropLast())))
        #expect(!equalInConstantTime(bytes, bytes + [0]))
        for bit in 0..<(bytes.count * 8) { #expect(!equalInConstantTime(bytes, bytes.flipping(bit: bit))) }
    }
}
