extension Schema {
    /// The database of one person's profile at a client. Conversations and addresses are stored as their texts.
    package static let client = Schema(
        applicationID: 0x5052_4331, steps: [clientStep1, clientStep2, clientStep3, clientStep4])

    private static let clientStep1 = """
        CREATE TABLE pending (
            position INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, conversation TEXT NOT NULL,
            at INTEGER NOT NULL, text TEXT, draft BLOB, checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE cursor (conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE gap (
            conversation TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, PRIMARY KEY (conversation, low)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE pin (
            position INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, key BLOB NOT NULL,
            pinned_at INTEGER NOT NULL, UNIQUE (address, key)
        ) STRICT;
        CREATE TABLE device (
            position INTEGER PRIMARY KEY, address TEXT NOT NULL, fingerprint BLOB NOT NULL, key BLOB NOT NULL,
            account_key BLOB NOT NULL, signature BLOB NOT NULL
        ) STRICT;
        CREATE INDEX device_address ON device (address, position);
        CREATE TABLE server (name TEXT PRIMARY KEY, key BLOB NOT NULL, pinned_at INTEGER NOT NULL) STRICT;
        CREATE TABLE token (only INTEGER PRIMARY KEY CHECK (only = 1), id BLOB NOT NULL, secret BLOB NOT NULL) STRICT;
        CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
        """

    /// A row of `pending` stays until the end of its message is known. `accepted_at` is in milliseconds since 1970, NULL
    /// while no node has accepted it; `waiting` holds server names with commas between them.
    private static let clientStep2 = """
        ALTER TABLE pending ADD COLUMN accepted_at INTEGER;
        ALTER TABLE pending ADD COLUMN is_unconfirmed INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE pending ADD COLUMN waiting TEXT NOT NULL DEFAULT '';
        """

    /// `pending.offer` holds the content of a message that says no words and waits for keys. A row of `file` is one
    /// transfer; `from_address` is the author's, `done` counts chunks, `outcome` is what the author's node has to hear.
    private static let clientStep3 = """
        ALTER TABLE pending ADD COLUMN offer BLOB;
        CREATE TABLE file (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, is_outgoing INTEGER NOT NULL,
            from_address TEXT NOT NULL, conversation TEXT NOT NULL, at INTEGER NOT NULL, name TEXT NOT NULL,
            bytes INTEGER NOT NULL, digest BLOB NOT NULL, key BLOB NOT NULL, chain BLOB NOT NULL,
            state TEXT NOT NULL, done INTEGER NOT NULL, link BLOB NOT NULL, is_offered INTEGER NOT NULL, path TEXT,
            folder TEXT, target TEXT, outcome TEXT, reason_code TEXT, reason_text TEXT
        ) STRICT;
        DELETE FROM value WHERE key = 'pinned-addresses';
        """

    /// A server that has spoken TLS once is never talked to without.
    private static let clientStep4 = "ALTER TABLE server ADD COLUMN has_spoken_tls INTEGER NOT NULL DEFAULT 0"
}
