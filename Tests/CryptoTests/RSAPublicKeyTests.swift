import Bytes
import Crypto
import Testing

@Suite struct RSAPublicKeyTests {
    @Test func readsAndWrites() throws {
        let key = try RSAPublicKey(pem: Fixture.publicPEM)
        #expect(key.bits == 2048)
        #expect(key.pem == Fixture.publicPEM)
        #expect(key.fingerprintText == Fixture.fingerprint)
        #expect(Hex.encode(key.fingerprint) == Fixture.fingerprint)
        #expect(key.plaintextBytesMax == 190)
        #expect(try RSAPublicKey(der: key.der) == key)
        #expect(try RSAPrivateKey(pem: Secret(text: Fixture.privatePEM)).publicKey == key)
        #expect(Set([key, try RSAPublicKey(pem: Fixture.publicPEM)]).count == 1)
        #expect(try SharedKey.rsa3072.get().publicKey != key)
    }

    /// Line ends may be those of another system, lines of another length; the key is the same.
    @Test func readsOtherLineEnds() throws {
        let key = try RSAPublicKey(pem: Fixture.publicPEM)
        let lines = Fixture.publicPEM.split(separator: "\n")
        #expect(try RSAPublicKey(pem: lines.joined(separator: "\r\n")) == key)
        let body = lines.dropFirst().dropLast().joined()
        #expect(try RSAPublicKey(pem: "\(lines[0])\n\(body)\n\(lines[lines.count - 1])\n\n") == key)
    }

    static let badPEMs: [(String, KeyFault)] = [
        (Fixture.rsa1024, KeyFault.bitsRefused(1024)),
        (Fixture.exponent3, .exponentRefused),
        (Fixture.exponent65Bits, .exponentRefused),
        (Fixture.ellipticCurve, .otherAlgorithm),
        (Fixture.dsa, .otherAlgorithm),
        (Fixture.rsaPSS, .otherAlgorithm),
        (Fixture.ed25519, .otherAlgorithm),
        (Fixture.privatePEM, .notPEM),
        ("", .notPEM),
        ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", .notPEM),
        ("-----BEGIN PUBLIC KEY-----", .notPEM),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", .damaged),
        ("-----BEGIN PUBLIC KEY-----\nA A=\n-----END PUBLIC KEY-----\n", .notPEM),
        ("-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----\n", .notPEM),
        (" " + Fixture.publicPEM, .notPEM),
        ("\n" + Fixture.publicPEM, .notPEM),
        (Fixture.publicPEM + "x", .notPEM),
        (Fixture.publicPEM + Fixture.publicPEM, .notPEM),
        (Fixture.publicPEM + String(repeating: "\n", count: 4096), .tooLong),
    ]

    @Test(arguments: badPEMs)
    func refuses(pem: String, fault: KeyFault) {
        #expect(throws: fault) { try RSAPublicKey(pem: pem) }
    }

    @Test func refusesDamagedStructure() throws {
        let der = try RSAPublicKey(pem: Fixture.publicPEM).der
        #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: []) }
        #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: der + [0]) }
        for count in 0..<der.count {
            #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: Array(der.prefix(count))) }
        }
        // BER allows a length in more bytes than needed; that would be a second fingerprint for one key.
        #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: [0x30, 0x83, 0x00] + der[2...]) }
        #expect(throws: KeyFault.tooLong) { try RSAPublicKey(der: [UInt8](repeating: 0x30, count: 4097)) }
    }

    /// The exponent is the last three bytes of the DER form, the modulus ends five bytes before it.
    @Test func refusesUnfitNumbers() throws {
        let der = try RSAPublicKey(pem: Fixture.publicPEM).der
        #expect(der.suffix(5) == [2, 3, 1, 0, 1])
        #expect(throws: KeyFault.exponentRefused) { try RSAPublicKey(der: der.dropLast(3) + [1, 0, 0]) }
        #expect(throws: KeyFault.exponentRefused) { try RSAPublicKey(der: der.dropLast(3) + [0, 0xFF, 0xFF]) }
        // Negative.
        #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: der.dropLast(3) + [0xFF, 0xFF, 0xFF]) }
        #expect(try RSAPublicKey(der: der.dropLast(3) + [1, 0, 3]).bits == 2048)
        let evenModulus = der.flipping(bit: (der.count - 6) * 8)
        #expect(throws: KeyFault.damaged) { try RSAPublicKey(der: evenModulus) }
    }

    /// Whatever the bytes, reading ends with a key or a fault, and what was taken has one form.
    @Test func survivesMutations() throws {
        let der = try RSAPublicKey(pem: Fixture.publicPEM).der
        var generator = SplitMix64(state: 3)
        for _ in 0..<3000 {
            var bytes = der
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<40, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let key = try? RSAPublicKey(der: bytes) { #expect(key.der == bytes) }
        }
    }

    @Test func verifiesForeignSignature() throws {
        let key = try RSAPublicKey(pem: Fixture.publicPEM)
        let message = Array(Fixture.message.utf8)
        let signature = base64(Fixture.pss)
        #expect(key.verify(signature, of: message))
        #expect(!key.verify(signature, of: message + [0]))
        #expect(!key.verify(base64(Fixture.pssWithShortSalt), of: message))
        #expect(!key.verify(base64(Fixture.signedV15), of: message))
        #expect(!key.verify(Array(signature.dropLast()), of: message))
        #expect(!key.verify([0] + signature, of: message))
        #expect(!key.verify([], of: message))
        for bit in stride(from: 0, to: signature.count * 8, by: 7) {
            #expect(!key.verify(signature.flipping(bit: bit), of: message))
        }
    }
}
