import Testing
import Wire

struct NodeLineCodingTests {
    static func goldens() throws -> [Golden<NodeLine>] { try openings() + states() + answers() }

    private static func openings() throws -> [Golden<NodeLine>] {
        let sample = try Sample()
        let welcome = Welcome(
            data: "v=0", address: sample.alice, token: ResumeToken(id: Sample.token, secret: Sample.nonce),
            heads: [
                Welcome.Head(conversation: .everyone, seq: 41),
                Welcome.Head(conversation: .direct(sample.bob), seq: Int64.max, base: 7),
            ], fileBytesMax: 0, epoch: Epoch(0xAB),
            run: Run(0xCD), known: MetRun(run: Run(1), through: 2))
        return [
            Golden(
                "hello",
                """
                {"tag":"hello","version":1,"server":"s1","key":"\(Sample.keyText)",\
                "signature":"\(Sample.signatureText)"}
                """, .hello(version: 1, server: sample.alice.server, key: sample.key, signature: Sample.filled(64))),
            Golden(
                "hello with a new key",
                """
                {"tag":"hello","version":1,"server":"s1","key":"\(Sample.keyText)",\
                "signature":"\(Sample.signatureText)","rotations":[\(Sample.rotationText)]}
                """,
                .hello(
                    version: 1, server: sample.alice.server, key: sample.key, signature: Sample.filled(64),
                    rotations: [sample.rotation])),
            Golden("challenge", #"{"tag":"challenge","data":"r=0,s=AA==,i=1"}"#, .challenge(data: "r=0,s=AA==,i=1")),
            Golden(
                "welcome",
                """
                {"tag":"welcome","data":"v=0","address":"alice@s1",\
                "token":{"id":"\(Sample.tokenText)","secret":"\(Sample.nonceText)"},\
                "heads":[{"conversation":"public","seq":41},{"conversation":"bob@s2","seq":9223372036854775807,"base":7}],\
                "fileBytesMax":0,"epoch":"00000000000000ab","run":"00000000000000cd",\
                "known":{"run":"0000000000000001","through":2}}
                """, .welcome(welcome)),
            Golden(
                "servers",
                """
                {"tag":"servers","servers":[{"server":"s2","isReachable":false,"since":7}],"isWhole":true}
                """,
                .servers(
                    [ServerStatus(server: sample.bob.server, isReachable: false, since: 7)], isWhole: true)),
            Golden(
                "published", #"{"tag":"published","fingerprint":"\#(Sample.fingerprintText)"}"#,
                .published(sample.fingerprint)),
            Golden(
                "refused", #"{"tag":"refused","code":"login-first","text":"log in first"}"#,
                .refused(Refusal(.loginFirst, "log in first"), ref: nil, id: nil)),
            Golden(
                "refused message",
                #"{"tag":"refused","code":"id-reused","text":"\"new\" id","ref":7,"id":"\#(Sample.idText)"}"#,
                .refused(Refusal(.idReused, "\"new\" id"), ref: 7, id: Sample.id)),
            Golden(
                "file", #"{"tag":"file","ref":2,"id":"\#(Sample.idText)","held":1,"chunks":2}"#,
                .file(ref: 2, FileStatus(id: Sample.id, held: 1, chunks: 2))),
            Golden(
                "file that ended",
                #"{"tag":"file","id":"\#(Sample.idText)","held":0,"chunks":0,"outcome":"expired"}"#,
                .file(ref: nil, FileStatus(id: Sample.id, held: 0, chunks: 0, outcome: .expired))),
            Golden("chunk", #"{"tag":"chunk","ref":9,"data":"qqqq"}"#, .chunk(ref: 9, data: Sample.filled(3))),
            Golden("outcome", #"{"tag":"outcome","ref":10}"#, .outcome(ref: 10)),
            Golden("pong", #"{"tag":"pong","ref":4}"#, .pong(ref: 4)),
            Golden("ping", #"{"tag":"ping","ref":0}"#, .ping(ref: 0)),
            Golden(
                "closing", #"{"tag":"closing","code":"replaced","text":"too old"}"#,
                .closing(Refusal(.replaced, "too old"), retrySeconds: nil)),
            Golden(
                "closing for now", #"{"tag":"closing","code":"draining","text":"stopping","retrySeconds":5}"#,
                .closing(Refusal(.draining, "stopping"), retrySeconds: 5)),
        ]
    }

    private static func states() throws -> [Golden<NodeLine>] {
        let servers = try [ServerName("s2"), ServerName("s3")]
        let failure = Refusal(.unknownUser, "nobody has that name")
        func state(_ state: MessageState.State, _ waiting: [ServerName] = []) -> NodeLine {
            .state(MessageState(id: Sample.id, state: state, waiting: waiting))
        }
        let start = #"{"tag":"state","id":"\#(Sample.idText)""#
        return [
            Golden(
                "accepted", start + #","state":"accepted","seq":42,"waiting":["s2","s3"]}"#,
                state(.accepted(seq: 42), servers)),
            Golden("delivered", start + #","state":"delivered"}"#, state(.delivered)),
            Golden(
                "failed", start + #","state":"failed","code":"unknown-user","text":"nobody has that name"}"#,
                state(.failed(failure))),
            Golden(
                "states", #"{"tag":"states","ref":5,"unknown":["\#(Sample.idText)"]}"#,
                .states(ref: 5, unknown: [Sample.id])),
            Golden("states of known ones", #"{"tag":"states","ref":5,"unknown":[]}"#, .states(ref: 5, unknown: [])),
            Golden("unconfirmed", start + #","state":"unconfirmed"}"#, state(.unconfirmed)),
        ]
    }

    private static func answers() throws -> [Golden<NodeLine>] {
        let sample = try Sample()
        let people = [
            Person(address: sample.bob, status: .online, devices: [sample.fingerprint]),
            Person(address: sample.alice, status: .unknown, devices: []),
        ]
        let peopleText = #"[\#(Sample.personText),{"address":"alice@s1","status":"unknown","devices":[]}]"#
        let page = HistoryPage(
            conversation: .direct(sample.bob), entries: [Entry(seq: 9, envelope: sample.sealedEnvelope)],
            damaged: [7, 8],
            last: 12, hasMore: true)
        let empty = HistoryPage(conversation: .everyone, entries: [], damaged: [], last: 0, hasMore: false)
        return [
            Golden(
                "message",
                #"{"tag":"message","conversation":"public","seq":1,"envelope":\#(Sample.publicEnvelopeText)}"#,
                .message(Entry(seq: 1, envelope: sample.publicEnvelope), in: .everyone)),
            Golden("presence", #"{"tag":"presence","people":\#(peopleText)}"#, .presence(people)),
            Golden("people", #"{"tag":"people","ref":2,"people":[]}"#, .people(ref: 2, [])),
            Golden(
                "keys", #"{"tag":"keys","ref":1,"of":"bob@s2","keys":[\#(Sample.deviceText)]}"#,
                .keys(ref: 1, of: sample.bob, [sample.device])),
            Golden(
                "history",
                """
                {"tag":"history","ref":3,"conversation":"bob@s2",\
                "entries":[{"seq":9,"envelope":\(Sample.sealedEnvelopeText)}],"damaged":[7,8],"last":12,"hasMore":true}
                """, .history(ref: 3, page)),
            Golden(
                "empty history",
                """
                {"tag":"history","ref":3,"conversation":"public","entries":[],"damaged":[],"last":0,"hasMore":false}
                """, .history(ref: 3, empty)),
        ]
    }

    private let checks = GoldenChecks<NodeLine>(
        encode: { $0.encoded() }, decode: { bytes throws(Refusal) in try NodeLine(JSONObject(message: bytes)) },
        optional: [
            "refused message: ref", "refused message: id", "closing for now: retrySeconds", "accepted: waiting",
            "welcome: fileBytesMax", "servers: isWhole", "servers: servers.0.isReachable", "welcome: epoch",
            "welcome: run", "welcome: known", "welcome: known.through", "welcome: heads.1.base", "file: ref",
            "file that ended: outcome",
            "history: hasMore",
            "empty history: hasMore", "hello with a new key: rotations",
        ])

    @Test(arguments: try goldens()) func bothWays(_ golden: Golden<NodeLine>) throws {
        try checks.expectBothWays(golden, end: "\n")
        #expect(golden.text.hasPrefix("{\"tag\":\"\(golden.value.tag)\""))
    }

    @Test(arguments: try goldens()) func members(_ golden: Golden<NodeLine>) throws {
        try checks.expectUnknownMembersIgnored(golden)
        try checks.expectMissingMembersRefused(golden)
        try checks.expectWrongTypesRefused(golden)
    }

    static let mutations: [Mutation] =
        [
            Mutation("hello", "version", "-1", .badValue),
            Mutation("hello with a new key", "rotations", many(9, Sample.rotationText), .tooLong),
            Mutation("hello with a new key", "rotations", many(2, Sample.rotationText), .badRotation),
            Mutation("hello with a new key", "key", "\"\(Sample.oldKeyText)\"", .badRotation),
            Mutation("hello", "signature", base64(63), .badValue),
            Mutation("hello", "signature", base64(65), .badValue),
            Mutation("challenge", "data", "\"" + String(repeating: "x", count: 2049) + "\"", .tooLong),
            Mutation("welcome", "data", "\"" + String(repeating: "x", count: 2049) + "\"", .tooLong),
            Mutation("welcome", "token.id", base64(15), .badValue),
            Mutation("welcome", "token.secret", base64(33), .badValue),
            Mutation("welcome", "heads.0.seq", "-1", .badValue),
            Mutation("welcome", "heads", many(1001, #"{"conversation":"public","seq":0}"#), .tooLong),
            Mutation("refused message", "ref", "-1", .badValue),
            Mutation("refused", "code", "\"" + String(repeating: "x", count: 65) + "\"", .tooLong),
            Mutation("refused", "text", "\"" + String(repeating: "x", count: 1025) + "\"", .tooLong),
            Mutation("pong", "ref", "9007199254740993", .badValue),
            Mutation("ping", "ref", "-1", .badValue),
            Mutation("closing for now", "retrySeconds", "-1", .badValue),
            Mutation("closing for now", "retrySeconds", "86401", .badValue),
            Mutation("accepted", "seq", "0", .badValue),
            Mutation("accepted", "state", "\"lost\"", .badValue),
            Mutation("accepted", "state", "\"" + String(repeating: "x", count: 65) + "\"", .tooLong),
            Mutation("accepted", "waiting", "[\"S2\"]", .badAddress),
            Mutation("accepted", "waiting", many(1001, "\"s2\""), .tooLong),
            Mutation("states", "ref", "-1", .badValue),
            Mutation("states", "unknown", many(101, "\"\(Sample.idText)\""), .tooLong),
            Mutation("message", "seq", "0", .badValue),
            Mutation("presence", "people.0.status", "\"away\"", .badValue),
            Mutation("presence", "people.0.devices", "[\"ab\"]", .badValue),
            Mutation("presence", "people.0.devices", many(17, "\"\(Sample.fingerprintText)\""), .tooLong),
            Mutation("presence", "people", many(1001, #"{"address":"a@s1","status":"online","devices":[]}"#), .tooLong),
            Mutation("keys", "keys", many(17, Sample.deviceText), .tooLong),
            Mutation("history", "entries.0.seq", "0", .badValue),
            Mutation("history", "entries", many(501, "{}"), .tooLong),
            Mutation("history", "damaged", "[-1]", .wrongType),
            Mutation("history", "damaged", many(501, "1"), .tooLong),
            Mutation("history", "last", "-1", .badValue),
        ] + each("hello", "server", badNames, .badAddress) + each("hello", "key", badKeys, .badValue)
        + each("welcome", "address", badAddresses, .badAddress)
        + each("welcome", "heads.1.conversation", badAddresses, .badAddress)
        + each("published", "fingerprint", badFingerprints, .badValue) + each("refused message", "id", badIDs, .badID)
        + each("accepted", "id", badIDs, .badID) + each("states", "unknown", badIDs.map { "[\($0)]" }, .badID)
        + each("presence", "people.0.address", badAddresses, .badAddress)
        + each("keys", "of", badAddresses, .badAddress) + each("message", "conversation", badAddresses, .badAddress)

    static func many(_ count: Int, _ element: String) -> String {
        "[" + [String](repeating: element, count: count).joined(separator: ",") + "]"
    }

    @Test(arguments: mutations) func refuses(_ mutation: Mutation) throws {
        try checks.expectRefused(mutation, in: NodeLineCodingTests.goldens())
    }

    /// An older client goes on where a newer node says more.
    @Test func unknownTagsAreIgnored() throws {
        #expect(try checks.read(#"{"tag":"later","anything":[1.5]}"#) == nil)
        #expect(refusal { () throws(Refusal) in try checks.read(#"{"tag":1}"#) }?.code == .wrongType)
        #expect(refusal { () throws(Refusal) in try checks.read(#"{"notag":1}"#) }?.code == .missingMember)
    }

    @Test func aRefusalOfALaterVersionKeepsItsSentence() throws {
        let line = try checks.read(#"{"tag":"refused","code":"invented-later","text":"do this"}"#)
        #expect(line == .refused(Refusal(.badValue, "do this"), ref: nil, id: nil))
    }

    @Test(arguments: Refusal.Code.allCases) func everyCodeIsAWordThatReadsBack(_ code: Refusal.Code) throws {
        #expect(code.rawValue.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D })
        let line = NodeLine.refused(Refusal(code, "x"), ref: nil, id: nil)
        #expect(try NodeLine(JSONObject(message: line.encoded())) == line)
    }

    @Test func headsFillALineAtMost() throws {
        let name = String(repeating: "x", count: 64)
        let address = try Address(parsing: "\(name)@\(name)")
        let head = Welcome.Head(conversation: .direct(address), seq: Int64.max, base: Int64.max)
        let welcome = Welcome(
            data: String(repeating: "x", count: 2048), address: address,
            token: ResumeToken(id: Sample.token, secret: Sample.nonce),
            heads: [Welcome.Head](repeating: head, count: Welcome.headsMax))
        let line = NodeLine.welcome(welcome).encoded()
        #expect(line.count <= NodeLine.bytesMax)
        #expect(try NodeLine(JSONObject(message: line)) == .welcome(welcome))
    }

    /// What clients cannot read would cut all of them off at once, whenever a server with many people goes.
    @Test(arguments: [0, 1, 1000, 1001, 2500], [0, 1, 16])
    func peopleOfAnyNumberFitIntoLines(count: Int, devices: Int) throws {
        let fingerprint = try Sample().fingerprint
        let people = try (0..<count).map { number in
            let name = String(repeating: "x", count: 60) + String(1000 + number)
            let address = try Address(parsing: "\(name)@\(String(repeating: "y", count: 64))")
            return Person(
                address: address, status: .unknown, devices: [Fingerprint](repeating: fingerprint, count: devices))
        }
        let lines = Person.lines(people)
        #expect(lines.flatMap(\.self) == people)
        #expect(!lines.contains([]))
        for line in lines {
            let encoded = NodeLine.presence(line).encoded()
            #expect(encoded.count <= NodeLine.bytesMax)
            #expect(try NodeLine(JSONObject(message: encoded)) == .presence(line))
        }
    }
}
