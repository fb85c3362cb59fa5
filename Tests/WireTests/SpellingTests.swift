import Testing
import Wire

struct SpellingTests {
    private let words = ["history", "mailing_address", "who", "password"]

    @Test(arguments: [
        ("histroy", "history"), ("histor", "history"), ("hisstory", "history"), ("mailing_adress", "mailing_address"),
        ("pasword", "password"), ("who", "who"), ("hwo", "who"),
    ])
    func findsWhatWasMeant(_ typed: String, _ meant: String) {
        #expect(Spelling.nearest(to: typed, among: words) == meant)
    }

    @Test(arguments: ["", "xyz", "completely", "h", "passenger"]) func doesNotGuessWildly(_ typed: String) {
        #expect(Spelling.nearest(to: typed, among: words) == nil)
    }

    @Test func knowsNothingWithoutWords() { #expect(Spelling.nearest(to: "who", among: []) == nil) }

    @Test func longWordsAreCutShort() {
        #expect(Spelling.nearest(to: String(repeating: "who", count: 100_000), among: words) == nil)
    }
}
