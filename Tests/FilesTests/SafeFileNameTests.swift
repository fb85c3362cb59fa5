import Files
import Testing
import Wire

@Suite struct SafeFileNameTests {
    @Test(arguments: [
        ("report.pdf", "report.pdf"), ("/etc/passwd", "passwd"), ("../../.ssh/authorized_keys", "authorized_keys"),
        ("..", "file"), (".", "file"), ("", "file"), ("/", "file"), ("a/..", "file"), ("a/", "a"), (" \t ", "file"),
        (".bashrc", "bashrc"), ("...a", "a"), ("-rf", "rf"), ("--help", "help"), (".-.-x", "x"), ("- .x", "x"),
        ("C:\\windows\\system.ini", "system.ini"), ("..\\..\\x", "x"), ("a\u{0}b.txt", "ab.txt"), ("\u{0}", "file"),
        ("line\nfeed\u{1B}[31m", "linefeed[31m"), ("evil\u{202E}fdp.exe", "evilfdp.exe"), ("\u{200B}.hidden", "hidden"),
        ("\u{FEFF}-x", "x"), ("a b.txt ", "a b.txt"), ("grüße 👋🏽.txt", "grüße 👋🏽.txt"),
        ("archive.tar.gz", "archive.tar.gz"),
    ])
    func fromALabel(_ label: String, _ name: String) { #expect(SafeFileName(label).text == name) }

    @Test func longNamesKeepTheirExtension() {
        let long = String(repeating: "é", count: 150)
        #expect(SafeFileName(long + ".jpeg").text == String(repeating: "é", count: 97) + ".jpeg")
        #expect(SafeFileName(long).text == String(repeating: "é", count: 100))
        let name = SafeFileName("a" + String(repeating: "👋🏽", count: 30)).text
        #expect(name == "a" + String(repeating: "👋🏽", count: 24), "no character is cut in two")
        #expect(SafeFileName("x." + String(repeating: "y", count: 250)).text.utf8.count == 200)
        // One character that is longer than a name may be.
        #expect(SafeFileName("a" + String(repeating: "\u{301}", count: 120)).text == "file")
    }

    @Test(arguments: [
        ("a.txt", "a (2).txt"), ("a", "a (2)"), ("a.", "a. (2)"), ("a.tar.gz", "a.tar (2).gz"),
        ("Once. More than an ending it is", "Once. More than an ending it is (2)"),
    ])
    func isNumbered(_ label: String, _ name: String) { #expect(SafeFileName.numbered(label, 2) == name) }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func anyLabelGivesAHarmlessName(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        let odd: [Unicode.Scalar] = [
            "/", "\\", ".", "-", " ", "\u{0}", "\n", "\u{202E}", "\u{200D}", "\u{301}", "a", "ß", "🌷",
        ]
        for _ in 0..<200 {
            var label = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...120, using: &random) {
                label.append(odd.randomElement(using: &random) ?? "a")
            }
            let name = SafeFileName(String(label)).text
            #expect(!name.isEmpty && name.utf8.count <= SafeFileName.bytesMax)
            #expect(!name.unicodeScalars.contains { $0 == "/" || $0 == "\\" || SafeText.isHarmful($0) })
            #expect(!name.hasPrefix(".") && !name.hasPrefix("-"))
            #expect(SafeFileName(name).text == name, "again changes nothing")
        }
    }
}
