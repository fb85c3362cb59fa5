import Testing
import Wire

struct LinkMessageCodingTests {
    static func goldens() throws -> [Golden<LinkMessage>] { try openings() + streams() + people() }

    private static func openings() throws -> [Golden<LinkMessage>] {
        let sample = try Sample()
        let hello = LinkHello(
            version: LinkHello.currentVersion, from: sample.alice.server, to: sample.bob.server, nonce: Sample.nonce,
            key: sample.key)
        let epoch = Epoch(0x0011_2233_4455_6677)
        return [
            Golden(
                "hello",
                """
                {"tag":"hello","version":1,"from":"s1","to":"s2","nonce":"\(Sample.nonceText)",\
                "key":"\(Sample.keyText)"}
                """, .hello(hello)),
            Golden(
                "hello of a test",
                """
                {"tag":"hello","version":1,"from":"s1","to":"s2","nonce":"\(Sample.nonceText)",\
                "key":"\(Sample.keyText)","rotations":[\(Sample.rotationText)],"purpose":"test"}
                """,
                .hello(
                    LinkHello(
                        version: 1, from: sample.alice.server, to: sample.bob.server, nonce: Sample.nonce,
                        key: sample.key, rotations: [sample.rotation], isTest: true))),
            Golden("echo", #"{"tag":"echo","ref":0}"#, .echo(ref: 0)),
            Golden(
                "echoed", #"{"tag":"echoed","ref":9007199254740992,"at":1795000000000}"#,
                .echoed(ref: 1 << 53, at: Sample.at)),
            Golden(
                "proof", #"{"tag":"proof","signature":"\#(Sample.signatureText)"}"#,
                .proof(signature: Sample.filled(64))),
            Golden(
                "first resume", #"{"tag":"resume","epoch":"0011223344556677","first":1}"#,
                .resume(StreamPosition(epoch: epoch, first: 1, received: nil))),
            Golden(
                "resume",
                """
                {"tag":"resume","epoch":"0011223344556677","first":9223372036854775807,"run":"00000000000000ab",\
                "received":{"epoch":"ffffffffffffffff","through":0,"run":"ffffffffffffffff"}}
                """,
                .resume(
                    StreamPosition(
                        epoch: epoch, first: Int64.max,
                        received: StreamPosition.Received(epoch: Epoch(UInt64.max), through: 0, run: Run(UInt64.max)),
                        run: Run(0xAB)))),
            Golden("closing", #"{"tag":"closing","retrySeconds":86400}"#, .closing(retrySeconds: 86_400)),
        ]
    }

    private static func streams() throws -> [Golden<LinkMessage>] {
        let sample = try Sample()
        let refused = [
            StreamRefusal(seq: 3, refusal: Refusal(.unknownUser, "nobody here has that name")),
            StreamRefusal(seq: 5, refusal: Refusal(.forgedFrom, "not \"yours\"")),
        ]
        return [
            Golden(
                "envelope", #"{"tag":"envelope","seq":1,"envelope":\#(Sample.publicEnvelopeText)}"#,
                .envelope(seq: 1, sample.publicEnvelope)),
            Golden(
                "sealed envelope",
                #"{"tag":"envelope","seq":9223372036854775807,"envelope":\#(Sample.sealedEnvelopeText)}"#,
                .envelope(seq: Int64.max, sample.sealedEnvelope)),
            Golden("skip", #"{"tag":"skip","seq":7}"#, .skip(seq: 7)),
            Golden(
                "acknowledgement", #"{"tag":"acknowledgement","through":0,"refused":[]}"#,
                .acknowledgement(through: 0, refused: [])),
            Golden(
                "refusing acknowledgement",
                """
                {"tag":"acknowledgement","through":5,"refused":[\
                {"seq":3,"code":"unknown-user","text":"nobody here has that name"},\
                {"seq":5,"code":"forged-from","text":"not \\"yours\\""}]}
                """, .acknowledgement(through: 5, refused: refused)),
        ]
    }

    private static func people() throws -> [Golden<LinkMessage>] {
        let sample = try Sample()
        let bob = sample.bob.user
        let person = Person(address: sample.bob, status: .online, devices: [sample.fingerprint])
        let offline = Person(address: sample.bob, status: .offline, devices: [])
        return [
            Golden(
                "snapshot",
                """
                {"tag":"presence","version":1,"kind":"snapshot","isFirst":true,"isLast":false,\
                "people":[\(Sample.personText)],"keys":[\(Sample.deviceText)]}
                """,
                .presence(
                    PresencePage(
                        version: 1, kind: .snapshot(isFirst: true, isLast: false), people: [person],
                        keys: [sample.device]))),
            Golden(
                "delta",
                """
                {"tag":"presence","version":2,"kind":"delta",\
                "people":[{"address":"bob@s2","status":"offline","devices":[]}],"keys":[]}
                """, .presence(PresencePage(version: 2, kind: .delta, people: [offline], keys: []))),
            Golden(
                "chunkWanted",
                #"{"tag":"chunkWanted","ref":1,"from":"bob@s2","id":"\#(Sample.idText)","index":0,"reader":"alice"}"#,
                .chunkWanted(
                    ref: 1, ChunkPlace(from: sample.bob, id: Sample.id, index: 0), reader: sample.alice.user)),
            Golden(
                "chunk", #"{"tag":"chunk","ref":1,"data":"qqqq"}"#,
                .chunk(ref: 1, data: Sample.filled(3), refusal: nil)),
            Golden(
                "no chunk", #"{"tag":"chunk","ref":1,"refusal":{"code":"no-file","text":"gone"}}"#,
                .chunk(ref: 1, data: [], refusal: Refusal(.noFile, "gone"))),
            Golden(
                "outcome",
                """
                {"tag":"outcome","ref":3,"from":"bob@s2","id":"\(Sample.idText)","reader":"alice","outcome":"declined"}
                """,
                .outcome(ref: 3, from: sample.bob, id: Sample.id, reader: sample.alice.user, .declined)),
            Golden("outcomeKept", #"{"tag":"outcomeKept","ref":3}"#, .outcomeKept(ref: 3, refusal: nil)),
            Golden("keysWanted", #"{"tag":"keysWanted","ref":6,"user":"bob"}"#, .keysWanted(ref: 6, user: bob)),
            Golden(
                "keys", #"{"tag":"keys","ref":6,"user":"bob","devices":[\#(Sample.deviceText)]}"#,
                .keys(ref: 6, user: bob, devices: [sample.device], refusal: nil)),
            Golden(
                "no keys",
                """
                {"tag":"keys","ref":6,"user":"bob","devices":[],\
                "refusal":{"code":"unknown-user","text":"nobody here has that name"}}
                """,
                .keys(
                    ref: 6, user: bob, devices: [], refusal: Refusal(.unknownUser, "nobody here has that name"))),
        ]
    }

    private let checks = GoldenChecks<LinkMessage>(
        encode: { $0.encoded() },
        decode: { bytes throws(Refusal) in
            let message = try LinkMessage(decoding: bytes)
            if case .skip(_, let refusal?) = message { throw refusal }
            return message
        },
        optional: [
            "hello of a test: rotations", "hello of a test: purpose", "resume: received", "resume: run",
            "resume: received.run", "snapshot: isFirst", "snapshot: isLast", "no keys: refusal",
        ])

    @Test(arguments: try goldens()) func bothWays(_ golden: Golden<LinkMessage>) throws {
        try checks.expectBothWays(golden, end: "")
        #expect(golden.text.hasPrefix("{\"tag\":\"\(golden.value.tag)\""))
    }

    @Test(arguments: try goldens()) func members(_ golden: Golden<LinkMessage>) throws {
        try checks.expectUnknownMembersIgnored(golden)
        try checks.expectMissingMembersRefused(golden)
        try checks.expectWrongTypesRefused(golden)
    }

    private static func many(_ count: Int, _ element: String) -> String {
        NodeLineCodingTests.many(count, element)
    }

    static let mutations: [Mutation] =
        [
            Mutation("hello", "version", "-1", .badValue),
            Mutation("hello", "nonce", base64(31), .badValue),
            Mutation("hello", "nonce", base64(33), .badValue),
            Mutation("hello of a test", "rotations", many(9, Sample.rotationText), .tooLong),
            Mutation("hello of a test", "rotations", many(2, Sample.rotationText), .badRotation),
            Mutation("hello of a test", "rotations.0.new", "\"\(Sample.oldKeyText)\"", .badRotation),
            Mutation("hello of a test", "key", "\"\(Sample.oldKeyText)\"", .badRotation),
            Mutation("hello of a test", "rotations.0.at", "-1", .badValue),
            Mutation("hello of a test", "rotations.0.byOld", base64(63), .badValue),
            Mutation("hello of a test", "rotations.0.byNew", base64(65), .badValue),
            Mutation("hello of a test", "purpose", "\"" + String(repeating: "x", count: 65) + "\"", .tooLong),
            Mutation("echo", "ref", "-1", .badValue),
            Mutation("echoed", "at", "253402300800000", .badValue),
            Mutation("proof", "signature", base64(63), .badValue),
            Mutation("proof", "signature", base64(65), .badValue),
            Mutation("resume", "epoch", "\"001122334455667\"", .badValue),
            Mutation("resume", "epoch", "\"00112233445566GG\"", .badValue),
            Mutation("resume", "first", "0", .badValue),
            Mutation("resume", "run", "\"00AB\"", .badValue),
            Mutation("resume", "received.run", "\"ab\"", .badValue),
            Mutation("resume", "received.epoch", "\"FFFFFFFFFFFFFFFF\"", .badValue),
            Mutation("resume", "received.through", "-1", .badValue),
            Mutation("envelope", "seq", "0", .badValue),
            Mutation("skip", "seq", "0", .badValue),
            Mutation("skip", "seq", "-9223372036854775808", .badValue),
            Mutation("acknowledgement", "through", "-1", .badValue),
            Mutation("refusing acknowledgement", "refused.0.seq", "0", .badValue),
            Mutation(
                "refusing acknowledgement", "refused.1.code", "\"" + String(repeating: "x", count: 65) + "\"", .tooLong),
            Mutation(
                "refusing acknowledgement", "refused.1.text", "\"" + String(repeating: "x", count: 1025) + "\"",
                .tooLong),
            Mutation(
                "refusing acknowledgement", "refused", many(1025, #"{"seq":1,"code":"busy","text":""}"#), .tooLong),
            Mutation("snapshot", "version", "0", .badValue),
            Mutation("snapshot", "kind", "\"page\"", .badValue),
            Mutation("snapshot", "kind", "\"" + String(repeating: "x", count: 65) + "\"", .tooLong),
            Mutation("snapshot", "people", many(201, Sample.personText), .tooLong),
            Mutation("snapshot", "keys", many(201, Sample.deviceText), .tooLong),
            Mutation("snapshot", "people.0.status", "\"Online\"", .badValue),
            Mutation("snapshot", "keys.0.signature", base64(65), .badValue),
            Mutation("chunkWanted", "index", "349526", .badValue),
            Mutation("chunk", "data", base64(49_201), .badValue),
            Mutation("outcome", "ref", "-1", .badValue),
            Mutation("outcome", "outcome", "\"Received\"", .badValue),
            Mutation("keysWanted", "ref", "9007199254740993", .badValue),
            Mutation("keys", "ref", "-1", .badValue),
            Mutation("keys", "devices", many(17, Sample.deviceText), .tooLong),
            Mutation("closing", "retrySeconds", "-1", .badValue),
            Mutation("closing", "retrySeconds", "86401", .badValue),
        ] + each("hello", "from", badNames, .badAddress) + each("hello", "to", badNames, .badAddress)
        + each("hello", "key", badKeys, .badValue) + each("snapshot", "people.0.address", badAddresses, .badAddress)
        + each("chunkWanted", "reader", badNames, .badAddress) + each("chunkWanted", "from", badAddresses, .badAddress)
        + each("outcome", "id", badIDs, .badID)
        + each("keysWanted", "user", badNames + [#""public""#], .badAddress)
        + each("keys", "user", badNames, .badAddress)
        + each("sealed envelope", "envelope.id", badIDs, .badID)
        + each("sealed envelope", "envelope.from", badAddresses + [#""public""#], .badAddress)
        + each("sealed envelope", "envelope.to", badAddresses, .badAddress)
        + each("sealed envelope", "envelope.sealed.device", badFingerprints, .badValue)
        + each("sealed envelope", "envelope.sealed.wraps.0.device", badFingerprints, .badValue)
        + [
            Mutation("sealed envelope", "envelope.at", "253402300800000", .badValue),
            Mutation("sealed envelope", "envelope.sealed.version", "0", .badValue),
            Mutation("sealed envelope", "envelope.sealed.version", "2", .badValue),
            Mutation("sealed envelope", "envelope.sealed.nonce", base64(11), .badValue),
            Mutation("sealed envelope", "envelope.sealed.nonce", base64(13), .badValue),
            Mutation("sealed envelope", "envelope.sealed.box", base64(15), .badValue),
            Mutation("sealed envelope", "envelope.sealed.box", base64((96 << 10) + 1), .badValue),
            Mutation("sealed envelope", "envelope.sealed.signature", base64(127), .badValue),
            Mutation("sealed envelope", "envelope.sealed.signature", base64(1025), .badValue),
            Mutation("sealed envelope", "envelope.sealed.wraps.0.key", base64(127), .badValue),
            Mutation("sealed envelope", "envelope.sealed.wraps.0.key", base64(1025), .badValue),
            Mutation("sealed envelope", "envelope.sealed.wraps", many(33, "{}"), .tooLong),
        ]

    @Test(arguments: mutations) func refuses(_ mutation: Mutation) throws {
        try checks.expectRefused(mutation, in: LinkMessageCodingTests.goldens())
    }

    /// `null` is absence, and so is a member of `received` inside an absent one.
    @Test func receivedIsWholeOrAbsent() throws {
        let start = #"{"tag":"resume","epoch":"0011223344556677","first":1,"#
        let absent = try LinkMessage(decoding: Array((start + #""received":null}"#).utf8))
        #expect(absent == .resume(StreamPosition(epoch: Epoch(0x0011_2233_4455_6677), first: 1, received: nil)))
        for (received, name) in [(#"{"through":1}"#, "epoch"), (#"{"epoch":"0011223344556677"}"#, "through")] {
            let refused = refusal { () throws(Refusal) in
                try LinkMessage(decoding: Array((start + "\"received\":\(received)}").utf8))
            }
            #expect(refused == Refusal(.missingMember, "\"\(name)\" is missing"))
        }
    }

    /// A later version may have more purposes; here such a link is an ordinary one, and its hello does not repeat it.
    @Test func anUnknownPurposeIsNone() throws {
        let golden = try #require(try LinkMessageCodingTests.goldens().first { $0.name == "hello of a test" })
        let later = golden.text.replacing("\"test\"", with: "\"later\"")
        guard case .hello(let hello) = try LinkMessage(decoding: Array(later.utf8)) else {
            return #expect(Bool(false))
        }
        #expect(!hello.isTest && hello.rotations.count == 1)
    }

    @Test func anEnvelopeThatCannotBeReadStillHasItsPlace() throws {
        let later = #"{"tag":"envelope","seq":7,"envelope":{"kind":"from a later version"}}"#
        let message = try LinkMessage(decoding: Array(later.utf8))
        #expect(message == .skip(seq: 7, unreadable: Refusal(.missingMember, "\"id\" is missing")))
        let placeless = Array(#"{"tag":"envelope","envelope":{}}"#.utf8)
        #expect(refusal { () throws(Refusal) in try LinkMessage(decoding: placeless) }?.code == .missingMember)
    }

    @Test func unknownTagsAreRefused() {
        for tag in ["Hello", "", "later", "keyswanted"] {
            let refused = refusal { () throws(Refusal) in try LinkMessage(decoding: Array("{\"tag\":\"\(tag)\"}".utf8))
            }
            #expect(refused?.code == .unknownTag)
        }
        #expect(refusal { () throws(Refusal) in try LinkMessage(decoding: [0xFF]) }?.code == .malformedJSON)
        #expect(refusal { () throws(Refusal) in try LinkMessage(decoding: Array("{}".utf8)) }?.code == .missingMember)
    }
}
