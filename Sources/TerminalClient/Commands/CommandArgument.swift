package import Wire

/// One thing that a command is told.
package struct CommandArgument: Sendable {
    package enum Kind: Equatable, Sendable {
        case address
        /// An address or `public`.
        case conversation
        /// Typed, it takes the rest of the line as it stands.
        case text
        /// The same without the spaces around it.
        case path
        /// A message's id.
        case id
        /// Typed, its small number will do too.
        case file
        case number(ClosedRange<Int64>)
        /// The name of a command.
        case command
    }

    /// Where the value comes from when the command is typed.
    package enum Typing: Sendable {
        case word
        /// It is the conversation that one is in.
        case current
        case never
    }

    /// Of the member in JSON.
    package let name: String
    package let kind: Kind
    package let isOptional: Bool
    package let isInJSON: Bool
    package let typing: Typing
    /// What stands for the value in the help.
    package let placeholder: String

    init(
        _ name: String, _ kind: Kind, isOptional: Bool = false, isInJSON: Bool = true, typing: Typing = .word,
        placeholder: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.isOptional = isOptional
        self.isInJSON = isInJSON
        self.typing = typing
        self.placeholder = placeholder ?? kind.placeholder
    }
}

extension CommandArgument.Kind {
    fileprivate var placeholder: String {
        switch self {
        case .address: "ADDRESS"
        case .conversation: "ADDRESS|public"
        case .text: "TEXT"
        case .path: "PATH"
        case .id, .file: "ID"
        case .number: "N"
        case .command: "COMMAND"
        }
    }

    /// Whether it takes all that is left of a typed line.
    var takesRest: Bool { self == .text || self == .path }

    /// Reads a word. Complaints begin in the middle of a sentence: the caller says what they are about. Capitals of
    /// addresses are folded, as people type them.
    func value(of text: String, isTyped: Bool) throws(Refusal) -> CommandValue {
        switch self {
        case .address: return .address(try address(text))
        case .conversation:
            // As bytes: `==` on text from outside may have to normalise it first.
            if text.utf8.elementsEqual("public".utf8) { return .conversation(.everyone) }
            return .conversation(.direct(try address(text)))
        case .text, .path, .command: return .text(text)
        case .id:
            guard let id = MessageID(text) else { throw Refusal(.badID, "a version 7 UUID in lower case is wanted") }
            return .id(id)
        case .file:
            if let id = MessageID(text) { return .file(.id(id)) }
            guard isTyped else { throw Refusal(.badID, "a version 7 UUID in lower case is wanted") }
            return .file(.number(try number(text, in: 1...Int64.max)))
        case .number(let range): return .number(try number(text, in: range))
        }
    }

    private func address(_ text: String) throws(Refusal) -> Address {
        do throws(AddressError) { return try Address(typed: text) } catch { throw Refusal(.badAddress, error.text) }
    }

    private func number(_ text: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64 {
        let isDigits = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDigits, let number = Int64(text), range.contains(number) else {
            let limit = range.upperBound == .max ? "" : " to \(range.upperBound)"
            throw Refusal(.badValue, "a whole number from \(range.lowerBound)\(limit) is wanted")
        }
        return number
    }
}

/// What an argument was given.
package enum CommandValue: Sendable {
    case address(Address)
    case conversation(Conversation)
    case text(String)
    case id(MessageID)
    case file(FileReference)
    case number(Int64)
}

/// The values of one command by the names of its arguments.
struct CommandValues: Sendable {
    private var values: [String: CommandValue] = [:]

    subscript(_ name: String) -> CommandValue? {
        get { values[name] }
        set { values[name] = newValue }
    }

    func optionalAddress(_ name: String) -> Address? {
        if case .address(let address) = values[name] { address } else { nil }
    }

    func optionalText(_ name: String) -> String? { if case .text(let text) = values[name] { text } else { nil } }

    func optionalID(_ name: String) -> MessageID? { if case .id(let id) = values[name] { id } else { nil } }

    func optionalNumber(_ name: String) -> Int64? {
        if case .number(let number) = values[name] { number } else { nil }
    }

    // The rest is there: whoever reads a command complains about what the table calls necessary.

    func address(_ name: String) throws(Refusal) -> Address {
        guard let address = optionalAddress(name) else { throw missing(name) }
        return address
    }

    func conversation(_ name: String) throws(Refusal) -> Conversation {
        guard case .conversation(let conversation) = values[name] else { throw missing(name) }
        return conversation
    }

    func text(_ name: String) throws(Refusal) -> String {
        guard let text = optionalText(name) else { throw missing(name) }
        return text
    }

    func file(_ name: String) throws(Refusal) -> FileReference {
        guard case .file(let file) = values[name] else { throw missing(name) }
        return file
    }

    private func missing(_ name: String) -> Refusal { Refusal(.missingMember, "\"\(name)\" is missing") }
}
