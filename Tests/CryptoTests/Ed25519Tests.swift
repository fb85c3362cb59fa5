import Bytes
import Crypto
import Testing

@Suite struct Ed25519Tests {
    struct Vector: Sendable {
        let seed: String
        let publicKey: String
        let message: String
        let signature: String
    }

    /// RFC 8032 §7.1, tests 1 to 3.
    static let vectors = [
        Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]

    @Test(arguments: vectors)
    func signsAndVerifies(_ vector: Vector) throws {
        let key = try Ed25519PrivateKey(seed: Secret(hex(vector.seed)))
        #expect(Hex.encode(key.publicKey.bytes) == vector.publicKey)
        #expect(Hex.encode(try key.sign(hex(vector.message))) == vector.signature)
        #expect(try key.seed().exposed == hex(vector.seed))
        let publicKey = try Ed25519PublicKey(bytes: hex(vector.publicKey))
        #expect(publicKey.verify(hex(vector.signature), of: hex(vector.message)))
        #expect(!publicKey.verify(hex(vector.signature), of: hex(vector.message) + [0]))
    }

    @Test func refusesEveryTurnedBit() throws {
        let key = try Ed25519PrivateKey.generate()
        let message = Array("link proof".utf8)
        let signature = try key.sign(message)
        #expect(key.publicKey.verify(signature, of: message))
        for bit in 0..<(signature.count * 8) {
            #expect(!key.publicKey.verify(signature.flipping(bit: bit), of: message))
        }
        #expect(!key.publicKey.verify(Array(signature.dropLast()), of: message))
        #expect(!key.publicKey.verify(signature + [0], of: message))
        #expect(!key.publicKey.verify([], of: message))
        let other = try Ed25519PrivateKey.generate()
        #expect(other.publicKey != key.publicKey)
        #expect(!other.publicKey.verify(signature, of: message))
    }

    @Test func writesAndReadsItsText() throws {
        let key = try Ed25519PublicKey(bytes: hex(Self.vectors[0].publicKey))
        #expect(key.text == "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
        #expect(try Ed25519PublicKey(text: key.text) == key)
        #expect(Set([key, try Ed25519PublicKey(text: key.text)]).count == 1)
        #expect(key.fingerprint == Digest.sha256(key.bytes))
    }

    static let badTexts: [(String, KeyFault)] = [
        ("", KeyFault.otherAlgorithm),
        ("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", .otherAlgorithm),
        ("ED25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", .otherAlgorithm),
        ("ed25519:", .damaged),
        ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", .damaged),
        ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=", .damaged),
        ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==", .damaged),
        ("ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=", .damaged),
        ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= ", .tooLong),
        ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoA", .damaged),
    ]

    @Test(arguments: badTexts)
    func refuses(text: String, fault: KeyFault) {
        #expect(throws: fault) { try Ed25519PublicKey(text: text) }
    }

    @Test func survivesItsPEM() throws {
        let key = try Ed25519PrivateKey.generate()
        let again = try Ed25519PrivateKey(pem: key.pem())
        #expect(again.publicKey == key.publicKey)
        #expect(try again.sign([1]) == key.sign([1]))
        let foreign = try Ed25519PrivateKey(pem: Secret(text: Fixture.ed25519PrivatePEM))
        #expect(try foreign.pem().exposed == Array(Fixture.ed25519PrivatePEM.utf8))
    }

    @Test func refusesOtherPrivateKeys() {
        for count in [0, 31, 33] {
            #expect(throws: KeyFault.damaged) {
                try Ed25519PrivateKey(seed: Secret([UInt8](repeating: 1, count: count)))
            }
        }
        #expect(throws: KeyFault.otherAlgorithm) { try Ed25519PrivateKey(pem: Secret(text: Fixture.privatePEM)) }
        #expect(throws: KeyFault.otherAlgorithm) { try RSAPrivateKey(pem: Secret(text: Fixture.ed25519PrivatePEM)) }
        #expect(throws: KeyFault.notPEM) { try Ed25519PrivateKey(pem: Secret(text: Fixture.ed25519)) }
        #expect(throws: KeyFault.notPEM) { try Ed25519PrivateKey(pem: Secret(text: "")) }
        let long = Fixture.ed25519PrivatePEM + String(repeating: "\n", count: 8192)
        #expect(throws: KeyFault.tooLong) { try Ed25519PrivateKey(pem: Secret(text: long)) }
    }

    /// 32 bytes that are no point of the curve: nothing verifies, nothing breaks.
    @Test func aKeyThatIsNoPointVerifiesNothing() throws {
        let key = try Ed25519PublicKey(bytes: [2] + [UInt8](repeating: 0, count: 31))
        #expect(!key.verify([UInt8](repeating: 0, count: 64), of: []))
        #expect(throws: KeyFault.damaged) { try Ed25519PublicKey(bytes: []) }
    }
}
