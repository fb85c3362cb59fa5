/// One element of a `Sec-WebSocket-Extensions` field (RFC 6455 §9.1): `name; parameter; parameter=value`.
struct ExtensionElement: Equatable, Sendable {
    struct Parameter: Equatable, Sendable {
        let name: String
        /// A token, without the quotes that may have stood around it; nil if there was no `=`.
        let value: String?
    }

    let name: String
    /// In order, and repeated if they were: whether that is wrong is for the extension to say.
    var parameters: [Parameter] = []
}

extension HTTPHead {
    /// The elements of all `Sec-WebSocket-Extensions` fields, in order. RFC 6455 §9.1 makes a field that does not follow
    /// the grammar the end of the connection, whoever sent it.
    func extensions() throws(OpeningFault) -> [ExtensionElement] {
        var elements: [ExtensionElement] = []
        for value in values(of: "sec-websocket-extensions") {
            var scanner = ExtensionScanner(value)
            let before = elements.count
            repeat {
                if let element = try scanner.element() { elements.append(element) }
            } while try scanner.separator()
            guard elements.count > before else { throw .malformedExtensions }
        }
        return elements
    }
}

/// Walks along one field's value.
private struct ExtensionScanner {
    private var rest: ArraySlice<UInt8>

    init(_ value: String) { rest = Array(value.utf8)[...] }

    /// nil where nothing stands between two commas, which RFC 9110 §5.6.1 tolerates.
    mutating func element() throws(OpeningFault) -> ExtensionElement? {
        skipSpace()
        if rest.isEmpty || rest.first == UInt8(ascii: ",") { return nil }
        var element = ExtensionElement(name: try token())
        while take(UInt8(ascii: ";")) {
            let name = try token()
            let value = take(UInt8(ascii: "=")) ? try value() : nil
            element.parameters.append(ExtensionElement.Parameter(name: name, value: value))
        }
        return element
    }

    /// True if a comma follows, false at the end.
    mutating func separator() throws(OpeningFault) -> Bool {
        if take(UInt8(ascii: ",")) { return true }
        guard rest.isEmpty else { throw .malformedExtensions }
        return false
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func token() throws(OpeningFault) -> String {
        skipSpace()
        let token = rest.prefix(while: HTTPText.isToken)
        guard !token.isEmpty else { throw .malformedExtensions }
        rest = rest.dropFirst(token.count)
        return String(decoding: token, as: UTF8.self)
    }

    /// RFC 6455 §9.1: what a quoted string means must be a token too.
    private mutating func value() throws(OpeningFault) -> String {
        guard take(UInt8(ascii: "\"")) else { return try token() }
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard !value.isEmpty, value.allSatisfy(HTTPText.isToken) else { throw .malformedExtensions }
                return String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { throw .malformedExtensions }
                value.append(escaped)
            default:
                value.append(byte)
            }
        }
        throw .malformedExtensions
    }
}

extension OpeningFault {
    fileprivate static let malformedExtensions = badRequest("malformed Sec-WebSocket-Extensions")
}
