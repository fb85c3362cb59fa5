import Bytes

/// Writes JSON without spaces, members in the order of the calls. What it writes, `JSONObject` reads.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// True where a comma has to come before the next member or element.
    private var wantsComma = false

    package init() {}

    package mutating func object(_ name: String? = nil, _ content: (inout JSONWriter) -> Void) {
        begin(name)
        enclose(UInt8(ascii: "{"), UInt8(ascii: "}"), content)
    }

    package mutating func array(_ name: String, _ content: (inout JSONWriter) -> Void) {
        begin(name)
        enclose(UInt8(ascii: "["), UInt8(ascii: "]"), content)
    }

    package mutating func member(_ name: String, _ text: String) {
        begin(name)
        append(quoted: text)
    }

    package mutating func member(_ name: String, _ integer: Int64) {
        begin(name)
        bytes.append(contentsOf: String(integer).utf8)
    }

    package mutating func member(_ name: String, _ flag: Bool) {
        begin(name)
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    /// Bytes as base64.
    package mutating func member(_ name: String, base64 value: [UInt8]) {
        begin(name)
        // No character of base64 is ever escaped.
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: Base64.encode(value).utf8)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A value that is JSON already.
    package mutating func member(_ name: String, json: [UInt8]) {
        begin(name)
        bytes.append(contentsOf: json)
    }

    package mutating func element(_ text: String) {
        begin(nil)
        append(quoted: text)
    }

    package mutating func element(_ integer: Int64) {
        begin(nil)
        bytes.append(contentsOf: String(integer).utf8)
    }

    private mutating func begin(_ name: String?) {
        if wantsComma { bytes.append(UInt8(ascii: ",")) }
        wantsComma = true
        guard let name else { return }
        append(quoted: name)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func enclose(_ opening: UInt8, _ closing: UInt8, _ content: (inout JSONWriter) -> Void) {
        bytes.append(opening)
        wantsComma = false
        content(&self)
        bytes.append(closing)
        wantsComma = true
    }

    /// What stands between two escapes is copied as it is, since most text has none.
    private mutating func append(quoted text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { characters in
            var written = 0
            for index in characters.indices where JSONWriter.isEscaped(characters[index]) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: characters[written..<index]))
                append(escaped: characters[index])
                written = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: characters[written...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// RFC 8259 §7: quotation mark, backslash and control characters are escaped.
    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func append(escaped byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0..<0x20: bytes.append(contentsOf: "u00\(Hex.encode([byte]))".utf8)
        default: bytes.append(byte)
        }
    }
}

extension JSONWriter {
    /// One object as bytes.
    package static func object(_ content: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(nil, content)
        return writer.bytes
    }

    /// One object as a line: the object and a line feed.
    package static func line(_ content: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(nil, content)
        writer.bytes.append(0x0A)
        return writer.bytes
    }
}
