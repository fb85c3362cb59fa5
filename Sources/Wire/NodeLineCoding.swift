/// The wire form of `NodeLine`.
extension NodeLine {
    /// A line from a node may have this many bytes, the line feed not counted: a page of history stays below half.
    package static let bytesMax = 512 << 10

    package var tag: String {
        switch self {
        case .hello: "hello"
        case .challenge: "challenge"
        case .welcome: "welcome"
        case .servers: "servers"
        case .state: "state"
        case .states: "states"
        case .message: "message"
        case .presence: "presence"
        case .people: "people"
        case .keys: "keys"
        case .history: "history"
        case .published: "published"
        case .file: "file"
        case .chunk: "chunk"
        case .outcome: "outcome"
        case .refused: "refused"
        case .pong: "pong"
        case .ping: "ping"
        case .closing: "closing"
        }
    }

    package func encoded() -> [UInt8] {
        JSONWriter.line { writer in
            writer.member("tag", tag)
            encodeMembers(into: &writer)
        }
    }

    private func encodeMembers(into writer: inout JSONWriter) {
        switch self {
        case .hello(let version, let server, let key, let signature, let rotations):
            writer.member("version", version)
            writer.member("server", server.text)
            writer.member("key", key.text)
            writer.member("signature", base64: signature)
            rotations.encode(into: &writer)
        case .challenge(let data): writer.member("data", data)
        case .welcome(let welcome): welcome.encode(into: &writer)
        case .servers(let servers, let isWhole):
            writer.array("servers") { writer in
                for server in servers { writer.object { server.encode(into: &$0) } }
            }
            if isWhole { writer.member("isWhole", true) }
        case .state(let state): state.encode(into: &writer)
        case .states(let ref, let unknown):
            writer.member("ref", ref)
            MessageID.encode(unknown, as: "unknown", into: &writer)
        case .message(let entry, let conversation):
            writer.member("conversation", conversation.text)
            entry.encode(into: &writer)
        case .presence(let people): Person.encode(people, into: &writer)
        case .people(let ref, let people):
            writer.member("ref", ref)
            Person.encode(people, into: &writer)
        case .keys(let ref, let address, let keys):
            writer.member("ref", ref)
            writer.member("of", address.text)
            DeviceKey.encode(keys, as: "keys", into: &writer)
        case .history(let ref, let page):
            writer.member("ref", ref)
            page.encode(into: &writer)
        case .published(let fingerprint): writer.member("fingerprint", fingerprint.text)
        case .file(let ref, let status):
            if let ref { writer.member("ref", ref) }
            status.encode(into: &writer)
        case .chunk(let ref, let data):
            writer.member("ref", ref)
            writer.member("data", base64: data)
        case .outcome(let ref): writer.member("ref", ref)
        case .refused(let refusal, let ref, let id):
            refusal.encode(into: &writer)
            if let ref { writer.member("ref", ref) }
            if let id { writer.member("id", id.text) }
        case .pong(let ref), .ping(let ref): writer.member("ref", ref)
        case .closing(let refusal, let retrySeconds):
            refusal.encode(into: &writer)
            if let retrySeconds { writer.member("retrySeconds", retrySeconds) }
        }
    }

    /// Throws what is wrong with a node's line; nil for a tag that a later version may have brought.
    package init?(_ object: JSONObject) throws(Refusal) {
        switch try object.word("tag") {
        case "hello":
            let version = try object.integer("version", in: 0...Int64.max)
            let signature = try object.bytes("signature", count: 64...64)
            let (server, key) = (try object.serverName("server"), try object.identityKey("key"))
            let rotations = try [KeyRotation](object, endingWith: key)
            self = .hello(version: version, server: server, key: key, signature: signature, rotations: rotations)
        case "challenge": self = .challenge(data: try object.string("data", bytesMax: LoginMethod.dataBytesMax))
        case "welcome": self = .welcome(try Welcome(object))
        case "servers":
            var servers: [ServerStatus] = []
            for object in try object.objects("servers", countMax: ServerStatus.countMax) {
                servers.append(try ServerStatus(object))
            }
            self = .servers(servers, isWhole: try object.flag("isWhole"))
        case "state": self = .state(try MessageState(object))
        case "states":
            let unknown = try object.messageIDs("unknown", countMax: MessageState.idsMax)
            self = .states(ref: try object.ref(), unknown: unknown)
        case "message": self = .message(try Entry(object), in: try object.conversation("conversation"))
        case "presence": self = .presence(try Person.list(object, countMax: NodeLine.peopleMax))
        case "people": self = .people(ref: try object.ref(), try Person.list(object, countMax: NodeLine.peopleMax))
        case "keys":
            let keys = try DeviceKey.list(object, "keys", countMax: DeviceKey.devicesPerAccountMax)
            self = .keys(ref: try object.ref(), of: try object.address("of"), keys)
        case "history": self = .history(ref: try object.ref(), try HistoryPage(object))
        case "published": self = .published(try object.fingerprint("fingerprint"))
        case "file": self = .file(ref: object.has("ref") ? try object.ref() : nil, try FileStatus(object))
        case "chunk": self = .chunk(ref: try object.ref(), data: try object.chunkData())
        case "outcome": self = .outcome(ref: try object.ref())
        case "refused":
            let ref = object.has("ref") ? try object.ref() : nil
            let id = object.has("id") ? try object.messageID("id") : nil
            self = .refused(try Refusal(object), ref: ref, id: id)
        case "pong": self = .pong(ref: try object.ref())
        case "ping": self = .ping(ref: try object.ref())
        case "closing":
            let retrySeconds = try object.optionalInteger("retrySeconds", in: 0...86_400)
            self = .closing(try Refusal(object), retrySeconds: retrySeconds)
        default: return nil
        }
    }

    /// People in one line; a node sends several lines where there are more.
    package static let peopleMax = 1000
}

extension Welcome {
    func encode(into writer: inout JSONWriter) {
        writer.member("data", data)
        writer.member("address", address.text)
        writer.object("token") { writer in
            writer.member("id", base64: token.id)
            writer.member("secret", base64: token.secret)
        }
        writer.array("heads") { writer in
            for head in heads {
                writer.object { writer in
                    writer.member("conversation", head.conversation.text)
                    writer.member("seq", head.seq)
                    if let base = head.base { writer.member("base", base) }
                }
            }
        }
        if let fileBytesMax { writer.member("fileBytesMax", fileBytesMax) }
        if let epoch { writer.member("epoch", epoch.text) }
        if let run { writer.member("run", run.text) }
        if let known { writer.object("known") { known.encode(into: &$0) } }
    }

    init(_ object: JSONObject) throws(Refusal) {
        data = try object.string("data", bytesMax: LoginMethod.dataBytesMax)
        address = try object.address("address")
        let token = try object.object("token")
        let (id, secret) = (try token.bytes("id", count: 16...16), try token.bytes("secret", count: 32...32))
        self.token = ResumeToken(id: id, secret: secret)
        var heads: [Head] = []
        for head in try object.objects("heads", countMax: Welcome.headsMax) {
            let conversation = try head.conversation("conversation")
            let seq = try head.integer("seq", in: 0...Int64.max)
            let base = try head.optionalInteger("base", in: 0...seq)
            heads.append(Head(conversation: conversation, seq: seq, base: base))
        }
        self.heads = heads
        fileBytesMax = try object.optionalInteger("fileBytesMax", in: 0...Int64.max)
        epoch = object.has("epoch") ? try object.epoch("epoch") : nil
        run = object.has("run") ? try object.run("run") : nil
        known = try object.optionalObject("known").map { known throws(Refusal) in try MetRun(known) }
    }
}

extension Entry {
    func encode(into writer: inout JSONWriter) {
        writer.member("seq", seq)
        writer.member("envelope", json: envelope.encoded())
    }

    init(_ object: JSONObject) throws(Refusal) {
        seq = try object.integer("seq", in: 1...Int64.max)
        envelope = try Envelope(try object.object("envelope"))
    }
}

extension HistoryPage {
    func encode(into writer: inout JSONWriter) {
        writer.member("conversation", conversation.text)
        writer.array("entries") { writer in
            for entry in entries { writer.object { entry.encode(into: &$0) } }
        }
        writer.array("damaged") { writer in
            for seq in damaged { writer.element(seq) }
        }
        writer.member("last", last)
        writer.member("hasMore", hasMore)
    }

    init(_ object: JSONObject) throws(Refusal) {
        conversation = try object.conversation("conversation")
        var entries: [Entry] = []
        for entry in try object.objects("entries", countMax: HistoryRange.countMax) {
            entries.append(try Entry(entry))
        }
        self.entries = entries
        damaged = try object.integers("damaged", countMax: HistoryRange.countMax)
        last = try object.integer("last", in: 0...Int64.max)
        hasMore = try object.flag("hasMore")
    }
}

extension MessageState {
    func encode(into writer: inout JSONWriter) {
        writer.member("id", id.text)
        switch state {
        case .accepted(let seq):
            writer.member("state", "accepted")
            writer.member("seq", seq)
        case .delivered: writer.member("state", "delivered")
        case .failed(let refusal):
            writer.member("state", "failed")
            refusal.encode(into: &writer)
        case .unconfirmed: writer.member("state", "unconfirmed")
        }
        guard !waiting.isEmpty else { return }
        writer.array("waiting") { writer in
            for server in waiting { writer.element(server.text) }
        }
    }

    init(_ object: JSONObject) throws(Refusal) {
        id = try object.messageID("id")
        switch try object.word("state") {
        case "accepted": state = .accepted(seq: try object.integer("seq", in: 1...Int64.max))
        case "delivered": state = .delivered
        case "failed": state = .failed(try Refusal(object))
        case "unconfirmed": state = .unconfirmed
        default: throw Refusal(.badValue, "\"state\" is none of accepted, delivered, failed, unconfirmed")
        }
        var waiting: [ServerName] = []
        for text in object.has("waiting") ? try object.strings("waiting", countMax: MessageState.waitingMax) : [] {
            do throws(AddressError) {
                waiting.append(try ServerName(text))
            } catch { throw Refusal(.badAddress, "\"waiting\": \(error.text)") }
        }
        self.waiting = waiting
    }

    /// Servers named in one state; a node with more peers names the first ones.
    package static let waitingMax = 1000
    /// Messages named in one question: its answer is as many lines, which go into a session's egress queue at once.
    package static let idsMax = 100
}
