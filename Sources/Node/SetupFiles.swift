import Store
import Wire

extension Setup {
    /// What this node spools of its people's files, and for how long.
    package struct Files: Hashable, Sendable {
        /// The size of one file, 0 if none are taken. What is in the spool can be fetched all the same.
        package let bytesMax: Int64
        /// Of all files, as they lie on the disk.
        package let spoolBytesMax: Int64
        /// Of all files of one account.
        package let accountBytesMax: Int64
        /// How long a file waits to be fetched.
        package let keepDays: Int64

        package static let defaultBytesMax: Int64 = 100 << 20
        package static let defaultSpoolBytesMax: Int64 = 10 << 30
        package static let defaultAccountBytesMax: Int64 = 1 << 30
        /// As long as a message waits for the other server.
        package static let defaultKeepDays: Int64 = 7
        /// A disk of a petabyte, so that sums do not overflow.
        package static let spoolBytesLimit: Int64 = 1 << 50
        /// Whoever has not fetched a file in a year does not want it.
        package static let keepDaysMax: Int64 = 365

        init(_ reader: SetupReader) throws(SetupError) {
            bytesMax = try Files.number(.fileBytesMax, in: 0...FileOffer.bytesMax, reader) ?? Files.defaultBytesMax
            let disk = 0...Files.spoolBytesLimit
            spoolBytesMax = try Files.number(.spoolBytesMax, in: disk, reader) ?? Files.defaultSpoolBytesMax
            accountBytesMax = try Files.number(.spoolAccountBytesMax, in: disk, reader) ?? Files.defaultAccountBytesMax
            keepDays = try Files.number(.fileKeepDays, in: 1...Files.keepDaysMax, reader) ?? Files.defaultKeepDays
        }

        var limits: SpoolLimits {
            var limits = SpoolLimits()
            limits.fileBytesMax = bytesMax
            limits.spoolBytesMax = spoolBytesMax
            limits.accountBytesMax = accountBytesMax
            limits.keepMilliseconds = keepDays * 86_400_000
            return limits
        }

        private static func number(
            _ key: SetupKey, in range: ClosedRange<Int64>, _ reader: SetupReader
        ) throws(SetupError) -> Int64? {
            try reader.read(key.rawValue) { object throws(Refusal) in
                try object.optionalInteger(key.rawValue, in: range)
            }
        }
    }
}
