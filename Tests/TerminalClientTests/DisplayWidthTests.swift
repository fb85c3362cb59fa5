import TerminalClient
import Testing

@Suite struct DisplayWidthTests {
    @Test(arguments: [
        ("", 0), ("hello", 5), ("é", 1), ("e\u{301}", 1), ("\u{301}", 0), ("a\u{301}\u{302}\u{303}", 1),
        // Wide and full-width, half-width, ambiguous.
        ("漢字", 4), ("かな", 4), ("か\u{3099}", 2), ("한국", 4), ("\u{1112}\u{1161}\u{11AB}", 2), ("Ａ", 2), ("ｱ", 1),
        ("…", 1),
        ("\u{20000}", 2), ("\u{3000}", 2),
        // Emoji: by default, asked for, in text style; modifiers, joiners, flags, keycaps, tags.
        ("👋", 2), ("❤", 1), ("❤\u{FE0F}", 2), ("☎\u{FE0F}", 2), ("⌚", 2), ("👋🏽", 2), ("🏽🏽", 4), (" 🏽", 3),
        ("👨\u{200D}👩\u{200D}👧\u{200D}👦", 2),
        ("🏳\u{FE0F}\u{200D}🌈", 2), ("🇩🇪", 2), ("🇩🇪🇫🇷", 4), ("🇩", 1), ("1\u{FE0F}\u{20E3}", 2), ("🧑\u{200D}🚀a", 3),
        ("🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", 2), ("🫨", 2), ("🛜", 2),
        // The marks that this program draws.
        ("⏎⇥‹›◌", 5), ("क", 1), ("ไม่", 2), ("שָ", 1), ("\u{AD}", 1), ("\u{200B}", 0), ("\u{FE0F}", 0),
    ])
    func countsColumns(_ text: String, _ columns: Int) {
        #expect(DisplayWidth.columns(of: text) == columns)
    }

    @Test(arguments: [
        ("hello", 3, "hel"), ("hello", 5, "hello"), ("hello", 9, "hello"), ("hello", 0, ""), ("hello", -1, ""),
        ("漢字", 3, "漢"), ("a👨\u{200D}👩b", 2, "a"), ("a👨\u{200D}👩b", 3, "a👨\u{200D}👩"), ("e\u{301}x", 1, "e\u{301}"),
        ("", 4, ""),
    ])
    func cutsBetweenClusters(_ text: String, _ columns: Int, _ prefix: String) {
        #expect(DisplayWidth.prefix(of: text, columns: columns) == prefix)
    }

    /// What Unicode gives emoji presentation is wide in the table, except the halves of flags.
    @Test func emojiAreWide() {
        for value in UInt32(0x80)..<0x20000 {
            guard let scalar = Unicode.Scalar(value), scalar.properties.isEmojiPresentation,
                !(0x1F1E6...0x1F1FF).contains(value), (scalar.properties.age ?? (99, 0)).major <= 15
            else { continue }
            #expect(DisplayWidth.columns(of: String(scalar)) == 2, "U+\(String(value, radix: 16))")
        }
    }
}
