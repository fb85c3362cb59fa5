/// Databases as the first release wrote them. Never edited; later forms are added below.
let storedNodeStep1 = """
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

/// Later forms; whole only behind those before.
let storedNodeStep2 = "ALTER TABLE conversation ADD COLUMN base_seq INTEGER NOT NULL DEFAULT 0"
let storedNodeStep3 = """
    ALTER TABLE pin ADD COLUMN origin TEXT NOT NULL DEFAULT 'first';
    ALTER TABLE pin ADD COLUMN previous BLOB;
    ALTER TABLE pin ADD COLUMN instead_of BLOB;
    CREATE TABLE added_peer (
        server TEXT PRIMARY KEY, address TEXT NOT NULL, key BLOB, added_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE paused_peer (server TEXT PRIMARY KEY, paused_at INTEGER NOT NULL) STRICT;
    """
let storedNodeStep4 = """
    ALTER TABLE conversation DROP COLUMN base_seq;
    CREATE TABLE run (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, position INTEGER NOT NULL) STRICT;
    CREATE INDEX run_run ON run (run);
    CREATE TABLE run_place (
        peer INTEGER NOT NULL REFERENCES peer (id), run INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (peer, run)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE peer ADD COLUMN inbound_run INTEGER;
    """

let storedClientStep1 = """
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

/// A later form; whole only behind the first step.
let storedClientStep2 = """
    ALTER TABLE pending ADD COLUMN accepted_at INTEGER;
    ALTER TABLE pending ADD COLUMN is_unconfirmed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE pending ADD COLUMN waiting TEXT NOT NULL DEFAULT '';
    """

/// A public message that waits for a node.
let storedClientRows = """
    INSERT INTO pending (id, conversation, at, text, draft, checksum) VALUES
        (x'00000000000170008000000000000001', 'public', 5, NULL, CAST('draft' AS BLOB), 6023453766052691848);
    INSERT INTO cursor VALUES ('public', 7);
    """

/// A public message of alice@north that waits for south.
let storedNodeRows = """
    INSERT INTO node VALUES (0x1111, 1);
    INSERT INTO account VALUES ('alice', 'v', x'01', 1, 0);
    INSERT INTO peer (id, name, last_seq, queued_rows, queued_bytes) VALUES (1, 'south', 1, 1, 100);
    UPDATE conversation SET last_seq = 1, last_position = 1 WHERE id = 1;
    INSERT INTO message VALUES (1, 1, 1, 'alice@north', x'00000000000170008000000000000001', 10, 0, NULL, NULL, NULL,
        -6495581083791352937, CAST('{"id":"00000000-0001-7000-8000-000000000001","from":"alice@north","to":"public","at":5,"text":"hello"}' AS BLOB));
    INSERT INTO outbox VALUES (1, 1, 1, 0, 100, 100, NULL);
    """

/// A node's files as the first release spooled them: complete, half uploaded, ended in each way, and not begun.
let storedSpoolStep1 = """
    CREATE TABLE spool (files INTEGER NOT NULL, chunks INTEGER NOT NULL) STRICT;
    INSERT INTO spool VALUES (0, 0);

    CREATE TABLE owner (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        files INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE file (
        position INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL REFERENCES owner (id),
        id BLOB NOT NULL, recipient TEXT NOT NULL, chunks INTEGER NOT NULL, held INTEGER NOT NULL,
        kept INTEGER NOT NULL, state INTEGER NOT NULL, changed_at INTEGER NOT NULL, UNIQUE (owner, id)
    ) STRICT;
    CREATE INDEX file_age ON file (state, changed_at);
    CREATE INDEX file_leftover ON file (position) WHERE state >= 2 AND kept > 0;
    CREATE INDEX file_ended ON file (owner, changed_at) WHERE state >= 2 AND kept = 0;

    CREATE TABLE chunk (
        position INTEGER PRIMARY KEY, file INTEGER NOT NULL, number INTEGER NOT NULL,
        checksum INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (file, number)
    ) STRICT;
    """

let storedSpoolRows = """
    UPDATE spool SET files = 3, chunks = 6;
    INSERT INTO owner VALUES (1, 'alice', 2, 4), (2, 'bob', 1, 2);
    INSERT INTO file VALUES (1, 1, x'00000000000170008000000000000001', 'bob@south', 1, 1, 1, 1, 10);
    INSERT INTO file VALUES (2, 1, x'00000000000170008000000000000002', 'public', 2, 1, 1, 0, 10);
    INSERT INTO file VALUES (3, 1, x'00000000000170008000000000000003', 'bob@south', 1, 1, 0, 2, 10);
    INSERT INTO file VALUES (4, 1, x'00000000000170008000000000000004', 'bob@south', 1, 1, 0, 3, 10);
    INSERT INTO file VALUES (5, 1, x'00000000000170008000000000000005', 'bob@south', 1, 1, 0, 4, 10);
    INSERT INTO file VALUES (6, 1, x'00000000000170008000000000000006', 'bob@south', 1, 1, 1, 5, 10);
    INSERT INTO file VALUES (7, 2, x'00000000000170008000000000000001', 'bob@south', 2, 0, 0, 0, 10);
    INSERT INTO chunk VALUES (1, 1, 0, 1937281130037101945, x'7365616c6564');
    INSERT INTO chunk VALUES (2, 2, 0, -1473158141112791470, x'6669727374');
    INSERT INTO chunk VALUES (3, 6, 0, 7550668464640151575, x'676f6e65');
    """
