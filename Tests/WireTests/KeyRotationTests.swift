import Bytes
import Testing
import Wire

struct KeyRotationTests {
    private func key(_ number: UInt8) throws -> IdentityKey {
        try #require(IdentityKey(bytes: [UInt8](repeating: number, count: 32)))
    }

    private func rotation(_ old: UInt8, _ new: UInt8) throws -> KeyRotation {
        KeyRotation(old: try key(old), new: try key(new), at: 7, signatureByOld: [old], signatureByNew: [new])
    }

    private func chain(_ numbers: UInt8...) throws -> [KeyRotation] {
        try zip(numbers, numbers.dropFirst()).map { try rotation($0, $1) }
    }

    @Test func aChainLeadsFromAnyOfItsKeysToItsLast() throws {
        let chain = try chain(1, 2, 3, 4)
        #expect(chain.path(from: try key(1), to: try key(4)) == chain)
        #expect(chain.path(from: try key(3), to: try key(4)) == [chain[2]])
        // To no other, and from no key that is not in it: an older key is never reached.
        #expect(chain.path(from: try key(1), to: try key(3)) == nil)
        #expect(chain.path(from: try key(4), to: try key(4)) == nil)
        #expect(chain.path(from: try key(9), to: try key(4)) == nil)
        #expect([KeyRotation]().path(from: try key(1), to: try key(1)) == nil)
    }

    @Test func whatIsOutOfOrderIsNoChain() throws {
        let chain = try chain(1, 2, 3)
        #expect(chain.isChain && [KeyRotation]().isChain)
        #expect(!chain.reversed().isChain)
        #expect(try ![rotation(1, 2), rotation(3, 4)].isChain)
        // A key that comes back would undo what came between.
        #expect(try !self.chain(1, 2, 1).isChain && !self.chain(1, 1).isChain && !self.chain(1, 2, 3, 2).isChain)
        #expect(try self.chain(1, 2, 1).path(from: key(2), to: key(1)) == nil)
    }

    @Test func bothKeysSignEverythingThatCounts() throws {
        let (one, two, s1, s2) = (try key(1), try key(2), try ServerName("s1"), try ServerName("s2"))
        let transcripts = [
            KeyRotation.transcript(server: s1, old: one, new: two, at: 7),
            KeyRotation.transcript(server: s2, old: one, new: two, at: 7),
            KeyRotation.transcript(server: s1, old: two, new: one, at: 7),
            KeyRotation.transcript(server: s1, old: one, new: two, at: 8),
        ]
        #expect(Set(transcripts).count == transcripts.count)
        let rotation = try rotation(1, 2)
        #expect(rotation.checks(for: s1).map(\.key) == [one, two])
        #expect(rotation.checks(for: s1).map(\.signature) == [[1], [2]])
        #expect(rotation.checks(for: s1).allSatisfy { $0.transcript == transcripts[0] })
    }

    @Test func theFormOnDiskReadsBack() throws {
        let sample = try Sample()
        let bytes = [sample.rotation].stored()
        #expect(text(bytes) == "{\"rotations\":[\(Sample.rotationText)]}")
        #expect(try [KeyRotation](stored: JSONObject(message: bytes)) == [sample.rotation])
        #expect(try [KeyRotation](stored: JSONObject(message: [KeyRotation]().stored())) == [])
    }

    @Test func aPinStandsInForTheKeyOfTheFileThatItReplaced() throws {
        let (one, two, three) = (try key(1), try key(2), try key(3))
        let rotated = KeyPin(two, .rotated, previous: one, insteadOf: one)
        #expect(KeyPin.effective(named: nil, pin: nil) == nil)
        #expect(KeyPin.effective(named: nil, pin: rotated) == two)
        #expect(KeyPin.effective(named: one, pin: rotated) == two)
        // The file was mended, or says something else again: it wins.
        #expect(KeyPin.effective(named: two, pin: rotated) == two)
        #expect(KeyPin.effective(named: three, pin: rotated) == three)
        #expect(KeyPin.effective(named: one, pin: KeyPin(two)) == one)
        #expect(KeyPin.effective(named: one, pin: nil) == one)
    }
}
