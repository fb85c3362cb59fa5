/// Files as JSON.
extension FileOffer {
    func encode(into writer: inout JSONWriter) {
        writer.member("name", name)
        writer.member("bytes", bytes)
        writer.member("digest", base64: digest)
        writer.member("key", base64: key)
        writer.member("chain", base64: chain)
    }

    init(_ object: JSONObject) throws(Refusal) {
        name = try object.string("name", bytesMax: FileOffer.nameBytesMax)
        guard !name.isEmpty else { throw Refusal(.badValue, "\"name\" is empty") }
        bytes = try object.integer("bytes", in: 0...FileOffer.bytesMax)
        digest = try object.bytes("digest", count: 32...32)
        key = try object.bytes("key", count: 32...32)
        chain = try object.bytes("chain", count: 32...32)
    }
}

extension MessageContent {
    /// As it stands inside a sealed body.
    package func encoded() -> [UInt8] { JSONWriter.object { encode(into: &$0) } }

    /// A content of a kind that is not known here is refused.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        try self.init(try JSONObject(message: bytes))
    }

    func encode(into writer: inout JSONWriter) {
        switch self {
        case .text(let text): writer.member("text", text)
        case .file(let offer): writer.object("file") { offer.encode(into: &$0) }
        }
    }

    init(_ object: JSONObject) throws(Refusal) {
        guard !object.has("file") else {
            self = .file(try FileOffer(try object.object("file")))
            return
        }
        let text = try object.string("text", bytesMax: Envelope.textBytesMax)
        guard !text.isEmpty else { throw Refusal(.badValue, "\"text\" is empty") }
        self = .text(text)
    }
}

extension SpooledFile {
    func encode(into writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("to", to.text)
        writer.member("chunks", chunks)
    }

    init(_ object: JSONObject) throws(Refusal) {
        id = try object.messageID("id")
        to = try object.conversation("to")
        chunks = try object.integer("chunks", in: 0...FileChunk.countMax)
    }
}

extension FileStatus {
    func encode(into writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("held", held)
        writer.member("chunks", chunks)
        if let outcome { writer.member("outcome", outcome.rawValue) }
    }

    init(_ object: JSONObject) throws(Refusal) {
        id = try object.messageID("id")
        chunks = try object.integer("chunks", in: 0...FileChunk.countMax)
        held = try object.integer("held", in: 0...chunks)
        outcome = object.has("outcome") ? try FileOutcome(object) : nil
    }
}

extension FileOutcome {
    init(_ object: JSONObject) throws(Refusal) {
        guard let outcome = FileOutcome(rawValue: try object.word("outcome")) else {
            throw Refusal(.badValue, "\"outcome\" must be received, declined, cancelled or expired")
        }
        self = outcome
    }
}

extension ChunkPlace {
    func encode(into writer: inout JSONWriter) {
        writer.member("from", from.text)
        writer.member("id", id.text)
        writer.member("index", index)
    }

    init(_ object: JSONObject) throws(Refusal) {
        from = try object.address("from")
        id = try object.messageID("id")
        index = try object.chunkIndex()
    }
}

extension JSONObject {
    func chunkIndex() throws(Refusal) -> Int64 { try integer("index", in: 0...(FileChunk.countMax - 1)) }

    func chunkData() throws(Refusal) -> [UInt8] { try bytes("data", count: 1...FileChunk.sealedBytesMax) }
}
