import Net
import Wire

/// Reads members of an object of a setup file and tells where a wrong one stands.
struct SetupReader {
    /// The whole file, to turn offsets into lines.
    private let bytes: [UInt8]
    private let file: String
    private let object: JSONObject
    /// Comes before every complaint, to say which entry is meant.
    private let prefix: String

    init(_ bytes: [UInt8], file: String) throws(SetupError) {
        do throws(JSONFault) {
            object = try JSONObject(parsing: bytes, limits: .setup)
        } catch {
            let line = SetupReader.line(of: error.offset, in: bytes)
            throw SetupError(file: file, line: line, text: SetupReader.words(on: error, in: bytes))
        }
        self.bytes = bytes
        self.file = file
        prefix = ""
    }

    private init(_ object: JSONObject, within outer: SetupReader, prefix: String) {
        self.object = object
        self.prefix = prefix
        (bytes, file) = (outer.bytes, outer.file)
    }

    func has(_ name: String) -> Bool { object.has(name) }

    func refuseUnknownKeys<Key: CaseIterable & RawRepresentable<String>>(_: Key.Type) throws(SetupError) {
        let known = Key.allCases.map(\.rawValue)
        for (name, offset) in object.names where !known.contains(name) {
            let hint = Spelling.nearest(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? "."
            throw error(at: offset, "unknown key \"\(name)\"\(hint) Known keys: \(known.joined(separator: ", "))")
        }
    }

    /// Reads one member; what is wrong with it is told with its line.
    func read<Value>(
        _ name: String, _ body: (JSONObject) throws(Refusal) -> Value
    ) throws(SetupError) -> Value {
        do throws(Refusal) { return try body(object) } catch { throw self.error(at: name, error.text) }
    }

    /// Reads each member of a table; an absent table is empty.
    func table<Value>(
        _ name: String, _ body: (String, SetupReader) throws(SetupError) -> Value
    ) throws(SetupError) -> [Value] {
        guard let table = try read(name, { object throws(Refusal) in try object.optionalObject(name) }) else {
            return []
        }
        let reader = SetupReader(table, within: self, prefix: "")
        var values: [Value] = []
        for (entry, _) in table.names { values.append(try body(entry, reader)) }
        return values
    }

    /// The entry of that name, if it is an object.
    func entry(_ name: String) -> SetupReader? {
        guard let entry = try? object.object(name) else { return nil }
        return SetupReader(entry, within: self, prefix: "\"\(name)\": ")
    }

    /// nil if it is not there.
    func path(_ name: String) throws(SetupError) -> String? {
        try read(name) { object throws(Refusal) in
            guard let path = try object.optionalString(name, bytesMax: SetupReader.pathBytesMax) else { return nil }
            // The system would take what stands before it for the whole path.
            guard !path.utf8.contains(0) else { throw Refusal(.badValue, "\"\(name)\" holds a zero character") }
            return path
        }
    }

    private static let pathBytesMax = 1024

    func address(_ name: String, default standard: String) throws(SetupError) -> String {
        try read(name) { object throws(Refusal) in
            let text = try object.optionalString(name, bytesMax: 256) ?? standard
            do throws(NetError) {
                return try SocketAddress(numeric: text).description
            } catch { throw Refusal(.badValue, "\"\(name)\": \(error)") }
        }
    }

    /// A complaint about the member `name`, or about its absence.
    func error(at name: String, _ text: String) -> SetupError {
        let offset = object.names.first { $0.name == name }?.offset
        return SetupError(
            file: file, line: offset.map { SetupReader.line(of: $0, in: bytes) }, text: prefix + text)
    }

    private func error(at offset: Int, _ text: String) -> SetupError {
        SetupError(file: file, line: SetupReader.line(of: offset, in: bytes), text: prefix + text)
    }

    private static func words(on fault: JSONFault, in bytes: [UInt8]) -> String {
        let rest = bytes.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        if rest.isEmpty { return "the file is empty; the least it can hold is {\"server_name\": \"s1\"}" }
        if fault.refusal.code == .duplicateMember {
            let name = String(
                decoding: bytes.dropFirst(fault.offset).prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
            return "the key \"\(name)\" is there twice"
        }
        if fault.offset == rest.startIndex { return "a setup file is UTF-8 text and begins with {" }
        return "this is not the JSON it should be: \(fault.refusal.text)"
    }

    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes.prefix(offset).count { $0 == 0x0A }
    }
}
