import CSQLite
package import Wire

/// The store could not do what it was asked. Names no user, message or path, so it may be logged and shown.
package struct StoreError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No room on the disk, or the file has reached its bound.
        case full
        /// The disk did not read or write. What was committed before is not in doubt.
        case inputOutput
        /// The file is not what was written.
        case damaged
        /// Another program holds the database.
        case inUse
        /// A newer version of this program wrote the file, or it belongs to another program.
        case foreignSchema
        case cannotOpen
        /// A rule of the schema forbids the change.
        case constraint
        /// Our own wrong use of the store, or an answer of SQLite that has no name here.
        case misuse
    }

    package let kind: Kind
    /// SQLite's extended result code, 0 where the error is ours.
    package let code: Int32
    /// What happened, in SQLite's or our words.
    package let text: String

    package init(_ kind: Kind, code: Int32 = 0, _ text: String) {
        self.kind = kind
        self.code = code
        self.text = text
    }

    /// The last error of `connection`.
    init(code: Int32, connection: OpaquePointer?) {
        let text = connection.flatMap(sqlite3_errmsg) ?? sqlite3_errstr(code)
        self.init(StoreError.kind(of: code), code: code, text.map { String(cString: $0) } ?? "unknown error")
    }

    /// What the administrator, or the person at the client, can do about it.
    package var advice: String {
        switch kind {
        case .full: "free some disk space"
        case .inputOutput: "check the disk, then restart"
        case .damaged: "stop, keep a copy of the file, and restore a backup"
        case .inUse: "end the other program that uses this database"
        case .foreignSchema: "use the program version that wrote this file, or another file"
        case .cannotOpen: "check that the folder exists and may be read and written"
        case .constraint, .misuse: "report this as a bug"
        }
    }

    /// The answer to whoever asked for something that needed the store. Says less than `text`: it leaves the machine.
    package var refusal: Refusal {
        switch kind {
        case .full: Refusal(.storeFailed, "the disk is full; nothing was stored, try again later")
        default: Refusal(.storeFailed, "the store failed; nothing was stored, try again later")
        }
    }

    /// Whether later changes of the same batch cannot succeed either.
    var endsBatch: Bool { [.full, .inputOutput, .damaged].contains(kind) }

    private static func kind(of code: Int32) -> Kind {
        switch code & 0xFF {
        case SQLITE_FULL: .full
        case SQLITE_IOERR, SQLITE_READONLY, SQLITE_NOMEM: .inputOutput
        case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged
        case SQLITE_BUSY, SQLITE_LOCKED: .inUse
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: .cannotOpen
        case SQLITE_CONSTRAINT: .constraint
        default: .misuse
        }
    }
}
