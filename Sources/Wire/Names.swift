/// What is wrong with a name or an address, in words for the person who typed it.
package struct AddressError: Error, Equatable, Sendable {
    package let text: String

    package init(text: String) { self.text = text }
}

/// The half of an address before the `@`: 1 to 64 bytes of `[a-z0-9][a-z0-9._-]*`. `public` is reserved.
package struct UserName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(AddressError) {
        try NameRule.check(text, what: "user name")
        guard text != "public" else { throw AddressError(text: "\"public\" is reserved and cannot be a user name") }
        self.text = text
    }

    package var description: String { text }
    package static func < (left: UserName, right: UserName) -> Bool { left.text < right.text }
}

/// The half of an address after the `@`, and the name under which a server proves itself on links. Same form as a
/// user name.
package struct ServerName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(AddressError) {
        try NameRule.check(text, what: "server name")
        self.text = text
    }

    package var description: String { text }
    package static func < (left: ServerName, right: ServerName) -> Bool { left.text < right.text }
}

/// `alice@north`. Whoever holds one knows that it is well formed and lower-case.
package struct Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let user: UserName
    package let server: ServerName

    package init(user: UserName, server: ServerName) {
        self.user = user
        self.server = server
    }

    package init(parsing text: String) throws(AddressError) {
        guard let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else {
            throw AddressError(text: "an address has the form user@server")
        }
        user = try UserName(String(text[..<at]))
        server = try ServerName(String(text[text.utf8.index(after: at)...]))
    }

    /// What a person typed: ASCII capitals are folded, then the rules apply as on the wire.
    package init(typed text: String) throws(AddressError) {
        // Unicode lower-casing would turn the Kelvin sign into a k: only ASCII letters are folded.
        let folded = text.utf8.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        try self.init(parsing: String(decoding: folded, as: UTF8.self))
    }

    package var text: String { "\(user.text)@\(server.text)" }
    package var description: String { text }

    package static func < (left: Address, right: Address) -> Bool {
        (left.server, left.user) < (right.server, right.user)
    }
}

/// The one rule for both halves of an address. Names are compared as bytes, so the check comes before any other use.
private enum NameRule {
    static let bytesMax = 64

    static func check(_ text: String, what: String) throws(AddressError) {
        let bytes = text.utf8
        guard let first = bytes.first else { throw AddressError(text: "the \(what) is empty") }
        guard bytes.count <= bytesMax else { throw AddressError(text: "the \(what) is longer than \(bytesMax) bytes") }
        guard isLetterOrDigit(first) else {
            throw AddressError(text: "the \(what) must begin with a letter a-z or a digit")
        }
        guard bytes.allSatisfy({ isLetterOrDigit($0) || isMark($0) }) else {
            throw AddressError(text: "the \(what) may hold only a-z, 0-9, '.', '_' and '-'")
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}
