import ChatClient
import Crypto
import Testing
import Wire

/// Two people with one device each, made once: key generation is slow.
private enum Cast {
    static let alicePhone = make(alice)
    static let bobPhone = make(bob)
    static let bobLaptop = make(bob)
    static let eve = make(carol)

    struct Device: Sendable {
        let secret: RSAPrivateKey
        let key: DeviceKey
    }

    static func make(_ owner: Address) -> Device {
        do {
            let secret = try RSAPrivateKey.generate(bits: 2048)
            let account = try Ed25519PrivateKey.generate()
            return Device(secret: secret, key: try Sealing.deviceKey(of: secret, account: account, for: owner))
        } catch { fatalError("no keys: \(error)") }
    }
}

@Suite struct SealingTests {
    private func seal(_ text: String, to: Address = bob) throws -> Envelope {
        let sealed = try Sealing.seal(
            .text(text), id: id(1), from: alice, to: to, at: 77, with: Cast.alicePhone.secret,
            for: [Cast.bobPhone.key, Cast.bobLaptop.key, Cast.alicePhone.key])
        return Envelope(id: id(1), from: alice, to: .direct(to), at: 77, body: .sealed(sealed))
    }

    private func open(_ envelope: Envelope, with device: Cast.Device = Cast.bobPhone) -> Result<
        String, Sealing.NotAuthentic
    > {
        Result { () throws(Sealing.NotAuthentic) in
            guard
                case .text(let text) = try Sealing.open(
                    envelope, from: Cast.alicePhone.key, with: device.secret)
            else { throw Sealing.NotAuthentic() }
            return text
        }
    }

    /// `{"text":""}` and the length take 15 bytes: one below, at and above each step.
    @Test(arguments: [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768], [-1, 0, 1])
    func everySizeRoundTrips(_ step: Int, _ offset: Int) throws {
        let count = step - 15 + offset
        guard count <= Envelope.textBytesMax else { return }
        let text = String(repeating: "x", count: count)
        let envelope = try seal(text)
        #expect(open(envelope) == .success(text))
        guard case .sealed(let sealed) = envelope.body else { return }
        #expect(sealed.box.count == (offset > 0 ? 2 * step : step) + 16)
    }

    @Test func allReadersCanOpenAndNobodyElse() throws {
        let envelope = try seal("hello, you 👋🏽\u{0}")
        for device in [Cast.bobPhone, Cast.bobLaptop, Cast.alicePhone] {
            #expect(open(envelope, with: device) == .success("hello, you 👋🏽\u{0}"))
        }
        #expect(open(envelope, with: Cast.eve) == .failure(Sealing.NotAuthentic()))
    }

    @Test func aFlippedBitAnywhereIsRefused() throws {
        let envelope = try seal("hello")
        guard case .sealed(let good) = envelope.body else { return }
        func flip(_ bytes: [UInt8], _ index: Int) -> [UInt8] {
            var bytes = bytes
            bytes[index % bytes.count] ^= 1
            return bytes
        }
        var generator = SplitMix64(state: 5)
        for _ in 0..<8 {
            let index = Int.random(in: 0..<10_000, using: &generator)
            var wraps = good.wraps
            wraps[0] = Sealed.Wrap(device: wraps[0].device, key: flip(wraps[0].key, index))
            let bad = [
                Sealed(
                    device: good.device, nonce: flip(good.nonce, index), box: good.box, wraps: good.wraps,
                    signature: good.signature),
                Sealed(
                    device: good.device, nonce: good.nonce, box: flip(good.box, index), wraps: good.wraps,
                    signature: good.signature),
                Sealed(
                    device: good.device, nonce: good.nonce, box: good.box, wraps: wraps, signature: good.signature),
                Sealed(
                    device: good.device, nonce: good.nonce, box: good.box, wraps: good.wraps.reversed(),
                    signature: good.signature),
                Sealed(
                    device: good.device, nonce: good.nonce, box: good.box, wraps: Array(good.wraps.prefix(1)),
                    signature: good.signature),
                Sealed(
                    device: good.device, nonce: good.nonce, box: good.box, wraps: good.wraps,
                    signature: flip(good.signature, index)),
                Sealed(
                    device: Cast.eve.key.fingerprint, nonce: good.nonce, box: good.box, wraps: good.wraps,
                    signature: good.signature),
            ]
            for sealed in bad {
                let forged = Envelope(
                    id: envelope.id, from: alice, to: .direct(bob), at: 77, body: .sealed(sealed))
                #expect(open(forged) == .failure(Sealing.NotAuthentic()))
            }
        }
    }

    @Test func aMovedMessageIsRefused() throws {
        let envelope = try seal("hello")
        let moved = [
            Envelope(id: id(2), from: alice, to: .direct(bob), at: 77, body: envelope.body),
            Envelope(id: id(1), from: carol, to: .direct(bob), at: 77, body: envelope.body),
            Envelope(id: id(1), from: alice, to: .direct(carol), at: 77, body: envelope.body),
            Envelope(id: id(1), from: alice, to: .direct(bob), at: 78, body: envelope.body),
            Envelope(id: id(1), from: alice, to: .everyone, at: 77, body: envelope.body),
        ]
        for envelope in moved { #expect(open(envelope) == .failure(Sealing.NotAuthentic())) }
    }

    @Test func theSenderIsWhoeverOwnsTheKey() throws {
        let envelope = try seal("hello")
        #expect(throws: Sealing.NotAuthentic.self) {
            try Sealing.open(envelope, from: Cast.eve.key, with: Cast.bobPhone.secret)
        }
    }

    @Test func paddingThatIsNotOursIsRefused() throws {
        let plaintext = try #require(SealedContent.plaintext(of: .text("hello")))
        #expect(SealedContent.content(in: plaintext) == .text("hello"))
        var dirty = plaintext
        dirty[255] = 1
        #expect(SealedContent.content(in: dirty) == nil)
        #expect(SealedContent.content(in: plaintext + [UInt8](repeating: 0, count: 256)) == nil)
        #expect(SealedContent.content(in: [0xFF, 0xFF, 0xFF, 0xFF]) == nil)
        #expect(SealedContent.content(in: []) == nil)
        #expect(SealedContent.paddedBytes(for: 65_537) == 81_920)
        #expect(SealedContent.paddedBytes(for: 81_921) == nil)
    }

    @Test func aDeviceKeyIsGenuineForItsOwnerOnly() {
        let key = Cast.bobPhone.key
        #expect(Sealing.isGenuine(key, of: bob))
        #expect(!Sealing.isGenuine(key, of: carol))
        let other = Cast.eve.key
        let swapped = [
            DeviceKey(fingerprint: other.fingerprint, key: key.key, account: key.account, signature: key.signature),
            DeviceKey(fingerprint: key.fingerprint, key: other.key, account: key.account, signature: key.signature),
            DeviceKey(fingerprint: key.fingerprint, key: key.key, account: other.account, signature: key.signature),
            DeviceKey(fingerprint: key.fingerprint, key: key.key, account: key.account, signature: other.signature),
            DeviceKey(fingerprint: key.fingerprint, key: [1, 2], account: key.account, signature: key.signature),
        ]
        for key in swapped { #expect(!Sealing.isGenuine(key, of: bob)) }
    }

    @Test func theKeyIsShownAsPEM() throws {
        let pem = try #require(Sealing.pem(of: Cast.bobPhone.key))
        #expect(pem.hasPrefix("-----BEGIN PUBLIC KEY-----\n"))
        #expect(try RSAPublicKey(pem: pem).der == Cast.bobPhone.key.key)
    }
}
