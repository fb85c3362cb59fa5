package import Wire

/// One thing that a script has the client do; it ends when that is done.
package enum Verb: Equatable, Sendable {
    /// Without a text, it comes from standard input.
    case send(Conversation, text: String?)
    case file(Conversation, path: String)
    case who
    case keys(Address?)
    case history(Conversation)
    case tail
    case accept(FileReference, path: String?)
}

/// How a verb is written.
package struct VerbSpec: Sendable {
    package let name: String
    package let arguments: [CommandArgument]
    /// Besides those that every run takes.
    package let options: [Option]
    package let summary: String
    /// What else `postroad VERB --help` says.
    package let notes: [String]
    /// Words behind `postroad`.
    package let examples: [[String]]
    let make: @Sendable (CommandValues) throws(Refusal) -> Verb
}

/// All verbs, in the order of the help.
package enum VerbTable {
    package static let all: [VerbSpec] = [
        VerbSpec(
            name: "send",
            arguments: [
                CommandArgument("to", .conversation),
                CommandArgument("text", .text, isOptional: true, placeholder: "TEXT|-"),
            ],
            options: [.wait, .timeout], summary: "sends TEXT, or standard input; waits until your server has it",
            notes: [
                "Prints nothing but errors. Exit code 75 says that the message is kept here and sent by the next run."
            ],
            examples: [["send", "bob@s2", "hello"], ["send", "public", "-", "--wait", "delivered"]]
        ) { values throws(Refusal) in .send(try values.conversation("to"), text: values.optionalText("text")) },
        VerbSpec(
            name: "file", arguments: [CommandArgument("to", .conversation), CommandArgument("path", .path)],
            options: [.timeout], summary: "offers a file; waits until your server has all of it",
            notes: ["Exit code 75 says that the next run goes on with it."],
            examples: [["file", "bob@s2", "notes.txt"]]
        ) { values throws(Refusal) in .file(try values.conversation("to"), path: try values.text("path")) },
        VerbSpec(
            name: "who", arguments: [], options: [.timeout], summary: "prints who is online", notes: [],
            examples: [["who"]]
        ) { _ throws(Refusal) in .who },
        VerbSpec(
            name: "keys", arguments: [CommandArgument("of", .address, isOptional: true)], options: [.timeout],
            summary: "prints the keys of somebody's devices, or all that are known here", notes: [],
            examples: [["keys"], ["keys", "bob@s2"]]
        ) { values throws(Refusal) in .keys(values.optionalAddress("of")) },
        VerbSpec(
            name: "history", arguments: [CommandArgument("conversation", .conversation, isOptional: true)],
            options: [.count, .timeout], summary: "prints the last messages of a conversation, public unless said",
            notes: [], examples: [["history", "bob@s2", "--count", "5"]]
        ) { values throws(Refusal) in
            .history(values["conversation"] == nil ? .everyone : try values.conversation("conversation"))
        },
        VerbSpec(
            name: "tail", arguments: [], options: [], summary: "prints messages as they come, until a signal",
            notes: ["What is printed counts as read."], examples: [["tail", "--json"]]
        ) { _ throws(Refusal) in .tail },
        VerbSpec(
            name: "accept",
            arguments: [CommandArgument("id", .file), CommandArgument("path", .path, isOptional: true)],
            options: [.timeout], summary: "fetches an offered file and prints where it is",
            notes: ["ID is its number. PATH is a folder, or a file that is not there yet."],
            examples: [["accept", "1"], ["accept", "1", "here.txt"]]
        ) { values throws(Refusal) in .accept(try values.file("id"), path: values.optionalText("path")) },
    ]

    package static func find(_ name: String) -> VerbSpec? { all.first { $0.name == name } }
}

extension VerbSpec {
    /// `send ADDRESS|public [TEXT|-] [--wait STATE]`
    package var usage: String {
        let words = arguments.map { $0.isOptional ? "[\($0.placeholder)]" : $0.placeholder }
        let options = options.map { "[\($0.rawValue) \($0.placeholder ?? "")]" }
        return ([name] + words + options).joined(separator: " ")
    }

    package var help: String {
        let examples = examples.map { "  postroad \($0.joined(separator: " "))" }
        let lines = ["Usage: postroad [USER@SERVER] \(usage)", "", summary] + notes
        return
            (lines + ["", "For example:"] + examples + ["", "Options of every run and exit codes: postroad --help"])
            .joined(separator: "\n")
    }

    /// The words behind the verb.
    func parse(_ words: [String]) throws(StartFault) -> Verb {
        var values = CommandValues()
        var rest = words[...]
        do throws(Refusal) {
            for argument in arguments {
                guard let word = rest.popFirst() else {
                    guard argument.isOptional else {
                        throw Refusal(.missingMember, "\(argument.placeholder) is missing")
                    }
                    continue
                }
                do throws(Refusal) { values[argument.name] = try argument.kind.value(of: word, isTyped: true) } catch {
                    throw Refusal(error.code, "\(SafeText(word)): \(error.text)")
                }
            }
            if let extra = rest.first {
                let hint = arguments.last?.kind.takesRest == true ? " (quote what holds spaces)" : ""
                throw Refusal(.badValue, "\(SafeText(extra)) is too much\(hint)")
            }
            return try make(values)
        } catch { throw StartFault(.usage, "\(name): \(error.text); postroad \(usage)") }
    }
}
