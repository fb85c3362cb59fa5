package import Crypto
import Glibc
package import Store
package import Wire

/// What one person's client keeps on this machine for one address: keys, store and a lock, so that two programs never
/// use one profile at a time. Not Sendable; lives as long as the client runs.
package final class Profile {
    package let address: Address
    package let path: String
    /// This device's RSA key, `device.pem`.
    package let deviceKey: RSAPrivateKey
    /// The same as others see it: signed by the account's key, `account.pem`.
    package let device: DeviceKey
    /// `client.db`.
    package let store: ClientStore
    private let lock: ProfileLock

    /// Opens the profile of `address` below `dataPath` (`postroad/USER@SERVER`), making what is missing: folders 0700,
    /// files 0600. Making the device's key takes about half a second. With a `name` it is that of another device of the
    /// same account (`postroad/USER@SERVER+NAME`).
    package init(address: Address, name: UserName? = nil, dataPath: String) throws(ProfileError) {
        self.address = address
        path = "\(dataPath)/postroad/\(address.text)\(name.map { "+" + $0.text } ?? "")"
        // Also what SQLite makes beside its file stays private.
        umask(0o077)
        try PrivateFile.makeFolder(path)
        lock = try ProfileLock(path: path + "/lock", of: address)
        deviceKey = try Profile.key(
            at: path + "/device.pem", reading: { pem throws(KeyFault) in try RSAPrivateKey(pem: pem) },
            making: { () throws(CryptoError) in
                let key = try RSAPrivateKey.generate()
                return (key, try key.pem())
            })
        let account = try Profile.key(
            at: path + "/account.pem", reading: { pem throws(KeyFault) in try Ed25519PrivateKey(pem: pem) },
            making: { () throws(CryptoError) in
                let key = try Ed25519PrivateKey.generate()
                return (key, try key.pem())
            })
        do {
            device = try Sealing.deviceKey(of: deviceKey, account: account, for: address)
        } catch { throw ProfileError("the keys in \(path) cannot be used: \(error)") }
        do {
            store = try ClientStore(path: path + "/client.db")
        } catch { throw ProfileError("\(path)/client.db: \(error.text); \(error.advice)") }
    }

    /// Whether an earlier run left a token to log in with instead of the password.
    package var hasToken: Bool { (try? store.token()) != nil }

    /// Where data of programs belongs: `$XDG_DATA_HOME`, or `~/.local/share`. nil if the environment names neither; a
    /// relative path counts as absent, as the XDG Base Directory Specification says.
    package static func dataPath(environment: (String) -> String?) -> String? {
        if let path = environment("XDG_DATA_HOME"), path.hasPrefix("/") { return path }
        guard let home = environment("HOME"), home.hasPrefix("/") else { return nil }
        return home + "/.local/share"
    }

    private static func key<Key>(
        at path: String, reading: (Secret) throws(KeyFault) -> Key,
        making: () throws(CryptoError) -> (key: Key, pem: Secret)
    ) throws(ProfileError) -> Key {
        if var bytes = try PrivateFile.read(path, bytesMax: keyFileBytesMax) {
            let pem = Secret(wiping: &bytes)
            do { return try reading(pem) } catch {
                throw ProfileError("\(path) holds no key that can be used: \(error)")
            }
        }
        let made: (key: Key, pem: Secret)
        do { made = try making() } catch { throw ProfileError("no key could be made for \(path): \(error)") }
        try PrivateFile.write(made.pem.exposed, to: path)
        return made.key
    }

    /// What Crypto reads of a private key at most.
    private static let keyFileBytesMax = 8 << 10
}

/// Held until it is let go or the process ends, however that happens.
private final class ProfileLock {
    private let descriptor: Int32

    init(path: String, of address: Address) throws(ProfileError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .last("open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(descriptor)
            guard number == EWOULDBLOCK else { throw .last("lock \(path)") }
            throw ProfileError(
                "another client is running as \(address.text) on this machine; end it first, or use --profile NAME")
        }
    }

    deinit { close(descriptor) }
}
