import Bytes

/// A JSON object that has been read and checked whole. Members are asked for by name and type; a missing or wrongly
/// typed one is a refusal that names it. Members that nobody asks for are ignored, so that messages can grow.
package struct JSONObject: Sendable {
    private let source: [UInt8]
    private let members: [JSONMember]

    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONFault) {
        var reader = JSONReader(bytes: bytes, limits: limits)
        members = try reader.readDocument()
        source = bytes
    }

    /// The same for a message of our protocols: what is wrong goes to its sender as a refusal.
    package init(message bytes: [UInt8]) throws(Refusal) {
        do throws(JSONFault) { try self.init(parsing: bytes) } catch { throw error.refusal }
    }

    private init(source: [UInt8], members: [JSONMember]) {
        self.source = source
        self.members = members
    }

    /// Names with the offset of each in the source, in the order in which they stand.
    package var names: [(name: String, offset: Int)] {
        members.map { (JSONText.decode(source, $0.name, hasEscapes: false), $0.offset) }
    }

    package func has(_ name: String) -> Bool { value(name) != nil }

    package func string(_ name: String, bytesMax: Int = .max) throws(Refusal) -> String {
        guard let value = value(name) else { throw missing(name) }
        guard case .string(let range, let hasEscapes) = value else { throw wrongType(name, "a string") }
        let text = JSONText.decode(source, range, hasEscapes: hasEscapes)
        guard text.utf8.count <= bytesMax else {
            throw Refusal(.tooLong, "\"\(name)\" has \(text.utf8.count) bytes; at most \(bytesMax) are taken")
        }
        return text
    }

    /// A word of a fixed list. It is cut short before anybody compares it: `==` normalises text that is not ASCII, and
    /// a long run of combining marks takes seconds.
    func word(_ name: String) throws(Refusal) -> String { try string(name, bytesMax: JSONObject.wordBytesMax) }

    /// Our longest word has 16 bytes; later versions may bring longer ones.
    static let wordBytesMax = 64

    package func optionalString(_ name: String, bytesMax: Int = .max) throws(Refusal) -> String? {
        has(name) ? try string(name, bytesMax: bytesMax) : nil
    }

    package func integer(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64 {
        guard let value = value(name) else { throw missing(name) }
        guard case .integer(let integer) = value else { throw wrongType(name, "a whole number") }
        guard range.contains(integer) else {
            throw Refusal(
                .badValue, "\"\(name)\" is \(integer); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    package func optionalInteger(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64? {
        has(name) ? try integer(name, in: range) : nil
    }

    /// A flag that is false where it is not there.
    package func flag(_ name: String) throws(Refusal) -> Bool {
        guard let value = value(name) else { return false }
        guard case .bool(let flag) = value else { throw wrongType(name, "true or false") }
        return flag
    }

    /// Base64 text as bytes. `count` says how many there must be.
    package func bytes(_ name: String, count: ClosedRange<Int>) throws(Refusal) -> [UInt8] {
        guard let value = value(name) else { throw missing(name) }
        guard case .string(let range, false) = value, let bytes = Base64.decode(Array(source[range])) else {
            throw wrongType(name, "base64")
        }
        guard count.contains(bytes.count) else {
            let wanted = count.count == 1 ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
            throw Refusal(.badValue, "\"\(name)\" holds \(bytes.count) bytes; it must hold \(wanted)")
        }
        return bytes
    }

    package func object(_ name: String) throws(Refusal) -> JSONObject {
        guard let value = value(name) else { throw missing(name) }
        guard case .object(let members) = value else { throw wrongType(name, "an object") }
        return JSONObject(source: source, members: members)
    }

    package func optionalObject(_ name: String) throws(Refusal) -> JSONObject? {
        has(name) ? try object(name) : nil
    }

    /// An array whose elements are objects.
    package func objects(_ name: String, countMax: Int) throws(Refusal) -> [JSONObject] {
        var objects: [JSONObject] = []
        for element in try elements(name, countMax: countMax) {
            guard case .object(let members) = element else { throw wrongType(name, "an array of objects") }
            objects.append(JSONObject(source: source, members: members))
        }
        return objects
    }

    /// An array whose elements are strings.
    package func strings(_ name: String, countMax: Int) throws(Refusal) -> [String] {
        var strings: [String] = []
        for element in try elements(name, countMax: countMax) {
            guard case .string(let range, let hasEscapes) = element else {
                throw wrongType(name, "an array of strings")
            }
            strings.append(JSONText.decode(source, range, hasEscapes: hasEscapes))
        }
        return strings
    }

    /// An array whose elements are whole numbers of at least 0.
    package func integers(_ name: String, countMax: Int) throws(Refusal) -> [Int64] {
        var integers: [Int64] = []
        for element in try elements(name, countMax: countMax) {
            guard case .integer(let integer) = element, integer >= 0 else {
                throw wrongType(name, "an array of whole numbers")
            }
            integers.append(integer)
        }
        return integers
    }

    private func elements(_ name: String, countMax: Int) throws(Refusal) -> [JSONValue] {
        guard let value = value(name) else { throw missing(name) }
        guard case .array(let elements) = value else { throw wrongType(name, "an array") }
        guard elements.count <= countMax else {
            throw Refusal(.tooLong, "\"\(name)\" has \(elements.count) elements; at most \(countMax) are taken")
        }
        return elements
    }

    /// A member that is null counts as absent.
    private func value(_ name: String) -> JSONValue? {
        guard let member = members.first(where: { source[$0.name].elementsEqual(name.utf8) }) else { return nil }
        if case .null = member.value { return nil }
        return member.value
    }

    private func missing(_ name: String) -> Refusal { Refusal(.missingMember, "\"\(name)\" is missing") }

    private func wrongType(_ name: String, _ wanted: String) -> Refusal {
        Refusal(.wrongType, "\"\(name)\" must be \(wanted)")
    }
}

extension JSONObject {
    /// Reads a member through one of our parsers, turning its complaint into a refusal that names the member.
    package func address(_ name: String) throws(Refusal) -> Address {
        let text = try string(name)
        do throws(AddressError) { return try Address(parsing: text) } catch { throw badAddress(name, error) }
    }

    package func conversation(_ name: String) throws(Refusal) -> Conversation {
        let text = try string(name)
        do throws(AddressError) { return try Conversation(parsing: text) } catch { throw badAddress(name, error) }
    }

    package func serverName(_ name: String) throws(Refusal) -> ServerName {
        let text = try string(name)
        do throws(AddressError) { return try ServerName(text) } catch { throw badAddress(name, error) }
    }

    package func userName(_ name: String) throws(Refusal) -> UserName {
        let text = try string(name)
        do throws(AddressError) { return try UserName(text) } catch { throw badAddress(name, error) }
    }

    package func messageID(_ name: String) throws(Refusal) -> MessageID {
        try messageID(name, from: try string(name))
    }

    package func messageIDs(_ name: String, countMax: Int) throws(Refusal) -> [MessageID] {
        var ids: [MessageID] = []
        for text in try strings(name, countMax: countMax) { ids.append(try messageID(name, from: text)) }
        return ids
    }

    private func messageID(_ name: String, from text: String) throws(Refusal) -> MessageID {
        guard let id = MessageID(text) else {
            throw Refusal(.badID, "\"\(name)\" must be a version 7 UUID in lower case")
        }
        return id
    }

    package func fingerprint(_ name: String) throws(Refusal) -> Fingerprint {
        guard let fingerprint = Fingerprint(try string(name)) else {
            throw Refusal(.badValue, "\"\(name)\" must be 64 lower-case hexadecimal digits")
        }
        return fingerprint
    }

    package func identityKey(_ name: String) throws(Refusal) -> IdentityKey {
        guard let key = IdentityKey(try string(name)) else {
            throw Refusal(.badValue, "\"\(name)\" must be ed25519: and the base64 of 32 bytes")
        }
        return key
    }

    package func epoch(_ name: String) throws(Refusal) -> Epoch {
        guard let epoch = Epoch(try string(name)) else {
            throw Refusal(.badValue, "\"\(name)\" must be 16 lower-case hexadecimal digits")
        }
        return epoch
    }

    package func run(_ name: String) throws(Refusal) -> Run { Run(try epoch(name).value) }

    private func badAddress(_ name: String, _ error: AddressError) -> Refusal {
        Refusal(.badAddress, "\"\(name)\": \(error.text)")
    }
}
