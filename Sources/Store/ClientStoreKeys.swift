package import Wire

/// Keys of others, the way back into the own account, and small values.
extension ClientStore {
    /// The account keys that this person trusts for an address, in the order in which they were pinned.
    package func pins(_ address: Address) throws(StoreError) -> [IdentityKey] {
        try database.rows("SELECT key FROM pin WHERE address = ? ORDER BY position", address.text) {
            IdentityKey(bytes: $0.bytes(0))
        }
    }

    /// Everybody of whom a key is pinned, in the order of their names.
    package func pinnedAddresses() throws(StoreError) -> [Address] {
        try database.rows("SELECT DISTINCT address FROM pin ORDER BY address") { try? Address(parsing: $0.text(0)) }
    }

    /// Trusts one more key. Again is harmless. `at` is in milliseconds since 1970.
    package func pin(_ address: Address, _ key: IdentityKey, at: Int64) throws(StoreError) {
        try database.run(
            "INSERT OR IGNORE INTO pin (address, key, pinned_at) VALUES (?, ?, ?)", address.text, key.bytes, at)
    }

    /// Trusts these keys and no others.
    package func replacePins(_ address: Address, _ keys: [IdentityKey], at: Int64) throws(StoreError) {
        try transaction { () throws(StoreError) in
            try database.run("DELETE FROM pin WHERE address = ?", address.text)
            for key in keys { try pin(address, key, at: at) }
        }
    }

    /// The devices of an address as they were last saved, in that order.
    package func deviceKeys(_ address: Address) throws(StoreError) -> [DeviceKey] {
        try database.rows(
            """
            SELECT fingerprint, key, account_key, signature FROM device WHERE address = ? ORDER BY position
            """, address.text
        ) { DeviceKey($0, from: 0) }
    }

    /// Replaces what is known of the devices of an address.
    package func saveDeviceKeys(_ address: Address, _ keys: [DeviceKey]) throws(StoreError) {
        try transaction { () throws(StoreError) in
            try database.run("DELETE FROM device WHERE address = ?", address.text)
            for key in keys {
                try database.run(
                    """
                    INSERT INTO device (address, fingerprint, key, account_key, signature) VALUES (?, ?, ?, ?, ?)
                    """, address.text, key.fingerprint.bytes, key.key, key.account.bytes, key.signature)
            }
        }
    }

    /// The key that a server proved itself with first, or that the person chose later.
    package func serverKey(_ name: ServerName) throws(StoreError) -> IdentityKey? {
        try database.first("SELECT key FROM server WHERE name = ?", name.text) { IdentityKey(bytes: $0.bytes(0)) }
    }

    package func pinServer(_ name: ServerName, _ key: IdentityKey, at: Int64) throws(StoreError) {
        try database.run(
            """
            INSERT INTO server (name, key, pinned_at) VALUES (?1, ?2, ?3)
            ON CONFLICT (name) DO UPDATE SET key = ?2, pinned_at = ?3
            """, name.text, key.bytes, at)
    }

    /// Whether a pinned server has ever spoken TLS.
    package func hasSpokenTLS(_ name: ServerName) throws(StoreError) -> Bool {
        try database.first("SELECT has_spoken_tls FROM server WHERE name = ?", name.text) { $0.integer(0) != 0 }
            ?? false
    }

    /// Of a server that is pinned.
    package func saveTLS(of name: ServerName) throws(StoreError) {
        try database.run("UPDATE server SET has_spoken_tls = 1 WHERE name = ?", name.text)
    }

    package func token() throws(StoreError) -> ResumeToken? {
        try database.first("SELECT id, secret FROM token") { ResumeToken(id: $0.bytes(0), secret: $0.bytes(1)) }
    }

    /// nil forgets the token.
    package func setToken(_ token: ResumeToken?) throws(StoreError) {
        guard let token else { return try database.run("DELETE FROM token") }
        try database.run("INSERT OR REPLACE INTO token VALUES (1, ?, ?)", token.id, token.secret)
    }

    /// A value under a name of the client's own choice.
    package func value(for key: String) throws(StoreError) -> String? {
        try database.first("SELECT value FROM value WHERE key = ?", key) { $0.text(0) }
    }

    package func setValue(_ value: String, for key: String) throws(StoreError) {
        try database.run("INSERT OR REPLACE INTO value VALUES (?, ?)", key, value)
    }
}
