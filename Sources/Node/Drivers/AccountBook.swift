import Bytes
import Crypto
import Net
import Store
import Wire

/// Who may log in, and the verifiers that their proofs are held against. Passwords from the setup file are turned into
/// verifiers on workers, after the node is ready; a login that comes before its verifier is done waits for it.
final class AccountBook {
    private struct Derived: Sendable {
        let user: UserName
        let digest: [UInt8]
        let verifier: ScramVerifier?
    }

    private var verifiers: [UserName: ScramVerifier] = [:]
    private var waiting: [UserName: [() -> Void]] = [:]
    private var derivations: Set<UserName> = []
    private let identity: ServerIdentity
    private let iterations: Int
    private let workers: WorkerPool
    /// Commits what was made of an entry of the setup file.
    var save: (UserName, _ verifier: String, _ digest: [UInt8]) -> Void = { _, _, _ in }
    private var inbox: Inbox<Derived>?

    /// One core derives while the other serves.
    private static let threads = 1
    private static let jobsMax = 100_000

    init(loop: EventLoop, identity: ServerIdentity, iterations: Int) throws(NetError) {
        self.identity = identity
        self.iterations = iterations
        workers = try WorkerPool(name: "passwords", threads: AccountBook.threads, jobsMax: AccountBook.jobsMax)
        inbox = loop.makeInbox { [weak self] in self?.derived($0) }
    }

    /// Compares the setup file with the store. Entries that changed are derived again; accounts that are no longer in
    /// the file may not log in. Returns those accounts.
    func load(_ entries: [Setup.AdminEntry], stored: [Account], log: Log) -> [UserName] {
        var known: [UserName: Account] = [:]
        for account in stored { known[account.user] = account }
        for entry in entries {
            let digest = digest(of: entry)
            let account = known.removeValue(forKey: entry.user)
            if let account, !account.isDisabled, equalInConstantTime(account.entryDigest, digest),
                let verifier = try? ScramVerifier(text: account.verifier)
            {
                verifiers[entry.user] = verifier
            } else {
                // Whoever is in the file can be written to from the start; no password fits until the verifier is done.
                if account?.isDisabled != false { save(entry.user, "", []) }
                begin(entry, digest, log: log)
            }
        }
        return known.values.filter { !$0.isDisabled }.map(\.user).sorted()
    }

    /// The verifier to hold a login against; one that no password fits where there is no such account.
    func verifier(of user: UserName) -> ScramVerifier? {
        verifiers[user]
            ?? (try? ScramVerifier.fake(user: user.text, secret: identity.digestKey, iterations: iterations))
    }

    /// Calls `body` now, or when the verifier of `user` that is under way is done.
    func whenReady(_ user: UserName, _ body: @escaping () -> Void) {
        guard derivations.contains(user) else { return body() }
        waiting[user, default: []].append(body)
    }

    /// A digest that only this server can make, so that a copied database helps nobody to guess the setup file.
    private func digest(of entry: Setup.AdminEntry) -> [UInt8] {
        var message: [UInt8] = []
        message.appendField("admin-entry")
        message.appendField(entry.user.text)
        message.appendField(entry.password)
        message.appendBigEndian(Int64(iterations))
        return (try? HMAC.sha256(key: identity.digestKey, message)) ?? []
    }

    private func begin(_ entry: Setup.AdminEntry, _ digest: [UInt8], log: Log) {
        let user = entry.user
        if entry.password.hasPrefix("SCRAM-SHA-256$") {
            guard let verifier = try? ScramVerifier(text: entry.password) else {
                return log.write(
                    .warning, "the verifier of an account in \"admin\" cannot be read", [("user", user.text)])
            }
            return done(Derived(user: user, digest: digest, verifier: verifier))
        }
        guard let inbox, let salt = try? SecureRandom.bytes(ScramVerifier.saltBytes) else { return }
        let (password, iterations) = (Secret(text: entry.password), iterations)
        derivations.insert(user)
        let isTaken = workers.submit(answeringTo: inbox) {
            let verifier = try? ScramVerifier(password: password, salt: salt, iterations: iterations)
            return Derived(user: user, digest: digest, verifier: verifier)
        }
        if !isTaken { derivations.remove(user) }
    }

    private func derived(_ batch: [Derived]) {
        for item in batch { done(item) }
    }

    private func done(_ item: Derived) {
        derivations.remove(item.user)
        if let verifier = item.verifier {
            verifiers[item.user] = verifier
            save(item.user, verifier.text, item.digest)
        }
        for body in waiting.removeValue(forKey: item.user) ?? [] { body() }
    }
}
