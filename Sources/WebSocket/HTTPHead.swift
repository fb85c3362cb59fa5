/// One line of an HTTP head behind the first.
package struct HeaderField: Equatable, Sendable {
    /// A token, lower-cased: field names are the same in any case (RFC 9110 §5.1).
    package let name: String
    /// Without white space around it and without control characters, but otherwise as the peer sent it.
    package let value: String
}

/// The first line and the header fields of an HTTP/1.1 message (RFC 9112 §2.1).
struct HTTPHead: Sendable {
    var startLine: [UInt8] = []
    var fields: [HeaderField] = []

    func values(of name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// The value of a field that may stand once (RFC 6455 §11.3, RFC 9110 §5.3), nil if it is absent.
    func single(_ name: String) throws(OpeningFault) -> String? {
        let values = values(of: name)
        guard values.count <= 1 else { throw .badRequest("more than one \(name)") }
        return values.first
    }

    /// The elements of a comma list over all fields of that name (RFC 9110 §5.6.1), which must be tokens or, as in
    /// `Upgrade`, tokens with a version behind a slash. Empty elements do not count.
    func list(_ name: String) throws(OpeningFault) -> [String] {
        var elements: [String] = []
        for value in values(of: name) {
            for element in value.utf8.split(separator: UInt8(ascii: ",")) {
                let bytes = HTTPText.trimmed(Array(element))
                guard bytes.allSatisfy({ HTTPText.isToken($0) || $0 == UInt8(ascii: "/") }) else {
                    throw .badRequest("malformed \(name)")
                }
                if !bytes.isEmpty { elements.append(String(decoding: bytes, as: UTF8.self)) }
            }
        }
        return elements
    }

    /// Whether one of the fields holds no element, which RFC 9110 §5.6.1 allows for some lists only.
    func hasEmptyList(_ name: String) -> Bool {
        values(of: name).contains { $0.utf8.allSatisfy { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") } }
    }

    /// Whether a list holds `token`, in any case. `token` is given in lower case.
    func list(_ name: String, holds token: String) throws(OpeningFault) -> Bool {
        try list(name).contains { HTTPText.lowercased(Array($0.utf8)) == Array(token.utf8) }
    }
}

/// Collects an HTTP head from pieces. It is stricter than RFC 9112, whose tolerance has let two readers see two
/// messages in the same bytes: a bare LF, a folded line or a space before the colon is refused.
struct HTTPHeadReader: Sendable {
    private let bytesMax: Int
    private let fieldsMax: Int
    private var line: [UInt8] = []
    private var bytesRead = 0
    private var hasStartLine = false
    private var head = HTTPHead()

    init(limits: Limits) {
        bytesMax = limits.openingBytesMax
        fieldsMax = limits.headerFieldsMax
    }

    /// Feeds the next piece. Returns how many of its bytes belong to the head once the head is complete, else nil.
    mutating func receive(_ bytes: UnsafeRawBufferPointer) throws(OpeningFault) -> Int? {
        var position = 0
        while position < bytes.count {
            let rest = bytes[position...]
            let lineFeed = rest.firstIndex(of: UInt8(ascii: "\n"))
            let end = lineFeed.map { $0 + 1 } ?? bytes.count
            guard end - position <= bytesMax - bytesRead else {
                throw OpeningFault(status: .headerFieldsTooLarge, reason: "the HTTP head is too long")
            }
            bytesRead += end - position
            line.append(contentsOf: bytes[position..<end])
            position = end
            if lineFeed != nil, try finishLine() { return position }
        }
        return nil
    }

    /// The complete head, once: an idle connection does not keep the memory of its opening. Another may follow.
    mutating func takeHead() -> HTTPHead {
        defer { (head, line, hasStartLine) = (HTTPHead(), [], false) }
        return head
    }

    /// True if the line was the empty one that ends the head.
    private mutating func finishLine() throws(OpeningFault) -> Bool {
        defer { line.removeAll(keepingCapacity: true) }
        let content = line.dropLast(2)
        guard line.count >= 2, line[content.endIndex] == UInt8(ascii: "\r") else {
            throw .badRequest("a line does not end with CR LF")
        }
        guard content.allSatisfy(HTTPText.isText) else { throw .badRequest("control character in the HTTP head") }
        if !hasStartLine {
            guard !content.isEmpty else { throw .badRequest("empty line before the HTTP head") }
            head.startLine = Array(content)
            hasStartLine = true
            return false
        }
        guard !content.isEmpty else { return true }
        guard head.fields.count < fieldsMax else {
            throw OpeningFault(status: .headerFieldsTooLarge, reason: "too many header fields")
        }
        head.fields.append(try HTTPHeadReader.field(content))
        return false
    }

    /// RFC 9112 §5: a token, a colon, the value. A line that continues the one before (§5.2) begins with a space, which
    /// is in no token, so it is refused here too.
    private static func field(_ content: ArraySlice<UInt8>) throws(OpeningFault) -> HeaderField {
        guard let colon = content.firstIndex(of: UInt8(ascii: ":")), colon > content.startIndex,
            content[..<colon].allSatisfy(HTTPText.isToken)
        else { throw .badRequest("malformed header field") }
        return HeaderField(
            name: String(decoding: HTTPText.lowercased(content[..<colon]), as: UTF8.self),
            value: String(decoding: HTTPText.trimmed(content[(colon + 1)...]), as: UTF8.self))
    }
}

/// Some ASCII characters; asked for each byte of a head, so it does not hash.
private struct ASCIISet {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ characters: String) {
        for byte in characters.utf8 {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }
}

/// Classes of characters in HTTP (RFC 9110 §5.6), as bytes.
enum HTTPText {
    private static let tokenMarks = ASCIISet("!#$%&'*+-.^_`|~")
    private static let hostMarks = ASCIISet("-._~%[]:")

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    static func isToken(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || tokenMarks.contains(byte) }

    /// Host names, addresses in brackets and ports (RFC 9110 §7.2); no user part, no path.
    static func isHost(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || hostMarks.contains(byte) }

    /// What may stand in a request target: visible ASCII. A fragment never goes on the wire (RFC 6455 §3).
    static func isTarget(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "#") }

    /// Everything but control characters; the tab is white space.
    static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    static func lowercased(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }

    /// Without spaces and tabs at both ends.
    static func trimmed(_ bytes: some BidirectionalCollection<UInt8>) -> [UInt8] {
        let isInk: (UInt8) -> Bool = { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        guard let first = bytes.firstIndex(where: isInk), let last = bytes.lastIndex(where: isInk) else { return [] }
        return Array(bytes[first...last])
    }

    /// RFC 6455 §4.1 point 10: subprotocol names are tokens, each offered once.
    static func areSubprotocols(_ names: [String]) -> Bool {
        names.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isToken) } && Set(names).count == names.count
    }
}
