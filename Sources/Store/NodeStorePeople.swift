import Wire

/// Accounts, their devices and their resume tokens.
extension NodeStore {
    private static let accountColumns = "user, verifier, entry_digest, is_disabled"
    private static let deviceColumns = "user, fingerprint, key, account_key, signature"

    func accounts() throws(StoreError) -> [Account] {
        try database.rows("SELECT \(NodeStore.accountColumns) FROM account ORDER BY user") { NodeStore.account($0) }
    }

    /// Whether there is an account that messages may be written to.
    func isActive(_ user: UserName) throws(StoreError) -> Bool {
        try database.first("SELECT 1 FROM account WHERE user = ? AND is_disabled = 0", user.text) {
            $0.integer(0)
        } != nil
    }

    func saveAccount(
        _ user: UserName, verifier: String, entryDigest: [UInt8], at: Int64
    ) throws(StoreError) -> NodeReply {
        // Whoever changes a password wants nobody logged in by the old one.
        try database.run(
            "DELETE FROM token WHERE user = ?1 AND EXISTS (SELECT 1 FROM account WHERE user = ?1 AND verifier <> ?2)",
            user.text, verifier)
        try database.run(
            """
            INSERT INTO account (user, verifier, entry_digest, saved_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (user) DO UPDATE SET verifier = excluded.verifier, entry_digest = excluded.entry_digest,
                saved_at = excluded.saved_at, is_disabled = 0
            """, user.text, verifier, entryDigest, at)
        return .done
    }

    func disableAccount(_ user: UserName) throws(StoreError) -> NodeReply {
        try database.run("UPDATE account SET is_disabled = 1 WHERE user = ?", user.text)
        try database.run("DELETE FROM token WHERE user = ?", user.text)
        return .done
    }

    func devices() throws(StoreError) -> [UserName: [DeviceKey]] {
        var devices: [UserName: [DeviceKey]] = [:]
        try database.forEach("SELECT \(NodeStore.deviceColumns) FROM device ORDER BY position") { row in
            if let user = try? UserName(row.text(0)), let key = DeviceKey(row, from: 1) {
                devices[user, default: []].append(key)
            }
            return true
        }
        return devices
    }

    func publish(_ user: UserName, _ key: DeviceKey, at: Int64) throws(StoreError) -> NodeReply {
        guard try isActive(user) else { return .refused(Refusal(.unknownUser, "\(user.text) has no account here")) }
        let others = try database.first(
            "SELECT count(*) FROM device WHERE user = ? AND fingerprint <> ?", user.text, key.fingerprint.bytes
        ) { $0.integer(0) }
        guard others ?? 0 < Int64(DeviceKey.devicesPerAccountMax) else {
            let text = "an account has at most \(DeviceKey.devicesPerAccountMax) devices; remove one first"
            return .refused(Refusal(.tooManyDevices, text))
        }
        try database.run(
            """
            INSERT INTO device (user, fingerprint, key, account_key, signature, published_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (user, fingerprint) DO UPDATE SET
                key = excluded.key, account_key = excluded.account_key, signature = excluded.signature
            """, user.text, key.fingerprint.bytes, key.key, key.account.bytes, key.signature, at)
        return .done
    }

    func saveToken(
        id: [UInt8], user: UserName, verifier: String, replaces: [UInt8]?, at: Int64
    ) throws(StoreError) -> NodeReply {
        guard try isActive(user) else { return .refused(Refusal(.unknownUser, "\(user.text) has no account here")) }
        try database.run(
            "INSERT OR REPLACE INTO token (id, user, verifier, replaces, used_at) VALUES (?, ?, ?, ?, ?)",
            id, user.text, verifier, replaces, at)
        try database.run(
            """
            DELETE FROM token WHERE user = ?1 AND id <> ?2 AND used_at <= (SELECT used_at FROM token
                WHERE user = ?1 AND id <> ?2 ORDER BY used_at DESC LIMIT 1 OFFSET ?3)
            """, user.text, id, NodeStore.tokensPerAccountMax - 1)
        return .done
    }

    func token(id: [UInt8], at now: Int64) throws(StoreError) -> StoredToken? {
        try database.first("SELECT user, verifier, used_at FROM token WHERE id = ?", id) { row -> StoredToken? in
            guard !NodeStore.isOlder(row.integer(2), than: NodeStore.tokenMillisecondsMax, at: now),
                let user = try? UserName(row.text(0))
            else { return nil }
            return StoredToken(user: user, verifier: row.text(1))
        }
    }

    func tokenUsed(id: [UInt8], at: Int64) throws(StoreError) -> NodeReply {
        try database.run(
            """
            DELETE FROM token WHERE (id, user) IN (SELECT replaces, user FROM token WHERE id = ?)
            """, id)
        try database.run("UPDATE token SET used_at = ?, replaces = NULL WHERE id = ?", at, id)
        return .done
    }

    private static func account(_ row: Row) -> Account? {
        guard let user = try? UserName(row.text(0)) else { return nil }
        return Account(
            user: user, verifier: row.text(1), entryDigest: row.bytes(2), isDisabled: row.integer(3) != 0)
    }
}

extension DeviceKey {
    /// From the columns fingerprint, key, account key, signature; nil if they are damaged.
    init?(_ row: Row, from column: Int32) {
        guard let fingerprint = Fingerprint(bytes: row.bytes(column)),
            let account = IdentityKey(bytes: row.bytes(column + 2))
        else { return nil }
        self.init(
            fingerprint: fingerprint, key: row.bytes(column + 1), account: account, signature: row.bytes(column + 3))
    }
}
