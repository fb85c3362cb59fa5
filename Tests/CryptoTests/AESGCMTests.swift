import Bytes
import Crypto
import Testing

@Suite struct AESGCMTests {
    struct Vector: Sendable {
        let key: String
        let nonce: String
        let plaintext: String
        let authenticated: String
        let sealed: String
    }

    private static let plaintext =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
    private static let ciphertext =
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
    private static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    private static let zeroKey = String(repeating: "00", count: 32)
    private static let zeroNonce = String(repeating: "00", count: 12)

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16.
    static let vectors = [
        Vector(
            key: zeroKey, nonce: zeroNonce, plaintext: "", authenticated: "",
            sealed: "530f8afbc74536b9a963b4f1c4cb738b"),
        Vector(
            key: zeroKey, nonce: zeroNonce, plaintext: String(repeating: "00", count: 16), authenticated: "",
            sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        Vector(
            key: key, nonce: "cafebabefacedbaddecaf888", plaintext: plaintext, authenticated: "",
            sealed: ciphertext + "b094dac5d93471bdec1a502270e3cc6c"),
        Vector(
            key: key, nonce: "cafebabefacedbaddecaf888", plaintext: String(plaintext.dropLast(8)),
            authenticated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            sealed: String(ciphertext.dropLast(8)) + "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]

    @Test(arguments: vectors)
    func sealsAndOpens(_ vector: Vector) throws {
        let sealed = try AESGCM.seal(
            key: hex(vector.key), nonce: hex(vector.nonce), plaintext: hex(vector.plaintext),
            authenticating: hex(vector.authenticated))
        #expect(Hex.encode(sealed) == vector.sealed)
        let opened = try AESGCM.open(
            key: hex(vector.key), nonce: hex(vector.nonce), sealed: hex(vector.sealed),
            authenticating: hex(vector.authenticated))
        #expect(Hex.encode(opened) == vector.plaintext)
    }

    @Test func opensWhatItSealed() throws {
        var generator = SplitMix64(state: 1)
        for _ in 0..<300 {
            let key = generator.bytes(32)
            let nonce = generator.bytes(12)
            let plaintext = generator.bytes(Int.random(in: 0...300, using: &generator))
            let authenticated = generator.bytes(Int.random(in: 0...40, using: &generator))
            let sealed = try AESGCM.seal(key: key, nonce: nonce, plaintext: plaintext, authenticating: authenticated)
            #expect(sealed.count == plaintext.count + AESGCM.tagBytes)
            let opened = try AESGCM.open(key: key, nonce: nonce, sealed: sealed, authenticating: authenticated)
            #expect(opened == plaintext)
        }
    }

    @Test func refusesEveryTurnedBit() throws {
        var generator = SplitMix64(state: 2)
        let (key, nonce, authenticated) = (generator.bytes(32), generator.bytes(12), generator.bytes(5))
        let sealed = try AESGCM.seal(
            key: key, nonce: nonce, plaintext: generator.bytes(20), authenticating: authenticated)
        func refuses(key: [UInt8], nonce: [UInt8], sealed: [UInt8], authenticated: [UInt8]) {
            #expect(throws: CryptoError.notAuthentic) {
                try AESGCM.open(key: key, nonce: nonce, sealed: sealed, authenticating: authenticated)
            }
        }
        for bit in 0..<(sealed.count * 8) {
            refuses(key: key, nonce: nonce, sealed: sealed.flipping(bit: bit), authenticated: authenticated)
        }
        for bit in 0..<(authenticated.count * 8) {
            refuses(key: key, nonce: nonce, sealed: sealed, authenticated: authenticated.flipping(bit: bit))
        }
        for bit in 0..<96 {
            refuses(key: key, nonce: nonce.flipping(bit: bit), sealed: sealed, authenticated: authenticated)
        }
        for bit in 0..<256 {
            refuses(key: key.flipping(bit: bit), nonce: nonce, sealed: sealed, authenticated: authenticated)
        }
        refuses(key: key, nonce: nonce, sealed: sealed, authenticated: [])
        for count in 0..<sealed.count {
            refuses(key: key, nonce: nonce, sealed: Array(sealed.prefix(count)), authenticated: authenticated)
        }
        refuses(key: key, nonce: nonce, sealed: sealed + [0], authenticated: authenticated)
    }

    @Test(arguments: [(0, 12), (16, 12), (31, 12), (33, 12), (32, 0), (32, 11), (32, 13), (32, 16)])
    func refusesSizes(keyBytes: Int, nonceBytes: Int) {
        let key = [UInt8](repeating: 0, count: keyBytes)
        let nonce = [UInt8](repeating: 0, count: nonceBytes)
        #expect(throws: CryptoError.misuse) { try AESGCM.seal(key: key, nonce: nonce, plaintext: [1]) }
        #expect(throws: CryptoError.misuse) {
            try AESGCM.open(key: key, nonce: nonce, sealed: [UInt8](repeating: 0, count: 17))
        }
    }
}
