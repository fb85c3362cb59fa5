import Bytes
import Testing
import Wire

struct KeysTests {
    @Test func aFingerprintReadsAndWritesItself() throws {
        let fingerprint = try #require(Fingerprint(Sample.fingerprintText))
        #expect(fingerprint.bytes == [UInt8](0..<32))
        #expect(fingerprint.text == Sample.fingerprintText && fingerprint.description == Sample.fingerprintText)
        #expect(Fingerprint(bytes: [UInt8](0..<32)) == fingerprint)
    }

    /// Each of the 32 bytes counts, also those that the hash leaves out.
    @Test(arguments: 0..<32) func fingerprintsDifferByAnyByte(_ index: Int) throws {
        var bytes = [UInt8](0..<32)
        bytes[index] ^= 1
        let (one, other) = (Fingerprint(bytes: [UInt8](0..<32)), Fingerprint(bytes: bytes))
        #expect(one != other)
        #expect(Set([one, other]).count == 2)
    }

    @Test func anythingElseIsNoFingerprint() {
        #expect(Fingerprint(bytes: [UInt8](0..<31)) == nil && Fingerprint(bytes: [UInt8](0..<33)) == nil)
        let digits = Sample.otherFingerprintText
        for text in ["", String(digits.dropLast()), digits + "0", digits.uppercased(), digits.dropLast() + "g"] {
            #expect(Fingerprint(text) == nil)
        }
        #expect(Fingerprint(String(repeating: "\u{E9}", count: 32)) == nil)
    }

    @Test func anIdentityKeyReadsAndWritesItself() throws {
        let key = try #require(IdentityKey(Sample.keyText))
        #expect(key.bytes == [UInt8](0x20..<0x40))
        #expect(key.text == Sample.keyText && key.description == Sample.keyText)
    }

    @Test(arguments: [
        "", "ed25519:", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
        "Ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "ed448:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
        // No padding, bits that stand for nothing, white space, 31 and 33 bytes, the URL alphabet, a mark on the colon.
        "ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8", "ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9=",
        "ed25519: ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pg==",
        "ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9A", "ed25519:__EiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
        "ed25519:\u{301}ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
    ])
    func anythingElseIsNoIdentityKey(_ text: String) { #expect(IdentityKey(text) == nil) }

    @Test func identityKeysHave32Bytes() {
        #expect(IdentityKey(bytes: [UInt8](0..<31)) == nil && IdentityKey(bytes: [UInt8](0..<33)) == nil)
    }

    @Test func whatTheAccountKeySigns() throws {
        let transcript = DeviceKey.transcript(of: [0x30, 0x82, 0xFF], for: try Address(parsing: "alice@s1"))
        #expect(
            Hex.encode(transcript) == """
                00000015706f7374726f61642d6465766963652d6b65792d31\
                00000008616c696365407331000000033082ff
                """)
    }

    @Test func anEpochReadsAndWritesItself() {
        #expect(Epoch("00000000deadbeef")?.value == 0xDEAD_BEEF)
        #expect(Epoch(UInt64.max).text == "ffffffffffffffff" && Epoch(0).description == "0000000000000000")
        for text in [
            "", "deadbeef", "00000000DEADBEEF", "00000000deadbeef0", "0x000000deadbeef", "00000000deadbee\u{E9}",
        ] {
            #expect(Epoch(text) == nil)
        }
    }
}
