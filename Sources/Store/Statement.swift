import CSQLite

/// A value that can take the place of a `?`.
package protocol SQLValue {
    /// Returns SQLite's result code. `index` counts from 1.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32
}

extension Int64: SQLValue {
    package func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        sqlite3_bind_int64(statement, index, self)
    }
}

extension Int: SQLValue {
    package func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        sqlite3_bind_int64(statement, index, Int64(self))
    }
}

extension String: SQLValue {
    package func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        var text = self
        return text.withUTF8 { bytes in
            // A null pointer would bind NULL.
            guard let start = bytes.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, nil) }
            return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                sqlite3_bind_text(statement, index, $0, Int32(clamping: bytes.count), sqlite_transient())
            }
        }
    }
}

extension [UInt8]: SQLValue {
    package func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        guard !isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
        return withUnsafeBytes {
            sqlite3_bind_blob(statement, index, $0.baseAddress, Int32(clamping: $0.count), sqlite_transient())
        }
    }
}

extension Optional: SQLValue where Wrapped: SQLValue {
    package func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        map { $0.bind(to: statement, at: index) } ?? sqlite3_bind_null(statement, index)
    }
}

/// The row that a statement stands on; valid until the closure that received it returns. Columns count from 0.
package struct Row {
    fileprivate let statement: OpaquePointer

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
    package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// A sequence number or a size. Whatever damage made of it, a few of them can be added without overflow.
    package func count(_ column: Int32) -> Int64 { max(0, min(integer(column), 1 << 53)) }

    package func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
    package func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    package func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
    }

    package func optionalBytes(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : bytes(column) }
}

/// One prepared statement. It must be finalised before its connection closes, which the `Database` that made it sees to.
final class Statement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer
    /// True while `run` shows rows: until then it must not be run again.
    private(set) var isRunning = false

    init(_ sql: String, connection: OpaquePointer) throws(StoreError) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw StoreError(code: code, connection: connection) }
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Runs the statement and shows each row to `read` until that returns false.
    func run(_ values: [any SQLValue], read: (Row) -> Bool) throws(StoreError) {
        isRunning = true
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
            isRunning = false
        }
        guard values.count == Int(sqlite3_bind_parameter_count(handle)) else {
            throw StoreError(.misuse, "a statement was given \(values.count) values")
        }
        for (index, value) in values.enumerated() {
            let code = value.bind(to: handle, at: Int32(index + 1))
            guard code == SQLITE_OK else { throw StoreError(code: code, connection: connection) }
        }
        while true {
            let code = sqlite3_step(handle)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw StoreError(code: code, connection: connection) }
            if !read(Row(statement: handle)) { return }
        }
    }
}
