import Net
import Wire

/// Reads members of a setup file and tells where a wrong one stands.
struct SetupReader {
    private let bytes: [UInt8]
    private let object: JSONObject
    private let file: String

    init(_ bytes: [UInt8], file: String) throws(SetupError) {
        self.bytes = bytes
        self.file = file
        do throws(JSONFault) {
            object = try JSONObject(parsing: bytes, limits: .setup)
        } catch {
            let line = SetupReader.line(of: error.offset, in: bytes)
            throw SetupError(file: file, line: line, text: "this is not the JSON it should be: \(error.refusal.text)")
        }
    }

    func refuseUnknownKeys(_ known: [String]) throws(SetupError) {
        for (name, offset) in object.names where !known.contains(name) {
            let hint = Spelling.nearest(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
            throw error(at: offset, "unknown key \"\(name)\"\(hint) Known keys: \(known.joined(separator: ", "))")
        }
    }

    func read<Value>(
        _ name: String, _ body: (JSONObject) throws(Refusal) -> Value
    ) throws(SetupError) -> Value {
        do throws(Refusal) { return try body(object) } catch { throw fault(name, error) }
    }

    /// Reads each member of a table; an absent table is empty.
    func table<Value>(
        _ name: String, _ body: (String, JSONObject) throws(Refusal) -> Value
    ) throws(SetupError) -> [Value] {
        let table = try read(name) { object throws(Refusal) in try object.optionalObject(name) }
        var values: [Value] = []
        for (key, offset) in table?.names ?? [] {
            guard let table else { break }
            do throws(Refusal) {
                values.append(try body(key, table))
            } catch { throw self.error(at: offset, error.text) }
        }
        return values
    }

    func address(_ name: String, default standard: String) throws(SetupError) -> String {
        try read(name) { object throws(Refusal) in
            let text = try object.optionalString(name, bytesMax: 256) ?? standard
            do throws(NetError) {
                return try SocketAddress(numeric: text).description
            } catch { throw Refusal(.badValue, "\"\(name)\": \(error)") }
        }
    }

    private func fault(_ name: String, _ refusal: Refusal) -> SetupError {
        let offset = object.names.first { $0.name == name }?.offset
        return SetupError(
            file: file, line: offset.map { SetupReader.line(of: $0, in: bytes) }, text: refusal.text)
    }

    private func error(at offset: Int, _ text: String) -> SetupError {
        SetupError(file: file, line: SetupReader.line(of: offset, in: bytes), text: text)
    }

    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes.prefix(offset).count { $0 == 0x0A }
    }
}
