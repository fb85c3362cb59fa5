/// Bounds of what accounts can make a spool keep.
package struct SpoolLimits: Sendable {
    /// Content of one file. 0: no files are taken. At most `FileOffer.bytesMax` counts.
    package var fileBytesMax: Int64 = 100 << 20
    /// What the open files of one account may take, each of their chunks counted as `FileChunk.sealedBytesMax`
    /// from the announcement on; of ended files, what is not deleted yet.
    package var accountBytesMax: Int64 = 1 << 30
    /// The same, of all accounts.
    package var spoolBytesMax: Int64 = 10 << 30
    /// Files of one account that have not ended, empty ones included.
    package var openFilesPerAccountMax: Int64 = 256
    /// How long a complete file waits for whoever it is for.
    package var keepMilliseconds: Int64 = 7 * 86_400_000
    /// Below this much free disk nothing new is taken; reading and ending go on.
    package var freeBytesMin: Int64 = 256 << 20
    /// Bound of the database file; beyond it everything is as on a full disk. nil: the disk alone decides.
    package var databaseBytesMax: Int64?

    package init() {}
}
