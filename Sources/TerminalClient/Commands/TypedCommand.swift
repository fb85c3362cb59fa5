package import Wire

/// Commands as people type them: `/name word …`, or words for the current conversation.
package enum TypedCommand {
    /// nil for a line without any letter. `current` is the conversation that one is in.
    package static func parse(_ line: String, current: Conversation) throws(Refusal) -> Command? {
        guard line.unicodeScalars.contains(where: { !isSpace($0) }) else { return nil }
        guard line.utf8.first == UInt8(ascii: "/") else { return .message(to: current, text: line, id: nil) }
        let rest = line.unicodeScalars.dropFirst()
        guard rest.first != "/" else { return .message(to: current, text: String(rest), id: nil) }
        var words = Words(rest: rest)
        let name = words.next() ?? ""
        let specs = CommandTable.all.filter { $0.typedName != nil }
        guard let spec = specs.first(where: { $0.typedName?.utf8.elementsEqual(name.utf8) == true }) else {
            let nearest = Spelling.nearest(to: name, among: specs.compactMap(\.typedName))
            let hint = nearest.map { "did you mean /\($0)?" } ?? "/help shows them all; // begins a text with a slash"
            throw Refusal(.unknownTag, "/\(SafeText(String(name.prefix(64)))) is no command; \(hint)")
        }
        return try spec.make(try values(for: spec, from: &words, current: current))
    }

    private static func values(
        for spec: CommandSpec, from words: inout Words, current: Conversation
    ) throws(Refusal) -> CommandValues {
        var values = CommandValues()
        for argument in spec.arguments {
            switch argument.typing {
            case .never: continue
            case .current: values[argument.name] = .conversation(current)
            case .word:
                guard let word = words.next(argument.kind) else {
                    guard argument.isOptional else {
                        throw Refusal(.missingMember, "\(argument.placeholder) is missing: \(spec.typedUsage)")
                    }
                    continue
                }
                do throws(Refusal) { values[argument.name] = try argument.kind.value(of: word, isTyped: true) } catch {
                    throw Refusal(error.code, "\(SafeText(String(word.prefix(200)))): \(error.text)")
                }
            }
        }
        if let extra = words.next() {
            throw Refusal(.badValue, "\(SafeText(String(extra.prefix(200)))) is too much: \(spec.typedUsage)")
        }
        return values
    }

    /// The words of a line, taken from its beginning.
    private struct Words {
        var rest: Substring.UnicodeScalarView

        mutating func next() -> String? {
            rest = rest.drop(while: isSpace)
            guard !rest.isEmpty else { return nil }
            let word = rest.prefix { !isSpace($0) }
            rest = rest[word.endIndex...]
            return String(word)
        }

        mutating func next(_ kind: CommandArgument.Kind) -> String? {
            guard kind.takesRest else { return next() }
            rest = rest.drop(while: isSpace)
            guard !rest.isEmpty else { return nil }
            var word = rest
            if kind == .path, let last = word.lastIndex(where: { !isSpace($0) }) { word = word[...last] }
            rest = rest[rest.endIndex...]
            return String(word)
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
    }
}
