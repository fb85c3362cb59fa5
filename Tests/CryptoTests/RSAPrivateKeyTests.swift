import Bytes
import Crypto
import Testing

@Suite struct RSAPrivateKeyTests {
    @Test func decryptsWhatWasEncrypted() throws {
        for key in [try SharedKey.rsa3072.get(), try SharedKey.rsa2048.get()] {
            for count in [0, 1, 32, key.publicKey.plaintextBytesMax] {
                let plaintext = try SecureRandom.bytes(count)
                let ciphertext = try key.publicKey.encrypt(plaintext)
                #expect(ciphertext.count == key.publicKey.bits / 8)
                #expect(try key.decrypt(ciphertext) == plaintext)
            }
            let tooLong = [UInt8](repeating: 0, count: key.publicKey.plaintextBytesMax + 1)
            #expect(throws: CryptoError.misuse) { try key.publicKey.encrypt(tooLong) }
        }
    }

    @Test func decryptsForeignCiphertext() throws {
        let key = try SharedKey.rsa2048.get()
        #expect(try key.decrypt(base64(Fixture.oaep)) == Array(Fixture.message.utf8))
    }

    /// One word for all of them: which check failed must not show.
    @Test func refusesWithOneWord() throws {
        let key = try SharedKey.rsa2048.get()
        let good = base64(Fixture.oaep)
        let modulus = Array(key.publicKey.der.dropLast(5).suffix(256))
        let bad = [
            [], [1], Array(good.dropLast()), good + [0], [0] + good, base64(Fixture.oaepWithOtherMask),
            base64(Fixture.encryptedV15), [UInt8](repeating: 0, count: 256), [UInt8](repeating: 255, count: 256),
            modulus, try SharedKey.rsa3072.get().publicKey.encrypt([1]),
        ]
        for ciphertext in bad {
            #expect(throws: CryptoError.notAuthentic) { try key.decrypt(ciphertext) }
        }
        for bit in stride(from: 0, to: good.count * 8, by: 41) {
            #expect(throws: CryptoError.notAuthentic) { try key.decrypt(good.flipping(bit: bit)) }
        }
    }

    @Test func signs() throws {
        for key in [try SharedKey.rsa3072.get(), try SharedKey.rsa2048.get()] {
            let signature = try key.sign([1, 2, 3])
            #expect(signature.count == key.publicKey.bits / 8)
            #expect(key.publicKey.verify(signature, of: [1, 2, 3]))
            #expect(!key.publicKey.verify(signature, of: [1, 2]))
            #expect(try key.sign([1, 2, 3]) != signature, "the salt is random")
            #expect(key.publicKey.verify(try key.sign([]), of: []))
        }
        let signature = try SharedKey.rsa3072.get().sign([1])
        #expect(!(try SharedKey.rsa2048.get()).publicKey.verify(signature, of: [1]))
    }

    /// One key object, many threads.
    @Test func worksFromManyTasksAtOnce() async throws {
        let key = try SharedKey.rsa2048.get()
        let isRight = await withTaskGroup(of: Bool.self) { group in
            for number in UInt8(0)..<32 {
                group.addTask {
                    guard let sealed = try? key.publicKey.encrypt([number]), let opened = try? key.decrypt(sealed),
                        let signature = try? key.sign([number])
                    else { return false }
                    return opened == [number] && key.publicKey.verify(signature, of: [number])
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(isRight)
    }

    @Test func survivesItsPEM() throws {
        let key = try SharedKey.rsa3072.get()
        #expect(key.publicKey.bits == 3072)
        #expect(try RSAPrivateKey(pem: key.pem()).publicKey == key.publicKey)
        #expect(try SharedKey.rsa2048.get().pem().exposed == Array(Fixture.privatePEM.utf8))
    }

    @Test(arguments: [-1, 0, 1024, 2047, 8193, Int.max])
    func refusesToMake(bits: Int) {
        #expect(throws: CryptoError.misuse) { try RSAPrivateKey.generate(bits: bits) }
    }

    static let badPEMs: [(String, KeyFault)] = [
        (Fixture.publicPEM, KeyFault.notPEM),
        ("", .notPEM),
        (Fixture.privatePEM + Fixture.privatePEM, .notPEM),
        (Fixture.privatePEM + String(repeating: "\n", count: 8192), .tooLong),
        ("-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n", .damaged),
    ]

    @Test(arguments: badPEMs)
    func refuses(pem: String, fault: KeyFault) {
        #expect(throws: fault) { try RSAPrivateKey(pem: Secret(text: pem)) }
    }

    /// A bit turned on the disk, wherever it is, is found when the key is read, not when it is used.
    @Test func refusesDamage() throws {
        let lines = Fixture.privatePEM.split(separator: "\n").map(String.init)
        let der = base64(lines.dropFirst().dropLast().joined())
        func pem(_ der: [UInt8]) -> Secret {
            Secret(text: "\(lines[0])\n\(Base64.encode(der))\n\(lines[lines.count - 1])\n")
        }
        #expect(try RSAPrivateKey(pem: pem(der)).publicKey == SharedKey.rsa2048.get().publicKey)
        #expect(throws: KeyFault.damaged) { try RSAPrivateKey(pem: pem(der + [0])) }
        for place in stride(from: 40, to: der.count, by: 113) {
            #expect(throws: KeyFault.self) { try RSAPrivateKey(pem: pem(der.flipping(bit: place * 8))) }
        }
    }
}
