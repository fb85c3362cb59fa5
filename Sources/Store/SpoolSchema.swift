extension Schema {
    /// The database of a node's files. Times are milliseconds since 1970, checksums are bit patterns.
    package static let spool = Schema(applicationID: 0x5052_5331, steps: [spoolStep1])

    /// `file.state` is a `StoredFile.State`, entered at `changed_at`; `recipient` is an address or `public`. `held`
    /// counts the chunks that came, `kept` those that are not deleted yet. `owner` and `spool` sum up what their files
    /// take: `files` counts open ones, `chunks` what those announced and what is kept of the others.
    private static let spoolStep1 = """
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
}
