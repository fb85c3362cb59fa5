import Bytes
import Federation
import Glibc
import Node
import Testing
import Wire

/// A file of the tree, whole.
func documentText(_ name: String) throws -> String {
    let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/" + name
    let file = try #require(fopen(path, "r"), "\(path) cannot be read")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    return String(decoding: bytes, as: UTF8.self)
}

/// What a node answers, and how people read it.
@Suite struct AdminLineTests {
    private static func key(_ byte: UInt8) throws -> IdentityKey {
        try #require(IdentityKey(bytes: [UInt8](repeating: byte, count: 32)))
    }

    private static func least() throws -> LinkReport { LinkReport(name: try ServerName("s2")) }

    private static func most() throws -> LinkReport {
        var report = try least()
        report.state = .refused
        report.since = .seconds(90)
        report.dialIn = .seconds(12)
        report.address = "127.0.0.1:9"
        report.transport = .plaintext
        report.isDialledByUs = true
        report.isAdded = true
        report.queued = 4
        report.unacknowledged = 3
        report.failures = 7
        report.lastError = Refusal(.keyChanged, "another key")
        report.key = try key(1)
        report.isKeyNamed = true
        report.pin = KeyPin(try key(2), .rotated, previous: try key(3), insteadOf: try key(1))
        report.offer = LinkReport.Offer(key: try key(4), isDialled: true, count: 2, age: .seconds(5))
        report.refusals = [
            LinkReport.PastRefusal(
                refusal: Refusal(.paused, "not now"), isOurs: false, count: 1, age: .seconds(60)),
            LinkReport.PastRefusal(refusal: Refusal(.keyChanged, "another key"), isOurs: true, count: 2, age: .zero),
        ]
        return report
    }

    private static func failedStep() throws -> ProbeStep {
        var step = ProbeStep(.theirProof, took: .microseconds(1_234), refusal: Refusal(.keyChanged, "another key"))
        step.known = try key(1)
        step.shown = try key(4)
        step.wanted = try ServerName("s2")
        step.got = try ServerName("s3")
        return step
    }

    private static func clockStep() -> ProbeStep {
        var step = ProbeStep(.clock, took: .zero, text: "their clock is right")
        step.clockAhead = .milliseconds(-40)
        return step
    }

    private static func tlsStep() -> ProbeStep {
        var step = ProbeStep(.tls, took: .milliseconds(13), text: "TLS 1.3")
        step.certificateLeft = .seconds(-7200)
        return step
    }

    static func goldens() throws -> [(text: String, line: AdminLine)] {
        let (one, two, three, four) = (try key(1).text, try key(2).text, try key(3).text, try key(4).text)
        return [
            (
                """
                {"tag":"link","server":"s2","state":"waiting","transport":"wss","added":false,"queued":0,\
                "unacknowledged":0,"failures":0,"alarm":false,"refusals":[]}
                """, .link(try least())
            ),
            (
                """
                {"tag":"link","server":"s2","state":"refused","sinceSeconds":90,"dialInSeconds":12,\
                "address":"127.0.0.1:9","transport":"ws","dialledByUs":true,"added":true,"queued":4,\
                "unacknowledged":3,"failures":7,"error":{"code":"key-changed","text":"another key"},\
                "helps":"an administrator compares the keys and trusts the new one: `peers trust`","key":"\(one)",\
                "keyNamed":true,"pin":{"key":"\(two)","origin":"rotated","previous":"\(three)","insteadOf":"\(one)"},\
                "alarm":true,"offer":{"key":"\(four)","dialled":true,"count":2,"agoSeconds":5},\
                "refusals":[{"ours":false,"code":"paused","text":"not now","count":1,"agoSeconds":60},\
                {"ours":true,"code":"key-changed","text":"another key","count":2,"agoSeconds":0}]}
                """, .link(try most())
            ),
            (
                #"{"tag":"step","step":"tcp","ok":true,"microseconds":1500,"text":"connected"}"#,
                .step(ProbeStep(.tcp, took: .microseconds(1500), text: "connected"))
            ),
            (
                """
                {"tag":"step","step":"theirProof","ok":false,"microseconds":1234,"code":"key-changed",\
                "text":"another key","helps":"an administrator compares the keys and trusts the new one: `peers trust`",\
                "known":"\(one)","shown":"\(four)","wanted":"s2","got":"s3"}
                """, .step(try failedStep())
            ),
            (
                """
                {"tag":"step","step":"clock","ok":true,"microseconds":0,"text":"their clock is right",\
                "clockAheadMilliseconds":-40}
                """, .step(clockStep())
            ),
            (
                """
                {"tag":"step","step":"tls","ok":true,"microseconds":13000,"text":"TLS 1.3",\
                "certificateSecondsLeft":-7200}
                """, .step(tlsStep())
            ),
            (#"{"tag":"done"}"#, .done(AdminOutcome())),
            (
                #"{"tag":"done","text":"trusted","old":"\#(one)","new":"\#(two)","queued":0}"#,
                .done(AdminOutcome("trusted", AdminFacts(old: try key(1), new: try key(2), queued: 0)))
            ),
            (
                #"{"tag":"refused","code":"not-empty","text":"4 wait","queued":4}"#,
                .refused(Refusal(.notEmpty, "4 wait"), AdminFacts(queued: 4))
            ),
        ]
    }

    @Test func bothWays() throws {
        for (text, line) in try AdminLineTests.goldens() {
            #expect(String(decoding: line.encoded(), as: UTF8.self) == text + "\n")
            #expect(try AdminLine(try JSONObject(message: Array(text.utf8))) == line)
        }
    }

    @Test(arguments: [1, 2, 3, 64, Int.max]) func answersArriveInPiecesOfEverySize(size: Int) throws {
        let goldens = try AdminLineTests.goldens()
        var rest = goldens.flatMap { $0.line.encoded() }[...]
        var splitter = LineSplitter(lineBytesMax: AdminLine.bytesMax)
        var read: [AdminLine] = []
        while !rest.isEmpty {
            splitter.receive(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let line = try splitter.next() { read.append(try AdminLine(try JSONObject(message: line))) }
        }
        #expect(read == goldens.map(\.line))
    }

    /// Another server's words are seen and not obeyed, in JSON and in words, whoever encoded them.
    @Test func nothingForeignReachesATerminal() throws {
        let foul = "a\u{1B}[2J\u{202E}b\u{9B}31m\r\nc\u{E0041}\u{200B}"
        var report = try AdminLineTests.most()
        report.lastError = Refusal(.notWebSocket, foul)
        report.refusals = [
            LinkReport.PastRefusal(refusal: Refusal(.linkLost, foul), isOurs: false, count: 1, age: .zero)
        ]
        let step = ProbeStep(.webSocket, took: .zero, refusal: Refusal(.notWebSocket, foul))
        let lines: [AdminLine] = [
            .link(report), .step(step), .step(ProbeStep(.lookup, took: .zero, text: foul)),
            .done(AdminOutcome(foul)), .refused(Refusal(.badValue, foul), AdminFacts()),
        ]
        for line in lines {
            let text = String(decoding: line.encoded().dropLast(), as: UTF8.self)
            #expect(!text.unicodeScalars.contains(where: SafeText.isHarmful), "\(line.tag)")
            #expect(text.contains("u{1b}[2J"))
            #expect(throws: Never.self) { _ = try AdminLine(try JSONObject(message: Array(text.utf8))) }
        }
        for words in [
            AdminWords.table(of: [report]), AdminWords.everything(of: report), AdminWords.words(on: step),
        ] {
            let harmful = words.unicodeScalars.filter { SafeText.isHarmful($0) && $0 != "\n" }
            #expect(harmful.isEmpty && words.contains("\\u{1b}[2J"))
        }
    }

    // MARK: In words

    @Test func theTableHasARowForEach() throws {
        var up = try AdminLineTests.least()
        up.state = .up
        up.since = .seconds(7300)
        let table = AdminWords.table(of: [up, try AdminLineTests.most()]).split(separator: "\n").map(String.init)
        #expect(
            table == [
                "SERVER  STATE         SINCE  OVER  QUEUED  SENT  FAILED  LAST ERROR",
                "s2      up            2 h    wss   0       0     0",
                "s2      refused 12 s  90 s   ws    4       3     7       "
                    + "ALARM: another key is offered; key-changed: another key",
            ])
        #expect(AdminWords.table(of: []).contains("peers add"))
    }

    @Test func everythingIsSaidOfOne() throws {
        let (one, four) = (try AdminLineTests.key(1), try AdminLineTests.key(4))
        let words = AdminWords.everything(of: try AdminLineTests.most())
        #expect(
            words == """
                s2 has no link for 90 s, and none will come by itself: key-changed, another key
                  address   127.0.0.1:9, dialled in plaintext; added by an administrator
                  key       \(one), named by its entry
                  ALARM     another key is offered where we dial it, 2 times, last 5 s ago
                  offered   \(four)
                  messages  4 wait, 3 of them sent and not confirmed
                  dials     7 failed in a row; the next in 12 s
                  we said   key-changed, 2 times, last 0 s ago: another key
                  heard     paused, once, last 60 s ago: not now
                what helps: ask the administrator of s2 whether the offered key is theirs, then peers trust s2
                """)
    }

    @Test func eachWayToAKeyHasItsWords() throws {
        var report = try AdminLineTests.least()
        #expect(AdminWords.everything(of: report).contains("none yet; the first that it proves is pinned"))
        report.key = try AdminLineTests.key(1)
        for (pin, words) in [
            (KeyPin(try AdminLineTests.key(1)), "pinned at first use"),
            (
                KeyPin(try AdminLineTests.key(1), .trusted, previous: try AdminLineTests.key(2)),
                "trusted by an administrator"
            ),
            (
                KeyPin(try AdminLineTests.key(1), .rotated, insteadOf: try AdminLineTests.key(3)),
                "names \(try AdminLineTests.key(3)) still; write the new key there"
            ),
        ] {
            report.pin = pin
            #expect(AdminWords.everything(of: report).contains(words))
        }
    }

    @Test func stepsAreReadAtAGlance() throws {
        #expect(
            AdminWords.words(on: ProbeStep(.tcp, took: .microseconds(12_345), text: "connected to 127.0.0.1:9"))
                == "ok    TCP         12.3 ms    connected to 127.0.0.1:9")
        let failed = AdminWords.words(on: try AdminLineTests.failedStep())
        #expect(failed.hasPrefix("FAIL  their proof 1.2 ms     key-changed: another key\n      known   ed25519:"))
        #expect(failed.contains("\n      wanted  s2, got s3\nwhat helps: an administrator compares the keys"))
    }

    @Test func durationsAreCoarse() {
        let words = [0, 119, 120, 7199, 7200, 172_799, 172_800].map { AdminWords.words(.seconds($0)) }
        #expect(words == ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"])
    }
}
