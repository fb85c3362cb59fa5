/// Turns the bytes of a terminal in raw mode into keys, whatever chunks they come in. Unknown sequences are ignored,
/// broken UTF-8 becomes U+FFFD.
package struct KeyDecoder: Sendable {
    /// How long to wait after an ESC for the rest of a sequence before calling `flush()`. A terminal sends a sequence
    /// at once; a network may split it.
    package static let escapeTimeout: Duration = .milliseconds(100)
    /// A pasted text; twice what a line holds, so that what fits is never cut here.
    package static let pasteBytesMax = 64 << 10
    /// An escape sequence; keys need under ten bytes.
    package static let sequenceBytesMax = 32

    package init() {}

    /// An ESC or an unfinished sequence is waiting: unless more bytes come within `escapeTimeout`, call `flush()`.
    package var isWaiting: Bool { false }

    /// Feeds bytes read from the terminal; what they complete.
    package mutating func receive(_ bytes: [UInt8]) -> [Key] { [] }

    /// Nothing came for `escapeTimeout`: a lone ESC is the Escape key, an unfinished sequence is forgotten. A paste
    /// goes on waiting for its end.
    package mutating func flush() -> [Key] { [] }
}
