package import Wire

/// The commands, however they are entered.
package enum CommandKind: String, CaseIterable, Sendable {
    case message, who, keys, history, trust, quit

    /// One line of the help.
    package var summary: String {
        switch self {
        case .message: #"{"do":"message","to":ADDRESS or "public","text":…,"id":optional}"#
        case .who: #"{"do":"who"}"#
        case .keys: #"{"do":"keys","of":ADDRESS}"#
        case .history: #"{"do":"history","conversation":ADDRESS or "public","count":…,"before":…}"#
        case .trust: #"{"do":"trust","of":ADDRESS}"#
        case .quit: #"{"do":"quit"}"#
        }
    }
}

/// A command as it was entered.
package enum Command: Equatable, Sendable {
    case message(to: Conversation, text: String, id: MessageID?)
    case who
    case keys(of: Address)
    case history(Conversation, count: Int, before: Int64?)
    case trust(Address)
    case quit
}

/// What a program put into `ref`, given back as it was.
package enum CommandRef: Equatable, Sendable {
    case text(String)
    case number(Int64)
}

/// One line of standard input.
package struct CommandLineRequest: Equatable, Sendable {
    package let command: Command
    package let ref: CommandRef?

    /// Why a line is no command. `ref` is there if it could be read.
    package struct Fault: Error, Equatable, Sendable {
        package let refusal: Refusal
        package let ref: CommandRef?
    }

    package init(parsing line: [UInt8]) throws(Fault) {
        let object: JSONObject
        do throws(Refusal) { object = try JSONObject(message: line) } catch { throw Fault(refusal: error, ref: nil) }
        let ref: CommandRef?
        do throws(Refusal) { ref = try CommandLineRequest.ref(object) } catch { throw Fault(refusal: error, ref: nil) }
        do throws(Refusal) { command = try Command(object) } catch { throw Fault(refusal: error, ref: ref) }
        self.ref = ref
    }

    private static func ref(_ object: JSONObject) throws(Refusal) -> CommandRef? {
        guard object.has("ref") else { return nil }
        if let number = try? object.integer("ref", in: .min ... .max) { return .number(number) }
        guard let text = try? object.string("ref") else {
            throw Refusal(.wrongType, "\"ref\" must be a string or a whole number")
        }
        guard text.utf8.count <= refBytesMax else {
            throw Refusal(.tooLong, "\"ref\" has \(text.utf8.count) bytes; at most \(refBytesMax) are taken")
        }
        return .text(text)
    }

    /// It is echoed with every answer, so it is a name and no payload.
    private static let refBytesMax = 256
}

extension Command {
    init(_ object: JSONObject) throws(Refusal) {
        let name = try object.string("do")
        guard let kind = CommandKind(rawValue: name) else {
            let nearest = Spelling.nearest(to: name, among: CommandKind.allCases.map(\.rawValue))
            let known = CommandKind.allCases.map(\.rawValue).joined(separator: ", ")
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(known)"
            throw Refusal(.unknownTag, "\"\(name.prefix(64))\" is no command; \(hint)")
        }
        switch kind {
        case .message:
            let id = object.has("id") ? try object.messageID("id") : nil
            let to = try object.typedConversation("to")
            self = .message(to: to, text: try object.string("text"), id: id)
        case .who: self = .who
        case .keys: self = .keys(of: try object.typedAddress("of"))
        case .history:
            let count = try object.optionalInteger("count", in: 1...Int64(HistoryRange.countMax))
            let before = try object.optionalInteger("before", in: 1...Int64.max)
            let conversation = try object.typedConversation("conversation")
            self = .history(conversation, count: count.map { Int($0) } ?? Command.countDefault, before: before)
        case .trust: self = .trust(try object.typedAddress("of"))
        case .quit: self = .quit
        }
    }

    /// A screenful or two.
    private static let countDefault = 50
}

extension JSONObject {
    /// An address as people type it, capitals folded.
    fileprivate func typedAddress(_ name: String) throws(Refusal) -> Address {
        let text = try string(name)
        do throws(AddressError) { return try Address(typed: text) } catch {
            throw Refusal(.badAddress, "\"\(name)\": \(error.text)")
        }
    }

    fileprivate func typedConversation(_ name: String) throws(Refusal) -> Conversation {
        try string(name) == "public" ? .everyone : .direct(try typedAddress(name))
    }
}
