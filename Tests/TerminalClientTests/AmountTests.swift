import TerminalClient
import Testing

@Suite struct AmountTests {
    @Test(arguments: [
        (0 as Int64, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1999, "1.9 kB"), (999_999, "999.9 kB"),
        (1_234_567, "1.2 MB"), (17_179_869_184, "17.1 GB"), (Int64.max, "9223.3 PB"),
    ])
    func bytesArePowersOfAThousand(_ bytes: Int64, _ text: String) { #expect(Amount.bytes(bytes) == text) }

    @Test func secondsGrowIntoMinutesAndHours() {
        #expect(
            [0, 89, 90, 5399, 5400, 36_000].map { Amount.seconds($0) } == [
                "0 s", "89 s", "2 min", "90 min", "2 h", "10 h",
            ])
    }

    @Test func percentStaysWithinBounds() {
        #expect(Amount.percent(0, of: 0) == 100)
        #expect(Amount.percent(-1, of: 10) == 0)
        #expect(Amount.percent(11, of: 10) == 100)
        #expect(Amount.percent(Int64.max - 1, of: Int64.max) <= 100)
    }
}
