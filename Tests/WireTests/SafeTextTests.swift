import Testing
import Wire

struct SafeTextTests {
    @Test(arguments: ["", "plain", "grüß dich 👋", "e\u{301}", "שלום", "日本語", "a\u{A0}b", "back\\slash", "\u{1F468}"])
    func readableTextStays(_ text: String) {
        #expect(Array(SafeText(text).text.utf8) == Array(text.utf8))
        #expect(SafeText(text).description == SafeText(text).text)
    }

    @Test(arguments: [
        ("\u{1B}[31mred", "\\u{1b}[31mred"), ("\u{1B}]52;c;AAAA\u{7}", "\\u{1b}]52;c;AAAA\\u{7}"),
        ("a\nb\rc\td", "a\\u{a}b\\u{d}c\\u{9}d"),
        ("\u{0}", "\\u{0}"), ("\u{7F}", "\\u{7f}"), ("\u{9B}31m", "\\u{9b}31m"),
        ("\u{202E}gpj.exe", "\\u{202e}gpj.exe"),
        ("ad\u{200B}min", "ad\\u{200b}min"), ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"),
        ("\u{FEFF}x", "\\u{feff}x"), ("\u{E0041}", "\\u{e0041}"), ("\u{61C}", "\\u{61c}"), ("\r\n", "\\u{d}\\u{a}"),
    ])
    func harmIsShownInsteadOfDone(_ text: String, _ safe: String) { #expect(SafeText(text).text == safe) }

    /// Every byte that a terminal may take for the start of a command is one of these.
    @Test func noControlCharacterPasses() {
        for value in Array(UInt32(0)..<0x20) + Array(0x7F..<0xA0) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            #expect(!SafeText("a\(scalar)b").text.unicodeScalars.contains(scalar))
        }
    }

    @Test func safeTextStaysSafe() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<2000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<8 { text.append(Unicode.Scalar(UInt32.random(in: 0..<0x3000, using: &random)) ?? "x") }
            let safe = SafeText(String(text))
            #expect(!safe.text.unicodeScalars.contains(where: SafeText.isHarmful))
            #expect(SafeText(safe.text) == safe)
        }
    }
}
