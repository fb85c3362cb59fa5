import TerminalClient
import Testing
import Wire

@Suite struct JSONCommandTests {
    private func parse(_ text: String) throws(JSONCommand.Fault) -> JSONCommand {
        try JSONCommand(parsing: Array(text.utf8))
    }

    @Test func readsEachCommand() throws {
        let bob = try Address(parsing: "bob@s2")
        let id = try #require(MessageID("0191f2b0-0000-7000-8000-000000000001"))
        let vectors: [(String, Command)] = [
            (#"{"do":"message","to":"public","text":"hi"}"#, .message(to: .everyone, text: "hi", id: nil)),
            (
                #"{"do":"message","to":"Bob@S2","text":"hi","id":"0191f2b0-0000-7000-8000-000000000001"}"#,
                .message(to: .direct(bob), text: "hi", id: id)
            ), (#"{"do":"who"}"#, .who), (#"{"do":"keys","of":"bob@s2"}"#, .keys(of: bob)),
            (#"{"do":"keys"}"#, .keys(of: nil)),
            (
                #"{"do":"history","conversation":"public"}"#,
                .history(.everyone, count: 50, before: nil, after: nil)
            ),
            (
                #"{"do":"history","conversation":"bob@s2","count":3,"before":9}"#,
                .history(.direct(bob), count: 3, before: 9, after: nil)
            ),
            (
                #"{"do":"history","conversation":"bob@s2","after":0}"#,
                .history(.direct(bob), count: 50, before: nil, after: 0)
            ), (#"{"do":"file","to":"public","path":"a b"}"#, .file(to: .everyone, path: "a b", id: nil)),
            (#"{"do":"files"}"#, .files),
            (#"{"do":"accept","id":"\#(id)","path":"x/"}"#, .accept(.id(id), path: "x/")),
            (#"{"do":"cancel","id":"\#(id)"}"#, .cancel(.id(id))), (#"{"do":"trust","of":"bob@s2"}"#, .trust(bob)),
            (#"{"do":"quit","more":[1]}"#, .quit),
        ]
        for (text, command) in vectors { #expect(try parse(text).command == command) }
    }

    @Test func keepsTheRefAsItWas() throws {
        #expect(try parse(#"{"do":"who","ref":"a"}"#).ref == .text("a"))
        #expect(try parse(#"{"do":"who","ref":-7}"#).ref == .number(-7))
        #expect(try parse(#"{"do":"who"}"#).ref == nil)
    }

    @Test(arguments: [
        ("nonsense", Refusal.Code.malformedJSON), (#"{"do":"who","do":"who"}"#, .duplicateMember),
        ("{}", .missingMember),
        (#"{"do":7}"#, .wrongType), (#"{"do":"whoo"}"#, .unknownTag), (#"{"do":"message","text":"x"}"#, .missingMember),
        (#"{"do":"message","to":"nobody","text":"x"}"#, .badAddress),
        (#"{"do":"message","to":"public"}"#, .missingMember),
        (#"{"do":"message","to":"public","text":5}"#, .wrongType),
        (#"{"do":"message","to":"public","text":"x","id":"1"}"#, .badID), (#"{"do":"accept"}"#, .missingMember),
        (#"{"do":"accept","id":"1"}"#, .badID), (#"{"do":"cancel","id":1}"#, .wrongType),
        (#"{"do":"file","to":"public"}"#, .missingMember), (#"{"do":"to","to":"public"}"#, .unknownTag),
        (#"{"do":"help"}"#, .unknownTag),
        (#"{"do":"keys","of":"public"}"#, .badAddress), (#"{"do":"history"}"#, .missingMember),
        (#"{"do":"history","conversation":"public","count":0}"#, .badValue),
        (#"{"do":"history","conversation":"public","count":501}"#, .badValue),
        (#"{"do":"history","conversation":"public","before":0}"#, .badValue),
        (#"{"do":"trust","of":"x"}"#, .badAddress),
        (#"{"do":"who","ref":[]}"#, .wrongType), (#"{"do":"who","ref":1.5}"#, .wrongType),
    ])
    func refuses(_ text: String, _ code: Refusal.Code) {
        let fault = #expect(throws: JSONCommand.Fault.self) { try parse(text) }
        #expect(fault?.refusal.code == code)
    }

    @Test func aRefusedCommandKeepsItsRefAndHelps() {
        let fault = #expect(throws: JSONCommand.Fault.self) { try parse(#"{"do":"mesage","ref":4}"#) }
        #expect(fault?.ref == .number(4))
        #expect(fault?.refusal.text.contains("did you mean \"message\"?") == true)
    }

    @Test func aRefIsANameAndNoPayload() {
        let long = String(repeating: "r", count: 257)
        let fault = #expect(throws: JSONCommand.Fault.self) { try parse(#"{"do":"who","ref":"\#(long)"}"#) }
        #expect(fault?.refusal.code == .tooLong)
    }
}
