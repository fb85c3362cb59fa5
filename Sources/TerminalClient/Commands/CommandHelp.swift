package import Wire

extension CommandSpec {
    /// `/msg ADDRESS|public TEXT`. Empty if it is not typed.
    package var typedUsage: String {
        guard let typedName else { return "" }
        let words = arguments.filter { $0.typing == .word }.map { argument in
            argument.isOptional ? "[\(argument.placeholder)]" : argument.placeholder
        }
        return (["/" + typedName] + words).joined(separator: " ")
    }

    /// `{"do":"message","to":ADDRESS|public,"text":TEXT[,"id":ID]}`. Empty if programs do not have it.
    package var jsonUsage: String {
        guard let jsonName else { return "" }
        let members = arguments.filter(\.isInJSON).map { argument in
            let member = ",\"\(argument.name)\":\(argument.placeholder)"
            return argument.isOptional ? "[\(member)]" : member
        }
        return "{\"do\":\"\(jsonName)\"\(members.joined())}"
    }
}

/// What people are told about the commands.
package enum CommandHelp {
    /// All typed commands, one a line.
    package static var typed: [String] {
        let specs = CommandTable.all.filter { $0.typedName != nil }
        return columns(specs.map { ($0.typedUsage, $0.summary) })
    }

    /// All commands of programs, one a line.
    package static var json: [String] { CommandTable.all.map(\.jsonUsage).filter { !$0.isEmpty } }

    /// One command, by any of its names.
    package static func typed(_ name: String) throws(Refusal) -> [String] {
        guard let spec = CommandTable.find(name), spec.typedName != nil else {
            let known = CommandTable.all.compactMap(\.typedName)
            let hint = Spelling.nearest(to: name, among: known).map { "did you mean /help \($0)?" } ?? "see /help"
            throw Refusal(.unknownTag, "\(SafeText(String(name.prefix(64)))) is no command; \(hint)")
        }
        let examples = spec.examples.compactMap(\.typed).map { "  for example: \($0)" }
        return ["\(spec.typedUsage): \(spec.summary)"] + spec.notes.map { "  \($0)" } + examples
    }

    /// Two columns.
    static func columns(_ rows: [(String, String)]) -> [String] {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "\($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
    }
}
