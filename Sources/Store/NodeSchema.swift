extension Schema {
    /// The database of a node. Times are milliseconds since 1970, epochs and checksums are bit patterns.
    package static let node = Schema(applicationID: 0x5052_4E31, steps: [nodeStep1, nodeStep2, nodeStep3, nodeStep4])

    /// `message.state` is a `StoredState`, `outbox.state` an `OutboxState`. A peer's retained outbox rows are
    /// contiguous up to `peer.last_seq`; all up to `peer.acknowledged` are settled; `queued_*` count the waiting ones.
    private static let nodeStep1 = """
        CREATE TABLE node (epoch INTEGER NOT NULL, created_at INTEGER NOT NULL) STRICT;

        CREATE TABLE account (
            user TEXT PRIMARY KEY, verifier TEXT NOT NULL, entry_digest BLOB NOT NULL,
            saved_at INTEGER NOT NULL, is_disabled INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE device (
            position INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL REFERENCES account (user),
            fingerprint BLOB NOT NULL, key BLOB NOT NULL, account_key BLOB NOT NULL, signature BLOB NOT NULL,
            published_at INTEGER NOT NULL, UNIQUE (user, fingerprint)
        ) STRICT;
        CREATE TABLE token (
            id BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES account (user), verifier TEXT NOT NULL,
            replaces BLOB, used_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX token_user ON token (user, used_at);
        CREATE INDEX token_age ON token (used_at);

        CREATE TABLE conversation (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, first TEXT, second TEXT,
            last_seq INTEGER NOT NULL DEFAULT 0, last_position INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX conversation_first ON conversation (first, last_position) WHERE first IS NOT NULL;
        CREATE INDEX conversation_second ON conversation (second, last_position) WHERE second IS NOT NULL;
        INSERT INTO conversation (id, key) VALUES (1, 'public');

        CREATE TABLE message (
            position INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversation (id),
            seq INTEGER NOT NULL, sender TEXT NOT NULL, id BLOB NOT NULL, stored_at INTEGER NOT NULL,
            state INTEGER NOT NULL, refusal_code TEXT, refusal_text TEXT, skipped TEXT,
            checksum INTEGER NOT NULL, envelope BLOB NOT NULL,
            UNIQUE (conversation, seq), UNIQUE (sender, id)
        ) STRICT;

        CREATE TABLE peer (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
            last_seq INTEGER NOT NULL DEFAULT 0, acknowledged INTEGER NOT NULL DEFAULT 0,
            queued_rows INTEGER NOT NULL DEFAULT 0, queued_bytes INTEGER NOT NULL DEFAULT 0,
            epoch INTEGER, inbound_epoch INTEGER, inbound_through INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE outbox (
            peer INTEGER NOT NULL REFERENCES peer (id), seq INTEGER NOT NULL,
            message INTEGER NOT NULL REFERENCES message (position),
            state INTEGER NOT NULL, bytes INTEGER NOT NULL, deadline INTEGER, settled_at INTEGER,
            PRIMARY KEY (peer, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX outbox_waiting ON outbox (message, peer) WHERE state = 0;
        CREATE INDEX outbox_deadline ON outbox (deadline) WHERE state = 0 AND deadline IS NOT NULL;
        CREATE TABLE refusal (
            peer INTEGER NOT NULL REFERENCES peer (id), seq INTEGER NOT NULL,
            code TEXT NOT NULL, text TEXT NOT NULL, refused_at INTEGER NOT NULL, PRIMARY KEY (peer, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE pin (server TEXT PRIMARY KEY, key BLOB NOT NULL, pinned_at INTEGER NOT NULL) STRICT;
        """

    private static let nodeStep2 = "ALTER TABLE conversation ADD COLUMN base_seq INTEGER NOT NULL DEFAULT 0"

    /// `pin.origin` is a `KeyPin.Origin`; `instead_of` the key of the setup file that a pin stands in for. What
    /// administrators decided of other servers lies beside what the setup file says, and never in it.
    private static let nodeStep3 = """
        ALTER TABLE pin ADD COLUMN origin TEXT NOT NULL DEFAULT 'first';
        ALTER TABLE pin ADD COLUMN previous BLOB;
        ALTER TABLE pin ADD COLUMN instead_of BLOB;
        CREATE TABLE added_peer (
            server TEXT PRIMARY KEY, address TEXT NOT NULL, key BLOB, added_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE paused_peer (server TEXT PRIMARY KEY, paused_at INTEGER NOT NULL) STRICT;
        """

    /// A `run` began with the last message at `position`, and with place `run_place.seq` of the stream to a peer, where that
    /// was not the same for the run before. `peer.inbound_run` is the peer's run when it last sent something.
    private static let nodeStep4 = """
        ALTER TABLE conversation DROP COLUMN base_seq;
        CREATE TABLE run (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, position INTEGER NOT NULL) STRICT;
        CREATE INDEX run_run ON run (run);
        CREATE TABLE run_place (
            peer INTEGER NOT NULL REFERENCES peer (id), run INTEGER NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (peer, run)
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE peer ADD COLUMN inbound_run INTEGER;
        """
}
