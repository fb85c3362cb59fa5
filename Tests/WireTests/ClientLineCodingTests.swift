import Testing
import Wire

struct ClientLineCodingTests {
    static func goldens() throws -> [Golden<ClientLine>] {
        let sample = try Sample()
        let (s1, alice) = (sample.alice.server, sample.alice.user)
        let draft = Draft(id: Sample.id, to: .everyone, at: Sample.at, body: sample.publicEnvelope.body)
        let sealed = Draft(
            id: Sample.id, from: sample.alice, to: .direct(sample.bob), at: Sample.at, body: .sealed(sample.sealed))
        let bob = Conversation.direct(sample.bob)
        return [
            Golden(
                "hello", #"{"tag":"hello","version":1,"server":"s1","nonce":"\#(Sample.nonceText)"}"#,
                .hello(version: 1, server: s1, nonce: Sample.nonce)),
            Golden(
                "login", #"{"tag":"login","user":"alice","data":"n,,n=alice,r=0"}"#,
                .login(user: alice, method: .password, data: "n,,n=alice,r=0")),
            Golden(
                "login by token",
                #"{"tag":"login","user":"alice","token":"\#(Sample.tokenText)","data":"n,,n=alice,r=0"}"#,
                .login(user: alice, method: .token(Sample.token), data: "n,,n=alice,r=0")),
            Golden("response", #"{"tag":"response","data":"c=biws,r=0,p=0"}"#, .response(data: "c=biws,r=0,p=0")),
            Golden(
                "response with runs",
                """
                {"tag":"response","data":"c","met":[{"run":"00000000000000ab"},{"run":"0000000000000001","through":0}]}
                """, .response(data: "c", met: [MetRun(run: Run(0xAB)), MetRun(run: Run(1), through: 0)])),
            Golden("publish", #"{"tag":"publish","device":\#(Sample.deviceText)}"#, .publish(sample.device)),
            Golden(
                "message",
                """
                {"tag":"message","envelope":{"id":"\(Sample.idText)","to":"public","at":1795000000000,\
                "text":"grüß dich 👋\\n"}}
                """, .message(draft)),
            Golden(
                "sealed message", #"{"tag":"message","envelope":\#(Sample.sealedEnvelopeText)}"#, .message(sealed)),
            Golden("who", #"{"tag":"who","ref":0}"#, .who(ref: 0)),
            Golden(
                "keys", #"{"tag":"keys","ref":9007199254740992,"of":"bob@s2"}"#, .keys(ref: 1 << 53, of: sample.bob)),
            Golden(
                "history", #"{"tag":"history","ref":3,"conversation":"public","count":500}"#,
                .history(ref: 3, HistoryRange(conversation: .everyone, count: 500))),
            Golden(
                "history between",
                #"{"tag":"history","ref":3,"conversation":"bob@s2","before":100,"after":0,"count":1}"#,
                .history(ref: 3, HistoryRange(conversation: bob, before: 100, after: 0, count: 1))),
            Golden(
                "states", #"{"tag":"states","ref":5,"ids":["\#(Sample.idText)","\#(Sample.otherIDText)"]}"#,
                .states(ref: 5, ids: [Sample.id, Sample.otherID])),
            Golden(
                "file message",
                """
                {"tag":"message","envelope":{"id":"\(Sample.idText)","to":"public","at":1795000000000,\
                "file":\(Sample.offerText)}}
                """, .message(Draft(id: Sample.id, to: .everyone, at: Sample.at, body: .file(Sample.offer)))),
            Golden(
                "file", #"{"tag":"file","ref":1,"id":"\#(Sample.idText)","to":"bob@s2","chunks":349526}"#,
                .file(ref: 1, SpooledFile(id: Sample.id, to: bob, chunks: 349_526))),
            Golden(
                "chunk", #"{"tag":"chunk","ref":2,"id":"\#(Sample.idText)","index":349525,"data":"qqqq"}"#,
                .chunk(ref: 2, id: Sample.id, index: 349_525, data: Sample.filled(3))),
            Golden(
                "fetch", #"{"tag":"fetch","ref":9,"from":"bob@s2","id":"\#(Sample.idText)","index":0}"#,
                .fetch(ref: 9, ChunkPlace(from: sample.bob, id: Sample.id, index: 0))),
            Golden(
                "outcome",
                #"{"tag":"outcome","ref":10,"from":"bob@s2","id":"\#(Sample.idText)","outcome":"received"}"#,
                .outcome(ref: 10, from: sample.bob, id: Sample.id, .received)),
            Golden("ping", #"{"tag":"ping","ref":4}"#, .ping(ref: 4)),
            Golden("pong", #"{"tag":"pong","ref":0}"#, .pong(ref: 0)),
            Golden("bye", #"{"tag":"bye"}"#, .bye),
        ]
    }

    private let checks = GoldenChecks<ClientLine>(
        encode: { $0.encoded() }, decode: { bytes throws(Refusal) in try ClientLine(JSONObject(message: bytes)) },
        optional: [
            "login by token: token", "history between: before", "history between: after",
            "sealed message: envelope.from", "response with runs: met", "response with runs: met.1.through",
        ])

    @Test(arguments: try goldens()) func bothWays(_ golden: Golden<ClientLine>) throws {
        try checks.expectBothWays(golden, end: "\n")
        #expect(golden.text.hasPrefix("{\"tag\":\"\(golden.value.tag)\""))
    }

    @Test(arguments: try goldens()) func members(_ golden: Golden<ClientLine>) throws {
        try checks.expectUnknownMembersIgnored(golden)
        try checks.expectMissingMembersRefused(golden)
        try checks.expectWrongTypesRefused(golden)
    }

    static let mutations: [Mutation] =
        [
            Mutation("hello", "version", "-1", .badValue),
            Mutation("hello", "nonce", base64(31), .badValue),
            Mutation("hello", "nonce", base64(33), .badValue),
            Mutation("login by token", "token", base64(15), .badValue),
            Mutation("login by token", "token", base64(17), .badValue),
            Mutation("login", "data", "\"" + String(repeating: "x", count: 2049) + "\"", .tooLong),
            Mutation("response", "data", "\"" + String(repeating: "x", count: 2049) + "\"", .tooLong),
            Mutation("publish", "device.key", base64(0), .badValue),
            Mutation("publish", "device.key", base64(1101), .badValue),
            Mutation("publish", "device.signature", base64(63), .badValue),
            Mutation("publish", "device.signature", base64(65), .badValue),
            Mutation("who", "ref", "-1", .badValue),
            Mutation("who", "ref", "9007199254740993", .badValue),
            Mutation("ping", "ref", "-9223372036854775808", .badValue),
            Mutation("pong", "ref", "9007199254740993", .badValue),
            Mutation("file", "chunks", "-1", .badValue),
            Mutation("file", "chunks", "349527", .badValue),
            Mutation("chunk", "index", "-1", .badValue),
            Mutation("chunk", "index", "349526", .badValue),
            Mutation("chunk", "data", base64(0), .badValue),
            Mutation("chunk", "data", base64(49_201), .badValue),
            Mutation("fetch", "index", "349526", .badValue),
            Mutation("outcome", "outcome", "\"lost\"", .badValue),
            Mutation("file message", "envelope.file.name", "\"\"", .badValue),
            Mutation("file message", "envelope.file.name", "\"" + String(repeating: "x", count: 256) + "\"", .tooLong),
            Mutation("file message", "envelope.file.bytes", "-1", .badValue),
            Mutation("file message", "envelope.file.bytes", "17179869185", .badValue),
            Mutation("file message", "envelope.file.digest", base64(31), .badValue),
            Mutation("file message", "envelope.file.key", base64(33), .badValue),
            Mutation("file message", "envelope.file.chain", base64(31), .badValue),
            Mutation("states", "ref", "-1", .badValue),
            Mutation("states", "ids", "[]", .badValue),
            Mutation("states", "ids", NodeLineCodingTests.many(101, "\"\(Sample.idText)\""), .tooLong),
            Mutation("history", "count", "0", .badValue),
            Mutation("history", "count", "501", .badValue),
            Mutation("history between", "before", "-1", .badValue),
            Mutation("history between", "after", "-1", .badValue),
            Mutation("message", "envelope.at", "-1", .badValue),
            Mutation("message", "envelope.at", "253402300800000", .badValue),
            Mutation("message", "envelope.text", "\"\"", .badValue),
            Mutation("message", "envelope.text", "\"" + String(repeating: "x", count: 32_769) + "\"", .tooLong),
        ] + each("hello", "server", badNames, .badAddress) + each("login", "user", badNames, .badAddress)
        + each("login", "user", [#""public""#], .badAddress) + each("keys", "of", badAddresses, .badAddress)
        + each("keys", "of", [#""public""#], .badAddress) + each("history", "conversation", badAddresses, .badAddress)
        + each("file", "id", badIDs, .badID) + each("chunk", "id", badIDs, .badID)
        + each("fetch", "from", badAddresses, .badAddress) + each("outcome", "from", badAddresses, .badAddress)
        + each("states", "ids", badIDs.map { "[\($0)]" }, .badID) + each("message", "envelope.id", badIDs, .badID)
        + each("message", "envelope.to", badAddresses, .badAddress)
        + each("sealed message", "envelope.from", badAddresses, .badAddress)
        + each("publish", "device.fingerprint", badFingerprints, .badValue)
        + each("publish", "device.account", badKeys, .badValue)

    @Test(arguments: mutations) func refuses(_ mutation: Mutation) throws {
        try checks.expectRefused(mutation, in: ClientLineCodingTests.goldens())
    }

    @Test(arguments: ["Hello", "hello ", "", "quit", "h\u{E9}llo"]) func unknownTagsAreRefused(_ tag: String) throws {
        #expect(refusal { () throws(Refusal) in try checks.read("{\"tag\":\"\(tag)\"}") }?.code == .unknownTag)
    }

    @Test func aTagIsShort() throws {
        let word = String(repeating: "x", count: 64)
        #expect(refusal { () throws(Refusal) in try checks.read("{\"tag\":\"\(word)\"}") }?.code == .unknownTag)
        #expect(refusal { () throws(Refusal) in try checks.read("{\"tag\":\"\(word)x\"}") }?.code == .tooLong)
    }

    /// Comparing such a tag with ours normalises it first, which takes seconds where nothing cuts it short.
    @Test(.timeLimit(.minutes(1))) func combiningMarksCostNothing() throws {
        let marks = String(repeating: "\u{301}\u{323}", count: 60_000)
        for word in ["h\(marks)", "hello\(marks)", "public\(marks)", "ed25519:\(marks)", "alice@s1\(marks)"] {
            #expect(refusal { () throws(Refusal) in try checks.read("{\"tag\":\"\(word)\"}") }?.code == .tooLong)
            let line = "{\"tag\":\"history\",\"ref\":1,\"count\":1,\"conversation\":\"\(word)\"}"
            #expect(refusal { () throws(Refusal) in try checks.read(line) }?.code == .badAddress)
            let login = "{\"tag\":\"login\",\"data\":\"\",\"user\":\"\(word)\"}"
            #expect(refusal { () throws(Refusal) in try checks.read(login) }?.code == .badAddress)
            #expect(
                IdentityKey(word) == nil && MessageID(word) == nil && Fingerprint(word) == nil && Epoch(word) == nil)
        }
    }

    @Test func textFillsALineAtMost() throws {
        let text = String(repeating: "\u{1}", count: Envelope.textBytesMax)
        let draft = Draft(id: Sample.id, to: .everyone, at: Envelope.atMax, body: .text(text))
        #expect(ClientLine.message(draft).encoded().count <= ClientLine.bytesMax)
        let sample = try Sample()
        let sealed = Sealed(
            device: sample.fingerprint, nonce: Sample.boxNonce, box: Sample.filled(Sealed.boxBytesMax),
            wraps: (0..<Sealed.wrapsMax).map { _ in
                Sealed.Wrap(device: sample.fingerprint, key: Sample.filled(1024))
            }, signature: Sample.filled(1024))
        let largest = Draft(
            id: Sample.id, from: sample.alice, to: .direct(sample.bob), at: Envelope.atMax, body: .sealed(sealed))
        let line = ClientLine.message(largest).encoded()
        #expect(line.count <= ClientLine.bytesMax)
        #expect(try ClientLine(JSONObject(message: line)) == .message(largest))
    }

    @Test func aDraftBecomesItsAuthorsEnvelope() throws {
        let sample = try Sample()
        let body = sample.publicEnvelope.body
        let draft = Draft(id: Sample.id, to: .everyone, at: Sample.at, body: body)
        #expect(draft.envelope(by: sample.alice) == sample.publicEnvelope)
        let signed = Draft(id: Sample.id, from: sample.alice, to: .everyone, at: Sample.at, body: body)
        #expect(signed.envelope(by: sample.alice) == sample.publicEnvelope)
        #expect(signed.envelope(by: sample.bob) == nil)
        #expect(try Draft(decoding: signed.encoded()) == signed)
    }
}
