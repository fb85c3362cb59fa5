/// The wire form of `LinkMessage`.
extension LinkMessage {
    /// A link's message may have this many bytes: a presence page is at most half.
    package static let bytesMax = 512 << 10
    /// Until the link is proven: a hello, a proof and a resume have a tenth of it, and 256 strangers may wait at once.
    package static let unprovenBytesMax = 16 << 10

    package var tag: String {
        switch self {
        case .hello: "hello"
        case .proof: "proof"
        case .resume: "resume"
        case .envelope: "envelope"
        case .skip: "skip"
        case .acknowledgement: "acknowledgement"
        case .presence: "presence"
        case .keysWanted: "keysWanted"
        case .keys: "keys"
        case .chunkWanted: "chunkWanted"
        case .chunk: "chunk"
        case .outcome: "outcome"
        case .outcomeKept: "outcomeKept"
        case .echo: "echo"
        case .echoed: "echoed"
        case .closing: "closing"
        }
    }

    package func encoded() -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("tag", tag)
            encodeMembers(into: &writer)
        }
    }

    private func encodeMembers(into writer: inout JSONWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .proof(let signature): writer.member("signature", base64: signature)
        case .resume(let position): position.encode(into: &writer)
        case .envelope(let seq, let envelope):
            writer.member("seq", seq)
            writer.member("envelope", json: envelope.encoded())
        case .skip(let seq, _): writer.member("seq", seq)
        case .acknowledgement(let through, let refused):
            writer.member("through", through)
            writer.array("refused") { writer in
                for item in refused {
                    writer.object { writer in
                        writer.member("seq", item.seq)
                        item.refusal.encode(into: &writer)
                    }
                }
            }
        case .presence(let page): page.encode(into: &writer)
        case .keysWanted(let ref, let user):
            writer.member("ref", ref)
            writer.member("user", user.text)
        case .keys(let ref, let user, let devices, let refusal):
            writer.member("ref", ref)
            writer.member("user", user.text)
            DeviceKey.encode(devices, as: "devices", into: &writer)
            if let refusal { writer.object("refusal") { refusal.encode(into: &$0) } }
        case .chunkWanted(let ref, let place, let reader):
            writer.member("ref", ref)
            place.encode(into: &writer)
            writer.member("reader", reader.text)
        case .chunk(let ref, let data, let refusal):
            writer.member("ref", ref)
            if let refusal {
                writer.object("refusal") { refusal.encode(into: &$0) }
            } else {
                writer.member("data", base64: data)
            }
        case .outcome(let ref, let from, let id, let reader, let outcome):
            writer.member("ref", ref)
            writer.member("from", from.text)
            writer.member("id", id.text)
            writer.member("reader", reader.text)
            writer.member("outcome", outcome.rawValue)
        case .outcomeKept(let ref, let refusal):
            writer.member("ref", ref)
            if let refusal { writer.object("refusal") { refusal.encode(into: &$0) } }
        case .echo(let ref): writer.member("ref", ref)
        case .echoed(let ref, let at):
            writer.member("ref", ref)
            writer.member("at", at)
        case .closing(let retrySeconds): writer.member("retrySeconds", retrySeconds)
        }
    }

    package init(decoding bytes: [UInt8]) throws(Refusal) {
        try self.init(try JSONObject(message: bytes))
    }

    private init(_ object: JSONObject) throws(Refusal) {
        switch try object.word("tag") {
        case "hello": self = .hello(try LinkHello(object))
        case "proof": self = .proof(signature: try object.bytes("signature", count: 64...64))
        case "resume": self = .resume(try StreamPosition(object))
        case "envelope":
            let seq = try object.integer("seq", in: 1...Int64.max)
            do throws(Refusal) {
                self = .envelope(seq: seq, try Envelope(try object.object("envelope")))
            } catch { self = .skip(seq: seq, unreadable: error) }
        case "skip": self = .skip(seq: try object.integer("seq", in: 1...Int64.max))
        case "acknowledgement":
            let refused = try StreamRefusal.list(object)
            self = .acknowledgement(through: try object.integer("through", in: 0...Int64.max), refused: refused)
        case "presence": self = .presence(try PresencePage(object))
        case "keysWanted": self = .keysWanted(ref: try object.ref(), user: try object.userName("user"))
        case "keys":
            let devices = try DeviceKey.list(object, "devices", countMax: DeviceKey.devicesPerAccountMax)
            let refusal = try Refusal.optional(object)
            let (ref, user) = (try object.ref(), try object.userName("user"))
            self = .keys(ref: ref, user: user, devices: devices, refusal: refusal)
        case "chunkWanted":
            let (place, reader) = (try ChunkPlace(object), try object.userName("reader"))
            self = .chunkWanted(ref: try object.ref(), place, reader: reader)
        case "chunk":
            let refusal = try Refusal.optional(object)
            self = .chunk(ref: try object.ref(), data: refusal == nil ? try object.chunkData() : [], refusal: refusal)
        case "outcome":
            let (from, id, reader) = (
                try object.address("from"), try object.messageID("id"), try object.userName("reader")
            )
            self = .outcome(ref: try object.ref(), from: from, id: id, reader: reader, try FileOutcome(object))
        case "outcomeKept": self = .outcomeKept(ref: try object.ref(), refusal: try Refusal.optional(object))
        case "echo": self = .echo(ref: try object.ref())
        case "echoed": self = .echoed(ref: try object.ref(), at: try object.integer("at", in: 0...Envelope.atMax))
        case "closing": self = .closing(retrySeconds: try object.integer("retrySeconds", in: 0...86_400))
        default: throw Refusal(.unknownTag, "this tag is not known here; the protocol document lists the known ones")
        }
    }
}

extension Refusal {
    /// The member `refusal`, if it is there.
    fileprivate static func optional(_ object: JSONObject) throws(Refusal) -> Refusal? {
        guard let refusal = try object.optionalObject("refusal") else { return nil }
        return try Refusal(refusal)
    }
}

extension LinkHello {
    func encode(into writer: inout JSONWriter) {
        writer.member("version", version)
        writer.member("from", from.text)
        writer.member("to", to.text)
        writer.member("nonce", base64: nonce)
        writer.member("key", key.text)
        rotations.encode(into: &writer)
        if isTest { writer.member("purpose", LinkHello.testPurpose) }
    }

    static let testPurpose = "test"

    init(_ object: JSONObject) throws(Refusal) {
        version = try object.integer("version", in: 0...Int64.max)
        from = try object.serverName("from")
        to = try object.serverName("to")
        nonce = try object.bytes("nonce", count: LinkHello.nonceBytes...LinkHello.nonceBytes)
        key = try object.identityKey("key")
        rotations = try [KeyRotation](object, endingWith: key)
        // A purpose that is not known here is not repeated, and so the dialler hears that it is not.
        isTest = object.has("purpose") ? try object.word("purpose") == LinkHello.testPurpose : false
    }
}

extension StreamPosition {
    func encode(into writer: inout JSONWriter) {
        writer.member("epoch", epoch.text)
        writer.member("first", first)
        if let run { writer.member("run", run.text) }
        guard let received else { return }
        writer.object("received") { writer in
            writer.member("epoch", received.epoch.text)
            writer.member("through", received.through)
            if let run = received.run { writer.member("run", run.text) }
        }
    }

    init(_ object: JSONObject) throws(Refusal) {
        epoch = try object.epoch("epoch")
        first = try object.integer("first", in: 1...Int64.max)
        run = object.has("run") ? try object.run("run") : nil
        if let inner = try object.optionalObject("received") {
            let through = try inner.integer("through", in: 0...Int64.max)
            let run = inner.has("run") ? try inner.run("run") : nil
            received = Received(epoch: try inner.epoch("epoch"), through: through, run: run)
        } else {
            received = nil
        }
    }
}

extension StreamRefusal {
    /// Refused items in one acknowledgement; more than a window never waits for its answer.
    package static let countMax = 1024

    static func list(_ object: JSONObject) throws(Refusal) -> [StreamRefusal] {
        var refused: [StreamRefusal] = []
        for item in try object.objects("refused", countMax: countMax) {
            let seq = try item.integer("seq", in: 1...Int64.max)
            refused.append(StreamRefusal(seq: seq, refusal: try Refusal(item)))
        }
        return refused
    }
}

extension PresencePage {
    func encode(into writer: inout JSONWriter) {
        writer.member("version", version)
        switch kind {
        case .snapshot(let isFirst, let isLast):
            writer.member("kind", "snapshot")
            writer.member("isFirst", isFirst)
            writer.member("isLast", isLast)
        case .delta: writer.member("kind", "delta")
        }
        Person.encode(people, into: &writer)
        DeviceKey.encode(keys, as: "keys", into: &writer)
    }

    init(_ object: JSONObject) throws(Refusal) {
        version = try object.integer("version", in: 1...Int64.max)
        switch try object.word("kind") {
        case "snapshot": kind = .snapshot(isFirst: try object.flag("isFirst"), isLast: try object.flag("isLast"))
        case "delta": kind = .delta
        default: throw Refusal(.badValue, "\"kind\" must be snapshot or delta")
        }
        people = try Person.list(object, countMax: PresencePage.peopleMax)
        keys = try DeviceKey.list(object, "keys", countMax: PresencePage.keysMax)
    }

    /// Keys that one page may carry: each takes up to 1.7 KiB.
    package static let keysMax = PresencePage.peopleMax
}
