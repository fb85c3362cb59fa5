import TerminalClient
import Testing
import Wire

@Suite struct CommandTableTests {
    private func json(_ text: String) throws(JSONCommand.Fault) -> Command {
        try JSONCommand(parsing: Array(text.utf8)).command
    }

    @Test func everyExampleIsReadAndItsTwoFormsMeanTheSame() throws {
        for spec in CommandTable.all {
            #expect(!spec.examples.isEmpty)
            for example in spec.examples {
                let typed = try example.typed.map { try TypedCommand.parse($0, current: .everyone) }
                let given = try example.json.map { try json($0) }
                if let typed, let given { #expect(typed == given) }
                #expect(typed != nil || given != nil)
            }
            #expect((spec.jsonName == nil) == spec.examples.allSatisfy { $0.json == nil })
            #expect((spec.typedName == nil) == spec.examples.allSatisfy { $0.typed == nil })
        }
    }

    @Test func namesAreUniqueAndFound() throws {
        for names in [CommandTable.all.compactMap(\.jsonName), CommandTable.all.compactMap(\.typedName)] {
            #expect(Set(names).count == names.count)
            for name in names { #expect(CommandTable.find(name) != nil) }
        }
        #expect(CommandTable.find("/msg")?.jsonName == "message")
        #expect(CommandTable.find("") == nil)
        #expect(CommandTable.find("//msg") == nil)
    }

    @Test func nothingStandsBehindAnArgumentThatTakesTheRest() {
        for spec in CommandTable.all {
            let typed = spec.arguments.filter { if case .word = $0.typing { true } else { false } }
            for argument in typed.dropLast() { #expect(argument.kind != .text && argument.kind != .path) }
            let firstOptional = typed.firstIndex(where: \.isOptional) ?? typed.count
            for argument in typed[firstOptional...] { #expect(argument.isOptional) }
        }
    }

    /// Whatever values a command is given, both forms are read as the same command.
    @Test func bothFormsOfRandomValuesMeanTheSame() throws {
        var random = SplitMix64(seed: 1)
        for spec in CommandTable.all where spec.jsonName != nil && spec.typedName != nil {
            for _ in 0..<200 {
                let current = Self.conversation(&random)
                var words = ["/" + (spec.typedName ?? "")]
                var members: [(CommandArgument, String)] = []
                var isSkipping = false
                for argument in spec.arguments {
                    if argument.isOptional, Bool.random(using: &random) { isSkipping = true }
                    switch argument.typing {
                    case .never: continue
                    case .current: members.append((argument, current.text))
                    case .word:
                        guard !isSkipping else { continue }
                        let text = Self.value(argument.kind, &random)
                        words.append(text)
                        members.append((argument, text))
                    }
                }
                let line = JSONWriter.object { writer in
                    writer.member("do", spec.jsonName ?? "")
                    for (argument, text) in members {
                        if case .number = argument.kind {
                            writer.member(argument.name, Int64(text) ?? -1)
                        } else {
                            writer.member(argument.name, text)
                        }
                    }
                }
                let typed = try TypedCommand.parse(words.joined(separator: " "), current: current)
                #expect(try JSONCommand(parsing: line).command == typed)
            }
        }
    }

    static func conversation(_ random: inout SplitMix64) -> Conversation {
        Bool.random(using: &random) ? .everyone : (try? Conversation(parsing: "u\(random.next())@s2")) ?? .everyone
    }

    static func value(_ kind: CommandArgument.Kind, _ random: inout SplitMix64) -> String {
        switch kind {
        case .address: return "u\(random.next())@s\(random.next() % 9)"
        case .conversation: return conversation(&random).text
        case .text, .path: return "x" + text(&random) + "x"
        case .id, .file: return MessageID(milliseconds: 7, random: (random.next(), random.next())).text
        case .number(let range): return String(Int64.random(in: range, using: &random))
        case .command: return "msg"
        }
    }

    static func text(_ random: inout SplitMix64) -> String {
        let letters = [
            "a", " ", "\n", "/", "\"", "é", "e\u{301}", "👩‍👩‍👧", "\u{1B}[31m", "\u{202E}", "\\", "\t", "\r\n", "\u{0}",
        ]
        return (0..<Int.random(in: 0...8, using: &random)).map { _ in
            letters[Int.random(in: 0..<letters.count, using: &random)]
        }.joined()
    }
}
