import Bytes
package import Crypto
package import Wire

/// Sealing and opening of messages between devices (`Docs/protocol/client.md`, "Sealed bodies"), and the checks of the
/// keys for it. Some milliseconds each: call it on a worker.
package enum Sealing {
    /// Whatever is wrong with a sealed message: one word, so that no answer tells an attacker which check failed.
    package struct NotAuthentic: Error, Equatable, Sendable {
        package init() {}
    }

    /// Seals `content` for all of `keys`, at most `Sealed.wrapsMax`. Throws what Crypto throws, `misuse` for a text that
    /// is too long or a key that is no RSA key of ours.
    package static func seal(
        _ content: MessageContent, id: MessageID, from: Address, to: Address, at: Int64, with device: RSAPrivateKey,
        for keys: [DeviceKey]
    ) throws(CryptoError) -> Sealed {
        guard let plaintext = SealedContent.plaintext(of: content), !keys.isEmpty, keys.count <= Sealed.wrapsMax,
            let sender = Fingerprint(bytes: device.publicKey.fingerprint)
        else { throw .misuse }
        let context = Envelope.context(id: id, from: from, to: to, at: at)
        let key = try SecureRandom.bytes(AESGCM.keyBytes)
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        let box = try AESGCM.seal(key: key, nonce: nonce, plaintext: plaintext, authenticating: context)
        var wraps: [Sealed.Wrap] = []
        for reader in keys {
            guard let publicKey = try? RSAPublicKey(der: reader.key) else { throw .misuse }
            wraps.append(Sealed.Wrap(device: reader.fingerprint, key: try publicKey.encrypt(key)))
        }
        let unsigned = Sealed(device: sender, nonce: nonce, box: box, wraps: wraps, signature: [])
        let signature = try device.sign(unsigned.transcript(in: context))
        return Sealed(device: sender, nonce: nonce, box: box, wraps: wraps, signature: signature)
    }

    /// What a sealed message says. `key` is the sending device's, of which the caller knows that it belongs to the
    /// sender.
    package static func open(
        _ envelope: Envelope, from key: DeviceKey, with device: RSAPrivateKey
    ) throws(NotAuthentic) -> MessageContent {
        guard case .sealed(let sealed) = envelope.body, case .direct(let to) = envelope.to,
            sealed.device == key.fingerprint, let sender = try? RSAPublicKey(der: key.key),
            sender.fingerprint == key.fingerprint.bytes
        else { throw NotAuthentic() }
        let context = Envelope.context(id: envelope.id, from: envelope.from, to: to, at: envelope.at)
        let own = device.publicKey.fingerprint
        // Nothing is decrypted that the sender did not sign, so no stranger can try ciphertexts on this device.
        guard sender.verify(sealed.signature, of: sealed.transcript(in: context)),
            let wrap = sealed.wraps.first(where: { $0.device.bytes == own }),
            let messageKey = try? device.decrypt(wrap.key), messageKey.count == AESGCM.keyBytes,
            let plaintext = try? AESGCM.open(
                key: messageKey, nonce: sealed.nonce, sealed: sealed.box, authenticating: context),
            let content = SealedContent.content(in: plaintext)
        else { throw NotAuthentic() }
        return content
    }

    /// This device's key as it is published: signed by the account.
    package static func deviceKey(
        of device: RSAPrivateKey, account: Ed25519PrivateKey, for address: Address
    ) throws(CryptoError) -> DeviceKey {
        let key = device.publicKey
        guard let fingerprint = Fingerprint(bytes: key.fingerprint),
            let identity = IdentityKey(bytes: account.publicKey.bytes)
        else { throw .libraryFailed }
        let signature = try account.sign(DeviceKey.transcript(of: key.der, for: address))
        return DeviceKey(fingerprint: fingerprint, key: key.der, account: identity, signature: signature)
    }

    /// Whether `key` is a sound RSA key under its own fingerprint, signed by its account for `address`.
    package static func isGenuine(_ key: DeviceKey, of address: Address) -> Bool {
        guard let publicKey = try? RSAPublicKey(der: key.key), publicKey.fingerprint == key.fingerprint.bytes,
            let account = try? Ed25519PublicKey(bytes: key.account.bytes)
        else { return false }
        return account.verify(key.signature, of: DeviceKey.transcript(of: key.key, for: address))
    }

    /// The key as `PUBLIC KEY` PEM (RFC 7468 §13); nil if it is none that we accept.
    package static func pem(of key: DeviceKey) -> String? { (try? RSAPublicKey(der: key.key))?.pem }
}
