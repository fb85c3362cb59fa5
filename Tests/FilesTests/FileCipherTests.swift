import Bytes
import Crypto
import Files
import Testing
import Wire

private func chain(of content: [UInt8]) -> ChunkChain {
    ChunkChain(digests: chunks(of: content).flatMap { Digest.sha256($0) })
}

private func sealed(_ content: [UInt8], key: [UInt8] = fileKey, id number: UInt64 = 255) throws -> [[UInt8]] {
    let (chain, cipher) = (chain(of: content), FileCipher(id: id(number), key: key, bytes: Int64(content.count)))
    return try chunks(of: content).enumerated().map { index, chunk in
        try cipher.seal(chunk, index: Int64(index), next: try #require(chain.link(Int64(index) + 1)))
    }
}

@Suite struct FileCipherTests {
    struct Vector: Sendable {
        let bytes: Int
        let head: String
        let sizes: [Int]
        /// SHA-256 over all chunks, one behind the other.
        let digest: String
    }

    /// Made by a program of its own from the words of the protocol, with another library's AES-GCM.
    static let vectors = [
        Vector(
            bytes: 0, head: "0000000000000000000000000000000000000000000000000000000000000000", sizes: [],
            digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        Vector(
            bytes: 1, head: "081c390978405d9f254f7f975e802fee1ad705d0cc529be4e8c31291b52d0cb0", sizes: [1072],
            digest: "fca852f56f3522ee77c418273efd145ea495e6187e06721cf67fee147a888381"),
        Vector(
            bytes: 1024, head: "4d933f23273d13139759158277317ace50327e3995ec8ad222d9f081df7107c8", sizes: [1072],
            digest: "8ffc6f6e9c8994ba4eed924d5c1a36a3f234445191271843dedd6f3bb8929c20"),
        Vector(
            bytes: 1025, head: "ee0638966ca0e4b510fa73e9f2c9021199ac53700b22a9f4075e6c5a4019a7c1", sizes: [2096],
            digest: "385fa1b2b563e4f577815149ef7f4db178e6219b2b5046bc4b98e884aac3d149"),
        Vector(
            bytes: 32768, head: "83d17ee5d286b47110647e52a1560559d9ec9330708ba6214b4394208cf58c95", sizes: [32816],
            digest: "805443461ec71992880486c2fd189f74b2473e72deecafecb3f4833237f0b2ef"),
        Vector(
            bytes: 32769, head: "db29386ba46adbacbc1a85c34dfce44711d0bdb99e76c710d1fb3dc7e5b00c8f", sizes: [49200],
            digest: "4afb4c0e4316706de4692766f4b2f7878cf151b9595044ee7890cfb686e5ecc9"),
        Vector(
            bytes: 49151, head: "8434c28281cb6b32103eb40bc75eb5349207531c71ad674785c44c584dcdc721", sizes: [49200],
            digest: "7186be78b894415cda9f6cdf3145a235bfa53a09b47abf62565e2bccc7ba8bf4"),
        Vector(
            bytes: 49152, head: "c98331b55db30ac3c3147543050101627b1415fc4d1f8557981f92c37925db38", sizes: [49200],
            digest: "22bc448fbefb3b641c3684b1fcf8ee46b33bfb28f5acfbe1a86cdbac0333cb35"),
        Vector(
            bytes: 49153, head: "0b1b1cad2c12cd3308f8fb58dcd75c20465ae2434e627e8b67b46e053cf6e0d0",
            sizes: [49200, 1072], digest: "c4feff7a1376c10f711ed8dbb35f65cdbb57f309504a6d009864cfd4335e67c8"),
        Vector(
            bytes: 98304, head: "447d2192fe1cb6e78766adc6545efc2a28dc40cc120ec6b948104a43f63fde8d",
            sizes: [49200, 49200], digest: "ae501d2d9fda7a4dce35e204ed767eaf7d68a4be50510046ae3912699af8ad8f"),
        Vector(
            bytes: 100_000, head: "0aa57c76b49493e7e09faf6b8d00418b19e67990c57d7c89b28615d6a92d4fda",
            sizes: [49200, 49200, 2096], digest: "ca735a109b2331edfe03d901b08cf66ef064b708b3578a8c8a78aeda04a8b574"),
    ]

    @Test(arguments: vectors) func matches(_ vector: Vector) throws {
        let content = content(vector.bytes)
        let chain = chain(of: content)
        #expect(Hex.encode(chain.head) == vector.head)
        let chunks = try sealed(content)
        #expect(chunks.map(\.count) == vector.sizes)
        #expect(Hex.encode(Digest.sha256(chunks.flatMap { $0 })) == vector.digest)
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: Int64(vector.bytes))
        var (link, read) = (chain.head, [UInt8]())
        for (index, chunk) in chunks.enumerated() {
            let opened = try cipher.open(chunk, index: Int64(index), link: link)
            read += opened.content
            link = opened.next
        }
        #expect(read == content)
        #expect(link == ChunkChain.end)
    }

    @Test func anyBitFlippedIsFound() throws {
        let content = content(1)
        let chunk = try #require(try sealed(content).first)
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: 1)
        let head = chain(of: content).head
        for bit in 0..<chunk.count * 8 {
            var flipped = chunk
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: ChunkFault.notAuthentic) { try cipher.open(flipped, index: 0, link: head) }
        }
    }

    @Test func aChunkBelongsToOnePlaceOfOneFile() throws {
        let content = content(100_000)
        let (chunks, chain) = (try sealed(content), chain(of: content))
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: 100_000)
        let second = try #require(chain.link(1))
        _ = try cipher.open(chunks[1], index: 1, link: second)
        let refusals: [(FileCipher, Int, Int64, [UInt8])] = [
            (cipher, 0, 1, second), (cipher, 1, 0, chain.head), (cipher, 1, 1, chain.head), (cipher, 2, 1, second),
            (cipher, 1, 3, second), (cipher, 1, -1, second),
            (FileCipher(id: id(254), key: fileKey, bytes: 100_000), 1, 1, second),
            (FileCipher(id: id(255), key: fileKey.reversed(), bytes: 100_000), 1, 1, second),
            (FileCipher(id: id(255), key: [1], bytes: 100_000), 1, 1, second),
            // As the last chunk of a shorter file it would have to end the chain.
            (FileCipher(id: id(255), key: fileKey, bytes: 98_304), 1, 1, second),
        ]
        for (cipher, chunk, index, link) in refusals {
            #expect(throws: ChunkFault.notAuthentic) { try cipher.open(chunks[chunk], index: index, link: link) }
        }
        #expect(throws: ChunkFault.notAuthentic) { try cipher.open([], index: 0, link: chain.head) }
        #expect(throws: ChunkFault.notAuthentic) {
            try cipher.open(Array(chunks[1].dropLast()), index: 1, link: second)
        }
    }

    /// What the key's holder sealed with something behind the content.
    @Test func paddingIsZeros() throws {
        let content = content(10)
        let link = chain(of: content).head
        var plaintext = content + [UInt8](repeating: 0, count: 1014) + ChunkChain.end
        plaintext[500] = 1
        var authenticated: [UInt8] = []
        authenticated.appendField("postroad-file-1")
        authenticated.appendField(id(255).bytes)
        authenticated.appendBigEndian(Int64(0))
        let chunk = try AESGCM.seal(
            key: fileKey, nonce: [UInt8](repeating: 0, count: 12), plaintext: plaintext, authenticating: authenticated)
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: 10)
        #expect(throws: ChunkFault.notAuthentic) { try cipher.open(chunk, index: 0, link: link) }
    }

    @Test func anotherContentUnderTheSameKeyBreaksTheChain() throws {
        var other = content(10)
        other[3] = 99
        let forged = try #require(try sealed(other).first)
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: 10)
        #expect(throws: ChunkFault.notAuthentic) {
            try cipher.open(forged, index: 0, link: chain(of: content(10)).head)
        }
    }

    @Test func aContentOfAnotherLengthIsNotSealed() {
        let cipher = FileCipher(id: id(255), key: fileKey, bytes: 10)
        for count in [0, 9, 11] {
            #expect(throws: CryptoError.misuse) { try cipher.seal(content(count), index: 0, next: ChunkChain.end) }
        }
        #expect(throws: CryptoError.misuse) { try cipher.seal(content(10), index: 1, next: ChunkChain.end) }
        #expect(throws: CryptoError.misuse) { try cipher.seal(content(10), index: 0, next: [0]) }
    }

    @Test func theChainKnowsItsContent() {
        let content = content(100_000)
        let (chain, pieces) = (chain(of: content), chunks(of: content))
        #expect(chain.chunkCount == 3)
        for (index, piece) in pieces.enumerated() { #expect(chain.covers(piece, at: Int64(index))) }
        #expect(!chain.covers(pieces[0], at: 1))
        #expect(!chain.covers(Array(pieces[2].dropLast()), at: 2))
        #expect(!chain.covers(pieces[0], at: 3))
        #expect(!chain.covers(pieces[0], at: -1))
        #expect(chain.link(3) == ChunkChain.end)
        #expect(chain.link(4) == nil)
        #expect(chain.link(-1) == nil)
    }
}
