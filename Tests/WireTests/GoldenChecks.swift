import Testing
import Wire

/// What a mutated golden text must be refused with.
struct Mutation: Sendable, CustomTestStringConvertible {
    /// Which golden text, by its name.
    let golden: String
    let path: String
    let json: String
    let code: Refusal.Code

    init(_ golden: String, _ path: String, _ json: String, _ code: Refusal.Code) {
        self.golden = golden
        self.path = path
        self.json = json
        self.code = code
    }

    var testDescription: String { "\(golden): \(path) = \(json.prefix(40))" }
}

/// The checks that every vocabulary passes: both ways, and each member missing, wrongly typed or out of bounds.
struct GoldenChecks<Value: Hashable & Sendable> {
    let encode: (Value) -> [UInt8]
    let decode: ([UInt8]) throws(Refusal) -> Value?
    /// Members that may be absent, as `golden name: path`.
    let optional: Set<String>

    func read(_ text: String) throws(Refusal) -> Value? {
        try decode(Array(text.utf8))
    }

    func expectBothWays(_ golden: Golden<Value>, end: String) throws {
        #expect(text(encode(golden.value)) == golden.text + end)
        let read = try self.read(golden.text)
        #expect(read == golden.value)
        // Equality of texts is canonical equality; the bytes have to be the same ones.
        #expect(read.map { encode($0) } == Array((golden.text + end).utf8))
        // The longest object we write keeps far below what the reader takes.
        let object = try JSONObject(golden.text)
        #expect(object.names.count <= 16)
    }

    /// Later versions may add members anywhere.
    func expectUnknownMembersIgnored(_ golden: Golden<Value>) throws {
        let tree = try Tree(golden.text)
        for (path, value) in [([], tree)] + tree.members {
            guard case .object(let members) = value else { continue }
            let later = Tree.object(members + [("later", .object([("deep", .array([.scalar("1.5")]))]))])
            let grown = tree.replacing(path, with: later).text
            #expect(try read(grown) == golden.value)
        }
    }

    /// Where one of two members has to stand and neither does, the usual one is missed.
    private let instead = ["file": "text", "refusal": "data"]

    func expectMissingMembersRefused(_ golden: Golden<Value>) throws {
        let tree = try Tree(golden.text)
        for (path, _) in tree.members {
            for replacement in [nil, Tree.scalar("null")] {
                let mutated = tree.replacing(path, with: replacement).text
                let place = path.joined(separator: ".")
                let refused = refusal { () throws(Refusal) in try read(mutated) }
                if optional.contains("\(golden.name): \(place)") {
                    #expect(refused == nil, "\(place)")
                } else if path.last == "sealed" {
                    #expect(refused?.code == .notSealed)
                } else {
                    let name = instead[path.last ?? ""] ?? path.last ?? ""
                    #expect(refused == Refusal(.missingMember, "\"\(name)\" is missing"), "\(place)")
                }
            }
        }
    }

    func expectWrongTypesRefused(_ golden: Golden<Value>) throws {
        let tree = try Tree(golden.text)
        for (path, value) in tree.members {
            let wrong: [String] =
                switch value {
                case .scalar(let text) where text.hasPrefix("\""): ["1", "true", "[]", "{}"]
                case .scalar(let text) where text == "true" || text == "false": ["1", "\"true\"", "[]", "{}"]
                case .scalar: ["1.0", "1e0", "9223372036854775808", "\"1\"", "true", "[]", "{}"]
                case .array: ["1", "\"\"", "true", "{}", "[1.5]", "[null]", "[[]]"]
                case .object: ["1", "\"\"", "false", "[]"]
                }
            for json in wrong {
                let mutated = tree.replacing(path, with: .scalar(json)).text
                let refused = refusal { () throws(Refusal) in try read(mutated) }
                let place = path.joined(separator: ".")
                #expect(refused?.code == .wrongType, "\(place) = \(json): \(refused?.text ?? "accepted")")
                #expect(refused?.text.hasPrefix("\"\(path.last ?? "")\"") == true, "\(place) = \(json)")
            }
        }
    }

    func expectRefused(_ mutation: Mutation, in goldens: [Golden<Value>]) throws {
        let golden = try #require(goldens.first { $0.name == mutation.golden })
        let path = mutation.path.split(separator: ".").map(String.init)
        let tree = try Tree(golden.text)
        try #require(tree.members.contains { $0.path == path }, "nothing is at \(mutation.path)")
        let mutated = tree.replacing(path, with: .scalar(mutation.json)).text
        let refused = refusal { () throws(Refusal) in try read(mutated) }
        #expect(refused?.code == mutation.code, "\(refused?.text ?? "accepted")")
        #expect(refused?.text.contains("\"\(path.last ?? "")\"") == true, "\(refused?.text ?? "accepted")")
    }
}

/// Texts that stand for no name, as JSON strings.
let badNames = [#""""#, #""Alice""#, #""a b""#, "\"" + String(repeating: "a", count: 65) + "\"", #""\u0000""#]
let badAddresses = [#""""#, #""alice""#, #""alice@S1""#, #""@s1""#, #""alice@""#, #""alice@s1@s2""#, #""public@s1""#]
let badIDs = [#""""#, #""017F22E2-79B0-7CC3-98C4-DC0C0C07398F""#, #""017f22e2-79b0-4cc3-98c4-dc0c0c07398f""#]
let badFingerprints = [#""""#, #""ab""#, "\"" + String(repeating: "AB", count: 32) + "\""]
let badKeys = [#""""#, #""ed25519:""#, #""ed25519:AAAA""#, "\"\(Sample.nonceText)\""]

/// Base64 of `count` bytes, as a JSON string.
func base64(_ count: Int) -> String {
    let tail = ["", "qg==", "qqo="][count % 3]
    return "\"" + String(repeating: "qqqq", count: count / 3) + tail + "\""
}

func each(_ golden: String, _ path: String, _ values: [String], _ code: Refusal.Code) -> [Mutation] {
    values.map { Mutation(golden, path, $0, code) }
}
