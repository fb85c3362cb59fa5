import Bytes
import Testing

@Suite struct InstantTests {
    private static let origin = Instant(nanoseconds: 0)
    private static let first = Instant(nanoseconds: .min)
    private static let last = Instant(nanoseconds: .max)

    @Test func advancesAndMeasures() {
        let later = Self.origin.advanced(by: .milliseconds(1500))
        #expect(later.nanoseconds == 1_500_000_000)
        #expect(later.since(Self.origin) == .milliseconds(1500))
        #expect(Self.origin.since(later) == .milliseconds(-1500))
        #expect(later.advanced(by: .seconds(-2)).nanoseconds == -500_000_000)
        #expect(Self.origin < later && !(later < Self.origin) && !(later < later))
    }

    @Test func saturates() {
        #expect(Self.last.advanced(by: .nanoseconds(1)) == Self.last)
        #expect(Self.first.advanced(by: .nanoseconds(-1)) == Self.first)
        for start in [Self.first, Instant(nanoseconds: -5), Self.origin, Instant(nanoseconds: 5), Self.last] {
            #expect(start.advanced(by: .seconds(Int64.max)) == Self.last)
            #expect(start.advanced(by: .seconds(Int64.min)) == Self.first)
            #expect(start.advanced(by: .zero) == start)
        }
        // More than 292 years, and yet from the first instant within the range.
        let span = Duration.nanoseconds(Int64.max) + .nanoseconds(Int64.max)
        #expect(Self.first.advanced(by: span).nanoseconds == .max - 1)
        #expect(Self.last.advanced(by: .zero - span).nanoseconds == .min + 1)
    }

    @Test func measuresTheWholeRange() {
        #expect(Self.last.since(Self.first) == .nanoseconds(Int64.max) + .nanoseconds(Int64.max) + .nanoseconds(1))
        var generator = SplitMix64(state: 9)
        let ends = [Self.first, Self.last, Self.origin]
        for _ in 0..<1000 {
            let one = Instant(nanoseconds: Int64.random(in: .min ... .max, using: &generator))
            for other in ends + [Instant(nanoseconds: Int64.random(in: .min ... .max, using: &generator))] {
                #expect(one.advanced(by: other.since(one)) == other)
                #expect(other.advanced(by: one.since(other)) == one)
                #expect((one < other) == (one.since(other) < .zero))
            }
        }
    }

    @Test func clampsDurations() {
        #expect(Duration.nanoseconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.nanoseconds(Int64.min).nanosecondsClamped == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).nanosecondsClamped == .max)
        #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).nanosecondsClamped == .min)
        #expect(Duration.seconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.seconds(Int64.min).nanosecondsClamped == .min)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).nanosecondsClamped == 0)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: -999_999_999).nanosecondsClamped == 0)
        #expect(Duration.seconds(-1.5).nanosecondsClamped == -1_500_000_000)
    }

    @Test func roundsMillisecondsTowardsZero() {
        #expect(Duration.nanoseconds(1_999_999).milliseconds == 1)
        #expect(Duration.nanoseconds(-1_999_999).milliseconds == -1)
        #expect(Duration.seconds(Int64.max).milliseconds == Int64.max / 1_000_000)
        #expect(Duration.zero.milliseconds == 0)
    }
}
