/// The wire form of `ClientLine`.
extension ClientLine {
    /// A line from a client may have this many bytes, the line feed not counted.
    package static let bytesMax = 256 << 10
    /// Before the login has succeeded.
    package static let bytesMaxBeforeLogin = 4 << 10

    package var tag: String {
        switch self {
        case .hello: "hello"
        case .login: "login"
        case .response: "response"
        case .publish: "publish"
        case .message: "message"
        case .who: "who"
        case .keys: "keys"
        case .history: "history"
        case .states: "states"
        case .file: "file"
        case .chunk: "chunk"
        case .fetch: "fetch"
        case .outcome: "outcome"
        case .ping: "ping"
        case .pong: "pong"
        case .bye: "bye"
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
        case .hello(let version, let server, let nonce):
            writer.member("version", version)
            writer.member("server", server.text)
            writer.member("nonce", base64: nonce)
        case .login(let user, let method, let data):
            writer.member("user", user.text)
            if case .token(let id) = method { writer.member("token", base64: id) }
            writer.member("data", data)
        case .response(let data, let met):
            writer.member("data", data)
            guard !met.isEmpty else { return }
            writer.array("met") { writer in
                for run in met { writer.object { run.encode(into: &$0) } }
            }
        case .publish(let key): writer.object("device") { key.encode(into: &$0) }
        case .message(let draft): writer.object("envelope") { draft.encode(into: &$0) }
        case .who(let ref), .ping(let ref), .pong(let ref): writer.member("ref", ref)
        case .keys(let ref, let address):
            writer.member("ref", ref)
            writer.member("of", address.text)
        case .history(let ref, let range):
            writer.member("ref", ref)
            range.encode(into: &writer)
        case .states(let ref, let ids):
            writer.member("ref", ref)
            MessageID.encode(ids, as: "ids", into: &writer)
        case .file(let ref, let file):
            writer.member("ref", ref)
            file.encode(into: &writer)
        case .chunk(let ref, let id, let index, let data):
            writer.member("ref", ref)
            writer.member("id", id.text)
            writer.member("index", index)
            writer.member("data", base64: data)
        case .fetch(let ref, let place):
            writer.member("ref", ref)
            place.encode(into: &writer)
        case .outcome(let ref, let from, let id, let outcome):
            writer.member("ref", ref)
            writer.member("from", from.text)
            writer.member("id", id.text)
            writer.member("outcome", outcome.rawValue)
        case .bye: break
        }
    }

    /// `object` is one line that was read as JSON. Throws what is to be answered to the client.
    package init(_ object: JSONObject) throws(Refusal) {
        switch try object.word("tag") {
        case "hello":
            let version = try object.integer("version", in: 0...Int64.max)
            let nonce = try object.bytes("nonce", count: LinkHello.nonceBytes...LinkHello.nonceBytes)
            self = .hello(version: version, server: try object.serverName("server"), nonce: nonce)
        case "login":
            let token = object.has("token") ? try object.bytes("token", count: 16...16) : nil
            let method = token.map(LoginMethod.token) ?? .password
            let data = try object.string("data", bytesMax: LoginMethod.dataBytesMax)
            self = .login(user: try object.userName("user"), method: method, data: data)
        case "response":
            let data = try object.string("data", bytesMax: LoginMethod.dataBytesMax)
            var met: [MetRun] = []
            if object.has("met") {
                for run in try object.objects("met", countMax: MetRun.countMax) { met.append(try MetRun(run)) }
            }
            self = .response(data: data, met: met)
        case "publish": self = .publish(try DeviceKey(try object.object("device")))
        case "message": self = .message(try Draft(try object.object("envelope")))
        case "who": self = .who(ref: try object.ref())
        case "keys": self = .keys(ref: try object.ref(), of: try object.address("of"))
        case "history": self = .history(ref: try object.ref(), try HistoryRange(object))
        case "states":
            let ids = try object.messageIDs("ids", countMax: MessageState.idsMax)
            guard !ids.isEmpty else { throw Refusal(.badValue, "\"ids\" is empty; name at least one message") }
            self = .states(ref: try object.ref(), ids: ids)
        case "file": self = .file(ref: try object.ref(), try SpooledFile(object))
        case "chunk":
            let (id, index) = (try object.messageID("id"), try object.chunkIndex())
            self = .chunk(ref: try object.ref(), id: id, index: index, data: try object.chunkData())
        case "fetch": self = .fetch(ref: try object.ref(), try ChunkPlace(object))
        case "outcome":
            let (from, id) = (try object.address("from"), try object.messageID("id"))
            self = .outcome(ref: try object.ref(), from: from, id: id, try FileOutcome(object))
        case "ping": self = .ping(ref: try object.ref())
        case "pong": self = .pong(ref: try object.ref())
        case "bye": self = .bye
        default: throw Refusal(.unknownTag, "this tag is not known here; the protocol document lists the known ones")
        }
    }
}

extension LoginMethod {
    /// SCRAM messages are short; 2 KiB is what the Crypto module reads at most.
    static let dataBytesMax = 2 << 10
}

extension JSONObject {
    /// The number by which a client finds the answer to its question.
    func ref() throws(Refusal) -> Int64 { try integer("ref", in: 0...(1 << 53)) }
}

extension MessageID {
    static func encode(_ ids: [MessageID], as name: String, into writer: inout JSONWriter) {
        writer.array(name) { writer in
            for id in ids { writer.element(id.text) }
        }
    }
}

extension Draft {
    package func encoded() -> [UInt8] { JSONWriter.object { encode(into: &$0) } }

    package init(decoding bytes: [UInt8]) throws(Refusal) {
        try self.init(try JSONObject(message: bytes))
    }

    func encode(into writer: inout JSONWriter) {
        writer.member("id", id.text)
        if let from { writer.member("from", from.text) }
        writer.member("to", to.text)
        writer.member("at", at)
        body.encode(into: &writer)
    }

    init(_ object: JSONObject) throws(Refusal) {
        id = try object.messageID("id")
        from = object.has("from") ? try object.address("from") : nil
        to = try object.conversation("to")
        at = try object.integer("at", in: 0...Envelope.atMax)
        body = try Envelope.Body(object, to: to)
    }

    /// The envelope that the node of `author` routes, or nil if the draft says that it is from somebody else.
    package func envelope(by author: Address) -> Envelope? {
        guard from == nil || from == author else { return nil }
        return Envelope(id: id, from: author, to: to, at: at, body: body)
    }
}

extension HistoryRange {
    func encode(into writer: inout JSONWriter) {
        writer.member("conversation", conversation.text)
        if let before { writer.member("before", before) }
        if let after { writer.member("after", after) }
        writer.member("count", Int64(count))
    }

    init(_ object: JSONObject) throws(Refusal) {
        conversation = try object.conversation("conversation")
        before = try object.optionalInteger("before", in: 0...Int64.max)
        after = try object.optionalInteger("after", in: 0...Int64.max)
        count = Int(try object.integer("count", in: 1...Int64(HistoryRange.countMax)))
    }
}
