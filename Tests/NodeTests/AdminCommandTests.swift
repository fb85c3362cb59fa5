import Federation
import Net
import Node
import Testing
import Wire

private func key(_ byte: UInt8) -> String { IdentityKey(bytes: [UInt8](repeating: byte, count: 32))?.text ?? "" }

/// What an administrator can say, on the command line and on the socket.
@Suite struct AdminCommandTests {
    /// The same command as it is typed and as it goes over the socket.
    static let forms: [(words: [String], line: String)] = [
        (["peers", "list"], #"{"do":"peers list"}"#),
        (["peers", "why", "s2"], #"{"do":"peers why","name":"s2"}"#),
        (["peers", "test", "s2"], #"{"do":"peers test","name":"s2"}"#),
        (["peers", "retry", "s2"], #"{"do":"peers retry","name":"s2"}"#),
        (["peers", "pause", "s2"], #"{"do":"peers pause","name":"s2"}"#),
        (["peers", "resume", "s2"], #"{"do":"peers resume","name":"s2"}"#),
        (["peers", "trust", "s2"], #"{"do":"peers trust","name":"s2"}"#),
        (
            ["peers", "trust", "s2", "--key", key(1), "--yes"],
            #"{"do":"peers trust","name":"s2","key":"\#(key(1))","yes":true}"#
        ),
        (["peers", "add", "s2", "host:1"], #"{"do":"peers add","name":"s2","address":"host:1"}"#),
        (
            ["peers", "add", "s2", "ws://[::1]:7", "--key=\(key(2))"],
            #"{"do":"peers add","name":"s2","address":"ws://[::1]:7","key":"\#(key(2))"}"#
        ),
        (["peers", "remove", "s2"], #"{"do":"peers remove","name":"s2"}"#),
        (["peers", "remove", "s2", "--yes"], #"{"do":"peers remove","name":"s2","yes":true}"#),
        (["key", "rotate"], #"{"do":"key rotate"}"#),
    ]

    private func request(_ words: [String]) throws -> AdminRequest {
        guard case .administer(let request, "setup.json", false) = try NodeCommand(parsing: words) else {
            throw NoAdministration()
        }
        return request
    }

    private struct NoAdministration: Error {}

    @Test(arguments: forms.indices) func bothFormsMeanTheSame(_ index: Int) throws {
        let form = AdminCommandTests.forms[index]
        let typed = try request(form.words)
        #expect(String(decoding: typed.encoded(), as: UTF8.self) == form.line + "\n")
        let read = try AdminRequest(try JSONObject(message: Array(form.line.utf8)))
        #expect(read == typed)
        #expect(try AdminCommand(read) == AdminCommand(typed))
    }

    @Test func everyVerbHasAForm() {
        let named = Set(AdminCommandTests.forms.map { $0.words.prefix(2).joined(separator: " ") })
        #expect(named == Set(AdminVerb.allCases.map(\.rawValue)))
    }

    @Test(arguments: [1, 2, 3, 64, Int.max]) func commandsArriveInPiecesOfEverySize(size: Int) throws {
        let bytes = AdminCommandTests.forms.flatMap { form -> [UInt8] in Array(form.line.utf8) + [0x0A] }
        var splitter = LineSplitter(lineBytesMax: AdminRequest.bytesMax)
        var read: [AdminRequest] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            splitter.receive(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let line = try splitter.next() { read.append(try AdminRequest(try JSONObject(message: line))) }
        }
        #expect(try read == AdminCommandTests.forms.map { try request($0.words) })
    }

    @Test func valuesBecomeTyped() throws {
        let add = try AdminCommand(try request(["peers", "add", "s2", "wss://Host:7", "--key", key(2)]))
        guard case .add(let name, let target, let named) = add else { return #expect(Bool(false)) }
        #expect(name.text == "s2" && named?.text == key(2))
        #expect(target.description == "wss://host:7" && target.requiresTLS && target.transport == .tls)
        // What is kept of it reads back as the same.
        #expect(try PeerTarget(target.description, named: "") == target)
        let plain = try PeerTarget("ws://[::1]/", named: "")
        #expect(plain.description == "ws://[::1]:5555" && plain.transport == .plaintext && !plain.requiresTLS)
        #expect(try PeerTarget(plain.description, named: "") == plain)
    }

    @Test(
        "is refused with a hint",
        arguments: [
            (["peers"], "is not known"), (["peers", "lsit"], "did you mean \"peers list\"?"),
            (["peers", "list", "s2"], "one word too many"), (["peers", "why"], "say: peers why NAME"),
            (["peers", "why", "S2"], "NAME: "), (["peers", "why", "s2", "s3"], "one word too many"),
            (["peers", "why", "s2", "--yes"], "--yes does not go with peers"),
            (["peers", "add", "s2"], "say: peers add NAME ADDRESS [--key KEY]"),
            (["peers", "add", "s2", "host:0"], "ADDRESS"), (["peers", "add", "s2", "a b:1"], "ADDRESS"),
            (["peers", "add", "s2", "host:1", "--key", "x"], "--key takes ed25519:"),
            (["peers", "add", "s2", "host:1", "--key"], "--key needs a value"),
            (["peers", "trust", "\u{1B}[2J"], "NAME: "), (["run", "--yes"], "--yes does not go with run"),
            (["key", "rotat"], "did you mean \"key rotate\"?"), (["key", "rotate", "s1"], "one word too many"),
            (["peer"], "did you mean \"peers\"?"),
        ])
    func refused(_ arguments: [String], words: String) throws {
        let error = #expect(throws: UsageError.self) { _ = try NodeCommand(parsing: arguments) }
        #expect(error?.text.contains(words) == true, "\(error?.text ?? "")")
        #expect(error?.text.contains("\u{1B}") == false)
    }

    @Test(
        "a line is refused with a code",
        arguments: [
            ("{}", Refusal.Code.missingMember), (#"{"do":"peers lost"}"#, .unknownTag), (#"{"do":1}"#, .wrongType),
            (#"{"do":"peers why"}"#, .missingMember), (#"{"do":"peers why","name":"S2"}"#, .badAddress),
            (#"{"do":"peers why","name":7}"#, .wrongType),
            (#"{"do":"peers add","name":"s2","address":"host"}"#, nil),
            (#"{"do":"peers add","name":"s2","address":""}"#, .badValue),
            (#"{"do":"peers add","name":"s2","address":"h:1","key":"ed25519:AA=="}"#, .badValue),
            (#"{"do":"peers remove","name":"s2","yes":"yes"}"#, .wrongType),
            (#"{"do":"peers remove","name":"s2","later":[1]}"#, nil),
            (#"{"do":"peers why","name":"\#(String(repeating: "x", count: 600))"}"#, .tooLong),
        ] as [(String, Refusal.Code?)])
    func lines(_ line: String, code: Refusal.Code?) throws {
        var refusal: Refusal?
        do throws(Refusal) { _ = try AdminCommand(try AdminRequest(try JSONObject(message: Array(line.utf8)))) } catch {
            refusal = error
        }
        #expect(refusal?.code == code)
    }

    @Test func onlyTheOwnerAndRootAreHeard() {
        for (user, isAllowed) in [(1000, true), (0, true), (1001, false), (nil, false)] as [(UInt32?, Bool)] {
            #expect(AdminRequest.isAllowed(for: user, owner: 1000) == isAllowed)
        }
        #expect(!AdminRequest.isAllowed(for: 1000, owner: 0) && !AdminRequest.isAllowed(for: nil, owner: 0))
    }

    @Test func helpAndManualHoldTheTable() throws {
        let manual = try documentText("Docs/operating.md")
        for verb in AdminVerb.allCases {
            #expect(NodeCommand.helpText.contains("  \(verb.usage) "))
            #expect(NodeCommand.helpText.contains(verb.row.meaning))
            #expect(manual.contains("| `\(verb.usage)` | \(verb.row.meaning) |"), "\(verb.usage)")
        }
    }
}
