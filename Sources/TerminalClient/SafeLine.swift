package import Wire

/// One line for a screen. It is built from this program's own literals, from `SafeText`, and from names that their
/// parsers have checked; there is no way from a `String` into it, so nothing that others wrote is ever obeyed by a
/// terminal.
package struct SafeLine: Equatable, Sendable, ExpressibleByStringInterpolation {
    package enum Style: Equatable, Sendable {
        case plain
        /// One's own words.
        case own
        /// An address: always the same one of a few colours.
        case name(UInt8)
        case alarm
        case quiet
    }

    fileprivate struct Span: Equatable, Sendable {
        let text: String
        let style: Style
    }

    private var spans: [Span] = []

    package init(stringLiteral literal: StaticString) { spans = [Span(text: literal.description, style: .plain)] }

    package init(stringInterpolation: StringInterpolation) { spans = stringInterpolation.spans }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var spans: [Span] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: StaticString) { append(literal.description, .plain) }

        package mutating func appendInterpolation(_ text: SafeText, _ style: Style = .plain) {
            append(text.text, style)
        }

        package mutating func appendInterpolation(_ address: Address) { append(address.text, .name(of: address)) }

        package mutating func appendInterpolation(_ server: ServerName) { append(server.text, .plain) }

        package mutating func appendInterpolation(_ conversation: Conversation) { append(conversation.text, .plain) }

        package mutating func appendInterpolation(_ number: some FixedWidthInteger) {
            append(String(number), .plain)
        }

        package mutating func appendInterpolation(_ line: SafeLine) { spans += line.spans }

        private mutating func append(_ text: String, _ style: Style) {
            if !text.isEmpty { spans.append(Span(text: text, style: style)) }
        }
    }

    /// The whole line in one style.
    package func styled(_ style: Style) -> SafeLine {
        var line = self
        line.spans = spans.map { Span(text: $0.text, style: style) }
        return line
    }

    /// What is printed, without a newline.
    package func text(hasColor: Bool) -> String {
        spans.map { span in
            guard hasColor, let code = span.style.code else { return span.text }
            return "\u{1B}[\(code)m\(span.text)\u{1B}[0m"
        }.joined()
    }
}

extension SafeLine.Style {
    /// FNV-1a over the address, so that somebody has the same colour in every run.
    fileprivate static func name(of address: Address) -> SafeLine.Style {
        let hash = address.text.utf8.reduce(0x811C_9DC5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        return .name(UInt8(hash >> 8 & 0xFF))
    }

    /// The parameter of SGR (ECMA-48 §8.3.117). Red is for alarms alone.
    fileprivate var code: String? {
        let names = ["32", "33", "34", "35", "36", "92", "94", "95", "96"]
        switch self {
        case .plain: return nil
        case .own: return "1"
        case .name(let number): return names[Int(number) % names.count]
        case .alarm: return "31"
        case .quiet: return "2"
        }
    }
}

extension SafeText {
    /// The lines of a text. There is always one.
    package static func lines(of text: String) -> [SafeText] {
        // By scalars: CR LF is one character.
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            SafeText(String(line.last == "\r" ? line.dropLast() : line))
        }
    }

    /// The beginning of a text on one line. Cut by scalars: a single character can be endlessly long.
    package static func excerpt(_ text: String, scalarsMax: Int = 40) -> SafeText {
        let line = text.unicodeScalars.prefix { $0 != "\n" && $0 != "\r" }
        let isWhole = line.count <= scalarsMax && line.endIndex == text.unicodeScalars.endIndex
        return SafeText(String(line.prefix(scalarsMax)) + (isWhole ? "" : "…"))
    }
}
