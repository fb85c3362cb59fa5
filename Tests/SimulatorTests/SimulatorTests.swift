import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// `POSTROAD_SEED` and `POSTROAD_SEEDS` choose where the seeds begin and how many are played.
enum Seeds {
    static let first = number("POSTROAD_SEED") ?? 1
    static let count = number("POSTROAD_SEEDS") ?? 100
    private static let chunk: UInt64 = 10

    static var chunks: [Range<UInt64>] {
        stride(from: first, to: first + count, by: Int(chunk)).map { $0..<min($0 + chunk, first + count) }
    }

    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}

/// Hub, mesh, store and client under faults, in virtual time. A failing seed is played again, alone, with
/// `POSTROAD_SEED=n POSTROAD_SEEDS=1 swift test --filter SimulatorTests`.
struct SimulatorTests {
    private static let total = Mutex(Counts())

    @Test(arguments: Seeds.chunks)
    func keepsItsPromises(_ seeds: Range<UInt64>) throws {
        for seed in seeds {
            let outcome = try Play.run(seed: seed)
            let counts = SimulatorTests.total.withLock { total in
                total += outcome.counts
                return total
            }
            if counts.seeds == Int(Seeds.count) { print("simulator: \(counts.line)") }
            guard !outcome.complaints.isEmpty else { continue }
            let complaints = outcome.complaints.map(\.description).joined(separator: "\n")
            Issue.record(
                """
                seed \(seed):
                \(complaints)
                \(outcome.trace)
                again, with all that happened: POSTROAD_SEED=\(seed) POSTROAD_SEEDS=1 swift test --filter SimulatorTests
                """)
        }
    }

    @Test(arguments: [1, 3, 8] as [UInt64])
    func playsASeedTheSameWayTwice(_ seed: UInt64) throws {
        #expect(try Play.run(seed: seed).counts.digest == Play.run(seed: seed).counts.digest)
    }
}
