import Bytes
import Federation
import Testing

@Suite struct BackoffTests {
    @Test(arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32)])
    func waitsDoubleWithALittleJitter(failures: Int, base: Int) {
        for seed in 0..<100 {
            var random = SplitMix64(seed: UInt64(seed))
            let delay = Backoff.delay(afterFailures: failures, using: &random)
            #expect(delay >= .seconds(base))
            #expect(delay <= .milliseconds(base * 1125))
        }
    }

    @Test(arguments: [7, 8, 64, 65, 1000])
    func theCapIsSpread(failures: Int) {
        var delays: Set<Duration> = []
        for seed in 0..<100 {
            var random = SplitMix64(seed: UInt64(seed))
            let delay = Backoff.delay(afterFailures: failures, using: &random)
            #expect(delay >= .seconds(30) && delay <= Backoff.delayMax)
            delays.insert(delay)
        }
        #expect(delays.count > 50)
    }

    @Test func theFirstDialWaitsForNothing() {
        #expect(Backoff().notBefore == nil)
        var random = SplitMix64(seed: 1)
        #expect(Backoff.delay(afterFailures: 0, using: &random) == .zero)
    }

    @Test func onlySuccessClearsTheCount() {
        var random = SplitMix64(seed: 1)
        var backoff = Backoff()
        for _ in 0..<5 { backoff.failed(at: seconds(0), using: &random) }
        backoff.wake()
        #expect(backoff.notBefore == nil)
        #expect(backoff.failures == 5)
        backoff.failed(at: seconds(0), using: &random)
        #expect((backoff.notBefore ?? seconds(0)) >= seconds(32))
        backoff.succeeded()
        #expect(backoff.notBefore == nil)
        #expect(backoff.failures == 0)
    }

    @Test func aHoldOutlastsAWake() {
        var backoff = Backoff()
        backoff.held(for: .seconds(30), at: seconds(1))
        backoff.wake()
        #expect(backoff.notBefore == seconds(31))
    }

    @Test(arguments: [(-5, 0), (7200, 3600)])
    func aHoldIsClamped(asked: Int, given: Double) {
        var backoff = Backoff()
        backoff.held(for: .seconds(asked), at: seconds(0))
        #expect(backoff.notBefore == seconds(given))
    }

    @Test func aPauseIsNoFailure() {
        var backoff = Backoff()
        backoff.paused(at: seconds(0))
        #expect(backoff.failures == 0)
        #expect(backoff.notBefore == seconds(1))
    }
}
