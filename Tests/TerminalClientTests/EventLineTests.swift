import ChatClient
import TerminalClient
import Testing
import Wire

@Suite struct EventLineTests {
    private func line(_ event: ClientEvent, _ ref: CommandRef? = nil) -> String {
        String(decoding: EventLine.encode(event, ref: ref), as: UTF8.self)
    }

    @Test func writesEachEvent() throws {
        let bob = try Address(parsing: "bob@s2")
        let id = try #require(MessageID("0191f2b0-0000-7000-8000-000000000001"))
        let server = try ServerName("s3")
        let vectors: [(ClientEvent, String)] = [
            (.connected(bob), #"{"event":"connected","address":"bob@s2","server":"s2"}"#),
            (
                .disconnected(reason: "cut", retryIn: .milliseconds(1200)),
                #"{"event":"disconnected","reason":"cut","retryIn":2}"#
            ),
            (
                .state(id, .pending(.keyChanged), answering: nil),
                #"{"event":"state","id":"\#(id)","state":"pending","reason":"key-changed"}"#
            ),
            (
                .state(id, .accepted(waiting: [server]), answering: nil),
                #"{"event":"state","id":"\#(id)","state":"accepted","waiting":["s3"]}"#
            ), (.state(id, .delivered, answering: nil), #"{"event":"state","id":"\#(id)","state":"delivered"}"#),
            (
                .state(id, .failed(Refusal(.outboxFull, "full")), answering: nil),
                #"{"event":"state","id":"\#(id)","state":"failed","reason":"outbox-full","text":"full"}"#
            ),
            (
                .person(Person(address: bob, status: .unknown, devices: []), answering: nil),
                #"{"event":"person","address":"bob@s2","status":"unknown"}"#
            ),
            (
                .server(ServerStatus(server: server, isReachable: false, since: 9), waiting: 3),
                #"{"event":"server","server":"s3","state":"unreachable","since":9,"waiting":3}"#
            ),
            (
                .server(ServerStatus(server: server, isReachable: true, since: 9), waiting: 0),
                #"{"event":"server","server":"s3","state":"reachable"}"#
            ), (.gap(.everyone, 3...4, answering: nil), #"{"event":"gap","conversation":"public","from":3,"to":4}"#),
            (.error(code: "busy", text: "later", answering: nil), #"{"event":"error","code":"busy","text":"later"}"#),
        ]
        for (event, text) in vectors { #expect(line(event) == text + "\n") }
    }

    @Test func echoesTheRef() {
        #expect(line(.done(CommandToken(1)), .text("a\"b")) == #"{"event":"done","ref":"a\"b"}"# + "\n")
        #expect(line(.done(CommandToken(1)), .number(-3)) == #"{"event":"done","ref":-3}"# + "\n")
    }

    @Test func nothingHarmfulReachesATerminal() throws {
        let foul = "\u{7F}\u{85}\u{9B}31m\u{1B}[2J\u{202E}\u{2066}\u{2028}\u{2029}\u{200B}\u{E0041}\u{0}"
        let text = line(.error(code: "x", text: foul + "héllo 👋", answering: nil))
        for scalar in text.dropLast().unicodeScalars { #expect(!SafeText.isHarmful(scalar)) }
        #expect(
            text.contains(#"\u007f\u0085\u009b31m\u001b[2J\u202e\u2066\u2028\u2029\u200b\udb40\udc41\u0000héllo 👋"#))
        #expect(try JSONObject(parsing: Array(text.utf8)).string("text") == foul + "héllo 👋")
    }

    @Test func noEventCarriesAnythingHarmful() throws {
        for event in try Samples().everyEvent(saying: Samples.foul) {
            let text = line(event)
            #expect(text.hasSuffix("}\n"))
            #expect(!text.dropLast().unicodeScalars.contains(where: SafeText.isHarmful))
            _ = try JSONObject(parsing: Array(text.utf8))
        }
    }

    @Test func filesHaveTheirMembers() throws {
        let samples = try Samples()
        let moving = samples.file(.receiving, from: samples.bob, name: "a", bytes: 34_567, speed: 100_000)
        #expect(
            line(.file(moving, answering: nil))
                == #"{"event":"file","id":"\#(samples.id)","number":3,"state":"receiving","from":"bob@s2","to":"alice@s1","name":"a","bytes":34567,"of":1234567,"bytesPerSecond":100000,"secondsLeft":12}"#
                + "\n")
        let failed = samples.file(.failed, from: samples.bob, path: "/x", reason: Refusal(.noFile, "gone"))
        #expect(line(.file(failed, answering: nil)).contains(#""path":"/x","reason":"no-file","text":"gone"}"#))
        let offer = samples.message(.file(samples.offer("n")), from: samples.bob)
        #expect(line(.message(offer, answering: nil)).contains(#""file":{"name":"n","of":1234567}"#))
    }

    /// Whatever scalar stands in a text, escaping changes no meaning.
    @Test func escapingChangesNoMeaning() throws {
        var state: UInt64 = 1
        for _ in 0..<500 {
            var text = ""
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let limit: UInt32 = state & 1 == 0 ? 0x3000 : 0x110000
                if let scalar = Unicode.Scalar(UInt32(truncatingIfNeeded: state >> 33) % limit) {
                    text.unicodeScalars.append(scalar)
                }
            }
            let json = JSONWriter.object { $0.member("text", text) }
            let escaped = TerminalText.escape(json)
            #expect(try JSONObject(parsing: escaped).string("text").unicodeScalars.elementsEqual(text.unicodeScalars))
            for scalar in String(decoding: escaped, as: UTF8.self).unicodeScalars {
                #expect(!SafeText.isHarmful(scalar))
            }
        }
    }
}
