/// Envelopes and what they are made of as JSON. An encoded envelope is canonical: equal envelopes give equal bytes,
/// which is how a repeated id with another body is told from a retry.
extension Envelope {
    package func encoded() -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("id", id.text)
            writer.member("from", from.text)
            writer.member("to", to.text)
            writer.member("at", at)
            body.encode(into: &writer)
        }
    }

    package init(decoding bytes: [UInt8]) throws(Refusal) {
        try self.init(try JSONObject(message: bytes))
    }

    init(_ object: JSONObject) throws(Refusal) {
        id = try object.messageID("id")
        from = try object.address("from")
        to = try object.conversation("to")
        at = try object.integer("at", in: 0...Envelope.atMax)
        body = try Body(object, to: to)
    }
}

extension Envelope.Body {
    func encode(into writer: inout JSONWriter) {
        switch self {
        case .text(let text): writer.member("text", text)
        case .file(let offer): writer.object("file") { offer.encode(into: &$0) }
        case .sealed(let sealed): writer.object("sealed") { sealed.encode(into: &$0) }
        }
    }

    /// Words to everyone are text, words to one person are sealed: a node never sees the latter.
    init(_ object: JSONObject, to: Conversation) throws(Refusal) {
        switch to {
        case .everyone:
            self.init(try MessageContent(object))
        case .direct:
            guard object.has("sealed") else {
                throw Refusal(.notSealed, "a message to one person must be sealed for their devices: send \"sealed\"")
            }
            self = .sealed(try Sealed(try object.object("sealed")))
        }
    }
}

extension Sealed {
    func encode(into writer: inout JSONWriter) {
        writer.member("version", Sealed.version)
        writer.member("device", device.text)
        writer.member("nonce", base64: nonce)
        writer.member("box", base64: box)
        writer.array("wraps") { writer in
            for wrap in wraps {
                writer.object { writer in
                    writer.member("device", wrap.device.text)
                    writer.member("key", base64: wrap.key)
                }
            }
        }
        writer.member("signature", base64: signature)
    }

    init(_ object: JSONObject) throws(Refusal) {
        _ = try object.integer("version", in: Sealed.version...Sealed.version)
        device = try object.fingerprint("device")
        nonce = try object.bytes("nonce", count: 12...12)
        box = try object.bytes("box", count: 16...Sealed.boxBytesMax)
        var wraps: [Wrap] = []
        for wrap in try object.objects("wraps", countMax: Sealed.wrapsMax) {
            wraps.append(Wrap(device: try wrap.fingerprint("device"), key: try wrap.bytes("key", count: 128...1024)))
        }
        self.wraps = wraps
        signature = try object.bytes("signature", count: 128...1024)
    }
}

extension DeviceKey {
    func encode(into writer: inout JSONWriter) {
        writer.member("fingerprint", fingerprint.text)
        writer.member("key", base64: key)
        writer.member("account", account.text)
        writer.member("signature", base64: signature)
    }

    init(_ object: JSONObject) throws(Refusal) {
        fingerprint = try object.fingerprint("fingerprint")
        key = try object.bytes("key", count: 1...DeviceKey.keyBytesMax)
        account = try object.identityKey("account")
        signature = try object.bytes("signature", count: 64...64)
    }

    static func list(_ object: JSONObject, _ name: String, countMax: Int) throws(Refusal) -> [DeviceKey] {
        var keys: [DeviceKey] = []
        for key in try object.objects(name, countMax: countMax) { keys.append(try DeviceKey(key)) }
        return keys
    }

    static func encode(_ keys: [DeviceKey], as name: String, into writer: inout JSONWriter) {
        writer.array(name) { writer in
            for key in keys { writer.object { key.encode(into: &$0) } }
        }
    }
}

extension Person {
    func encode(into writer: inout JSONWriter) {
        writer.member("address", address.text)
        writer.member("status", status.rawValue)
        writer.array("devices") { writer in
            for device in devices { writer.element(device.text) }
        }
    }

    init(_ object: JSONObject) throws(Refusal) {
        address = try object.address("address")
        guard let status = Status(rawValue: try object.word("status")) else {
            throw Refusal(.badValue, "\"status\" must be online, offline or unknown")
        }
        self.status = status
        var devices: [Fingerprint] = []
        for text in try object.strings("devices", countMax: DeviceKey.devicesPerAccountMax) {
            guard let device = Fingerprint(text) else {
                throw Refusal(.badValue, "\"devices\" holds something that is no fingerprint")
            }
            devices.append(device)
        }
        self.devices = devices
    }

    static func list(_ object: JSONObject, countMax: Int) throws(Refusal) -> [Person] {
        var people: [Person] = []
        for person in try object.objects("people", countMax: countMax) { people.append(try Person(person)) }
        return people
    }

    static func encode(_ people: [Person], into writer: inout JSONWriter) {
        writer.array("people") { writer in
            for person in people { writer.object { person.encode(into: &$0) } }
        }
    }
}

extension Refusal {
    func encode(into writer: inout JSONWriter) {
        writer.member("code", code.rawValue)
        writer.member("text", text)
    }

    /// A code that a later version invented is read as `bad-value`, its sentence as it stands.
    init(_ object: JSONObject) throws(Refusal) {
        let code = Code(rawValue: try object.word("code")) ?? .badValue
        self.init(code, try object.string("text", bytesMax: Refusal.textBytesMax))
    }

    /// A sentence, not an essay; it ends up in logs and on screens.
    package static let textBytesMax = 1024
}
