/// How a kind of database came to its present form. Steps are only ever appended: released ones stand in files.
package struct Schema: Sendable {
    /// Written into the file (`PRAGMA application_id`), so that one kind of database is not opened as another.
    package let applicationID: Int64
    /// Step n brings a database from version n to n + 1.
    package let steps: [String]

    package init(applicationID: Int64, steps: [String]) {
        self.applicationID = applicationID
        self.steps = steps
    }

    /// Brings `database` to the newest version in one transaction: after a failed step the file is as it was.
    package func apply(to database: Database) throws(StoreError) {
        let version = try database.first("PRAGMA user_version") { $0.integer(0) } ?? 0
        let owner = try database.first("PRAGMA application_id") { $0.integer(0) } ?? 0
        let isEmpty = try database.first("SELECT count(*) FROM sqlite_schema") { $0.integer(0) } == 0
        guard owner == applicationID || (version == 0 && isEmpty) else {
            throw StoreError(.foreignSchema, "the file is a database of another kind")
        }
        guard let done = Int(exactly: version), done >= 0, done <= steps.count else {
            throw StoreError(
                .foreignSchema, "the file has version \(version), this program knows versions up to \(steps.count)")
        }
        guard done < steps.count else { return }
        try database.transaction { () throws(StoreError) in
            for step in steps[done...] { try database.execute(step) }
            try database.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(steps.count)")
        }
    }
}
