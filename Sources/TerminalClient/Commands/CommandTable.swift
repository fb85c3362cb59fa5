import Wire

/// One command: how it is entered in JSON and how it is typed, what it is told, and what it does.
package struct CommandSpec: Sendable {
    /// The same command in both forms. What is typed is meant for somebody who is in `public`.
    package struct Example: Sendable {
        package let json: String?
        package let typed: String?
    }

    /// Of `do`; nil if it is typed only.
    package let jsonName: String?
    /// Behind the slash; nil if programs alone have it.
    package let typedName: String?
    package let arguments: [CommandArgument]
    /// One line of the help.
    package let summary: String
    /// What else `/help COMMAND` says.
    package let notes: [String]
    package let examples: [Example]
    let make: @Sendable (CommandValues) throws(Refusal) -> Command
}

/// All commands, in the order of the help. Parsers, help, hints and completion know no others.
package enum CommandTable {
    package static let all: [CommandSpec] = talk + look + files + rest

    /// A screenful or two.
    package static let historyCountDefault = 50

    /// The command of that name, in either form, with its slash or without.
    package static func find(_ name: String) -> CommandSpec? {
        let word = Array(name.utf8.starts(with: "/".utf8) ? name.utf8.dropFirst() : name.utf8[...])
        return all.first { spec in
            [spec.typedName, spec.jsonName].contains { $0.map { Array($0.utf8) } == word }
        }
    }

    private static let talk: [CommandSpec] = [
        CommandSpec(
            jsonName: "message", typedName: "msg",
            arguments: [
                CommandArgument("to", .conversation), CommandArgument("text", .text),
                CommandArgument("id", .id, isOptional: true, typing: .never),
            ],
            summary: "sends words; a line without a slash goes to the current conversation",
            notes: ["A line that begins with two slashes is sent with one."],
            examples: [
                .init(
                    json: #"{"do":"message","to":"bob@s2","text":"hello Bob"}"#, typed: "/msg bob@s2 hello Bob"),
                .init(json: #"{"do":"message","to":"public","text":"hello all"}"#, typed: "hello all"),
                .init(json: #"{"do":"message","to":"public","text":"/etc is a folder"}"#, typed: "//etc is a folder"),
                .init(
                    json: #"{"do":"message","to":"public","text":"hi","id":"0191f2b0-0000-7000-8000-000000000001"}"#,
                    typed: nil),
            ]
        ) { values throws(Refusal) in
            .message(
                to: try values.conversation("to"), text: try values.text("text"), id: values.optionalID("id"))
        },
        CommandSpec(
            jsonName: nil, typedName: "to", arguments: [CommandArgument("to", .conversation)],
            summary: "chooses whom plain lines go to",
            notes: ["The prompt shows who it is."],
            examples: [.init(json: nil, typed: "/to bob@s2"), .init(json: nil, typed: "/to public")]
        ) { values throws(Refusal) in .to(try values.conversation("to")) },
    ]

    private static let look: [CommandSpec] = [
        CommandSpec(
            jsonName: "who", typedName: "who", arguments: [],
            summary: "who is online, here and on linked servers", notes: [],
            examples: [.init(json: #"{"do":"who"}"#, typed: "/who")]
        ) { _ throws(Refusal) in .who },
        CommandSpec(
            jsonName: "keys", typedName: "keys", arguments: [CommandArgument("of", .address, isOptional: true)],
            summary: "the keys of somebody's devices; without an address, all that are known here",
            notes: ["Compare the fingerprints with what their owner sees, by another way than this network."],
            examples: [
                .init(json: #"{"do":"keys","of":"bob@s2"}"#, typed: "/keys bob@s2"),
                .init(json: #"{"do":"keys"}"#, typed: "/keys"),
            ]
        ) { values throws(Refusal) in .keys(of: values.optionalAddress("of")) },
        CommandSpec(
            jsonName: "history", typedName: "history",
            arguments: [
                CommandArgument("conversation", .conversation, typing: .current),
                CommandArgument("count", .number(1...Int64(HistoryRange.countMax)), isOptional: true),
                CommandArgument("before", .number(1...Int64.max), isOptional: true, placeholder: "BEFORE"),
                CommandArgument("after", .number(0...Int64.max), isOptional: true, typing: .never),
            ],
            summary: "earlier messages of the current conversation",
            notes: [
                "N is how many, \(historyCountDefault) unless said, of the newest ones.",
                "BEFORE is a place in the conversation, as gaps name it: only what stands below is shown.",
            ],
            examples: [
                .init(
                    json: #"{"do":"history","conversation":"public","count":20}"#, typed: "/history 20"),
                .init(
                    json: #"{"do":"history","conversation":"public","count":3,"before":15}"#, typed: "/history 3 15"),
                .init(json: #"{"do":"history","conversation":"bob@s2","after":7}"#, typed: nil),
            ]
        ) { values throws(Refusal) in
            .history(
                try values.conversation("conversation"),
                count: values.optionalNumber("count").map { Int($0) } ?? historyCountDefault,
                before: values.optionalNumber("before"), after: values.optionalNumber("after"))
        },
    ]

    private static let files: [CommandSpec] = [
        CommandSpec(
            jsonName: "file", typedName: "file",
            arguments: [
                CommandArgument("to", .conversation), CommandArgument("path", .path),
                CommandArgument("id", .id, isOptional: true, typing: .never),
            ],
            summary: "offers a file",
            notes: ["It is sent to your server first, so that it can be fetched while you are away."],
            examples: [
                .init(
                    json: #"{"do":"file","to":"bob@s2","path":"notes.txt"}"#, typed: "/file bob@s2 notes.txt")
            ]
        ) { values throws(Refusal) in
            .file(to: try values.conversation("to"), path: try values.text("path"), id: values.optionalID("id"))
        },
        CommandSpec(
            jsonName: "files", typedName: "files", arguments: [],
            summary: "files that are offered or on their way, and the last ones that were", notes: [],
            examples: [.init(json: #"{"do":"files"}"#, typed: "/files")]
        ) { _ throws(Refusal) in .files },
        CommandSpec(
            jsonName: "accept", typedName: "accept",
            arguments: [CommandArgument("id", .file), CommandArgument("path", .path, isOptional: true)],
            summary: "fetches an offered file into the folder for downloads, or to PATH",
            notes: ["ID is the file's number. PATH is a folder, or a file that is not there yet."],
            examples: [
                .init(
                    json: #"{"do":"accept","id":"0191f2b0-0000-7000-8000-000000000001"}"#,
                    typed: "/accept 0191f2b0-0000-7000-8000-000000000001"),
                .init(json: nil, typed: "/accept 1 here.txt"),
            ]
        ) { values throws(Refusal) in .accept(try values.file("id"), path: values.optionalText("path")) },
        CommandSpec(
            jsonName: "cancel", typedName: "cancel", arguments: [CommandArgument("id", .file)],
            summary: "takes back the offer of a file, or declines one", notes: ["ID is the file's number."],
            examples: [
                .init(
                    json: #"{"do":"cancel","id":"0191f2b0-0000-7000-8000-000000000001"}"#,
                    typed: "/cancel 0191f2b0-0000-7000-8000-000000000001"),
                .init(json: nil, typed: "/cancel 1"),
            ]
        ) { values throws(Refusal) in .cancel(try values.file("id")) },
    ]

    private static let rest: [CommandSpec] = [
        CommandSpec(
            jsonName: "trust", typedName: "trust", arguments: [CommandArgument("of", .address)],
            summary: "accepts the present keys of somebody whose keys were replaced; what waited is sent",
            notes: ["Ask its owner by another way first whether the keys are theirs."],
            examples: [.init(json: #"{"do":"trust","of":"bob@s2"}"#, typed: "/trust bob@s2")]
        ) { values throws(Refusal) in .trust(try values.address("of")) },
        CommandSpec(
            jsonName: nil, typedName: "help",
            arguments: [CommandArgument("command", .command, isOptional: true, isInJSON: false)],
            summary: "all commands, or what one does", notes: [],
            examples: [.init(json: nil, typed: "/help"), .init(json: nil, typed: "/help msg")]
        ) { values throws(Refusal) in .help(values.optionalText("command")) },
        CommandSpec(
            jsonName: "quit", typedName: "quit", arguments: [],
            summary: "ends; what is not sent yet is kept and sent by the next run", notes: [],
            examples: [.init(json: #"{"do":"quit"}"#, typed: "/quit")]
        ) { _ throws(Refusal) in .quit },
    ]
}
