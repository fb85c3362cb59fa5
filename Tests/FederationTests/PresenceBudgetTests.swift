import Bytes
import Federation
import Testing
import Wire

@Suite struct PresenceBudgetTests {
    private func page(_ count: Int) -> PresencePage {
        PresencePage(version: 1, kind: .delta, people: (0..<count).map { person("user\($0)@north") }, keys: [])
    }

    private func takes(_ budget: inout PresenceBudget, _ count: Int, at now: Instant) -> Bool {
        do throws(Refusal) {
            try budget.take(page(count), at: now)
            return true
        } catch {
            #expect(error.code == .busy)
            return false
        }
    }

    /// The largest crowd again and again, as the feed of the other side spreads it.
    @Test func whoKeepsThePaceIsNeverRefused() {
        var budget = PresenceBudget()
        for number in 0..<2000 {
            let now = seconds(0).advanced(by: PresenceFeed.pageInterval * number)
            #expect(takes(&budget, PresencePage.peopleMax - 1, at: now))
        }
    }

    /// A link may stand still for twenty seconds and then bring all of them at once.
    @Test func whatANetworkHeldBackIsTaken() {
        var budget = PresenceBudget()
        for _ in 0..<50 { #expect(takes(&budget, 200, at: seconds(1))) }
        for _ in 0..<20 { #expect(takes(&budget, 200, at: seconds(1))) }
    }

    @Test func aFloodIsRefusedAndGoesOnInItsPace() {
        var budget = PresenceBudget()
        let taken = (0..<1000).count { _ in takes(&budget, 200, at: seconds(5)) }
        #expect(taken == Int(PresenceBudget.entriesMax) / 201)
        #expect(!takes(&budget, 0, at: seconds(5)))
        #expect(takes(&budget, 199, at: seconds(5.06)))
        #expect(!takes(&budget, 199, at: seconds(5.06)))
    }

    /// However often one asks, no time is lost and none is counted twice.
    @Test func timeIsCountedOnce() {
        var budget = PresenceBudget()
        while takes(&budget, 200, at: seconds(0)) {}
        var taken = 0
        for step in 0..<100_000 where takes(&budget, 0, at: seconds(Double(step) / 100_000)) { taken += 1 }
        #expect((3990...4000).contains(taken))
    }
}
