import Bytes
import Testing
import Wire

/// The values of which the golden vectors are made, and their texts.
struct Sample {
    static let idText = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    static let id = MessageID(milliseconds: 0x017F_22E2_79B0, random: (0xCC3, 0x18C4_DC0C_0C07_398F))
    static let otherIDText = "00000000-0001-7000-8000-000000000002"
    static let otherID = MessageID(milliseconds: 1, random: (0, 2))
    static let at: Int64 = 1_795_000_000_000

    /// 00 01 … 1f
    static let nonce = [UInt8](0..<32)
    static let nonceText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let token = [UInt8](0..<16)
    static let tokenText = "AAECAwQFBgcICQoLDA0ODw=="
    static let boxNonce = [UInt8](0..<12)
    static let boxNonceText = "AAECAwQFBgcICQoL"

    /// Aa, as often as wanted: three of them are `qqqq` in base64.
    static func filled(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xAA, count: count) }
    static let key384Text = String(repeating: "qqqq", count: 128)
    static let signatureText = String(repeating: "qqqq", count: 21) + "qg=="

    static let keyText = "ed25519:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
    static let fingerprintText = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static let otherFingerprintText = String(repeating: "ab", count: 32)

    static let offer = FileOffer(
        name: "grüße.txt", bytes: 49_153, digest: nonce, key: filled(32), chain: [UInt8](repeating: 0, count: 32))
    static let offerText = #"""
        {"name":"grüße.txt","bytes":49153,"digest":"\#(nonceText)","key":"\#(String(repeating: "qqqq", count: 10))qqo=",\#
        "chain":"\#(String(repeating: "AAAA", count: 10))AAA="}
        """#

    static let oldKeyText = "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let rotationText = #"""
        {"old":"\#(oldKeyText)","new":"\#(keyText)","at":1795000000000,"byOld":"\#(signatureText)",\#
        "byNew":"\#(signatureText)"}
        """#

    let alice: Address
    let bob: Address
    let key: IdentityKey
    let rotation: KeyRotation
    let fingerprint: Fingerprint
    let otherFingerprint: Fingerprint
    let device: DeviceKey
    let sealed: Sealed
    let publicEnvelope: Envelope
    let sealedEnvelope: Envelope

    init() throws {
        alice = try Address(parsing: "alice@s1")
        bob = try Address(parsing: "bob@s2")
        key = try #require(IdentityKey(bytes: [UInt8](0x20..<0x40)))
        rotation = KeyRotation(
            old: try #require(IdentityKey(bytes: Sample.nonce)), new: key, at: Sample.at,
            signatureByOld: Sample.filled(64), signatureByNew: Sample.filled(64))
        fingerprint = try #require(Fingerprint(bytes: [UInt8](0..<32)))
        otherFingerprint = try #require(Fingerprint(bytes: [UInt8](repeating: 0xAB, count: 32)))
        device = DeviceKey(
            fingerprint: fingerprint, key: Sample.filled(384), account: key, signature: Sample.filled(64))
        sealed = Sealed(
            device: fingerprint, nonce: Sample.boxNonce, box: Sample.filled(384),
            wraps: [Sealed.Wrap(device: otherFingerprint, key: Sample.filled(384))], signature: Sample.filled(384))
        publicEnvelope = Envelope(
            id: Sample.id, from: alice, to: .everyone, at: Sample.at, body: .text("grüß dich 👋\n"))
        sealedEnvelope = Envelope(
            id: Sample.id, from: alice, to: .direct(bob), at: Sample.at, body: .sealed(sealed))
    }

    static let deviceText = """
        {"fingerprint":"\(fingerprintText)","key":"\(key384Text)","account":"\(keyText)",\
        "signature":"\(signatureText)"}
        """
    static let sealedText = """
        {"version":1,"device":"\(fingerprintText)","nonce":"\(boxNonceText)","box":"\(key384Text)",\
        "wraps":[{"device":"\(otherFingerprintText)","key":"\(key384Text)"}],"signature":"\(key384Text)"}
        """
    static let publicEnvelopeText = """
        {"id":"\(idText)","from":"alice@s1","to":"public","at":1795000000000,"text":"grüß dich 👋\\n"}
        """
    static let sealedEnvelopeText = """
        {"id":"\(idText)","from":"alice@s1","to":"bob@s2","at":1795000000000,"sealed":\(sealedText)}
        """
    static let personText = #"{"address":"bob@s2","status":"online","devices":["\#(fingerprintText)"]}"#
}
