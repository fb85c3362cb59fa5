import Bytes
import Testing
import Wire

struct JSONWriterTests {
    @Test func writesWithoutSpacesInOrder() {
        let bytes = JSONWriter.object { writer in
            writer.member("z", "text")
            writer.member("a", Int64.min)
            writer.member("flag", true)
            writer.member("bytes", base64: [0, 1, 2])
            writer.member("json", json: Array("[1]".utf8))
            writer.object("inner") { _ in }
            writer.array("list") { writer in
                writer.element("x")
                writer.element(7)
                writer.object { $0.member("no", false) }
                writer.object { _ in }
            }
            writer.array("none") { _ in }
            writer.member("last", "")
        }
        #expect(
            text(bytes) == """
                {"z":"text","a":-9223372036854775808,"flag":true,"bytes":"AAEC","json":[1],"inner":{},\
                "list":["x",7,{"no":false},{}],"none":[],"last":""}
                """)
        #expect(JSONWriter.line { _ in } == Array("{}\n".utf8))
    }

    @Test func escapesWhatItMust() {
        let bytes = JSONWriter.object { $0.member("a", "\"\\/\u{0}\u{8}\t\n\u{C}\r\u{1B}\u{1F} \u{7F}\u{E9}👋") }
        #expect(
            text(bytes) == #"{"a":"\"\\/\u0000\u0008\t\n\u000c\r\u001b\u001f "# + "\u{7F}\u{E9}👋\"}")
        #expect(text(JSONWriter.object { $0.member("\"\n", "") }) == #"{"\"\n":""}"#)
    }

    /// A line never holds a line feed of its own, whatever its texts hold.
    @Test func everyScalarSurvives() throws {
        let scalars =
            (UInt32(0)...0x2FF).compactMap(Unicode.Scalar.init) + [
                "\u{2028}", "\u{2029}", "\u{202E}", "\u{D7FF}", "\u{E000}", "\u{FEFF}", "\u{FFFF}", "\u{10000}",
                "\u{10FFFF}",
            ]
        for scalar in scalars {
            let line = JSONWriter.line { $0.member("a", "x\(scalar)y") }
            #expect(line.dropLast().allSatisfy { $0 >= 0x20 } && line.last == 0x0A)
            let read = try JSONObject(parsing: line).string("a")
            #expect(Array(read.utf8) == Array("x\(scalar)y".utf8))
        }
    }

    @Test(arguments: 0..<8) func randomTreesSurvive(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<150 {
            let tree = RandomTree(depth: 15, using: &random)
            let bytes = JSONWriter.object { tree.write(into: &$0) }
            try tree.expectEqual(JSONObject(parsing: bytes))
        }
    }
}

/// An object with random members, each written by one call of the writer and read back by one of the reader.
private struct RandomTree {
    enum Value {
        case text(String), integer(Int64), flag(Bool), bytes([UInt8]), object(RandomTree)
        case texts([String]), integers([Int64]), objects([RandomTree])
    }

    var members: [(name: String, value: Value)] = []

    init(depth: Int, using random: inout SplitMix64) {
        for index in 0..<Int.random(in: 0...5, using: &random) {
            // Names are made of what a name may hold unescaped, and are told apart by their numbers.
            let name =
                "\(index)"
                + RandomTree.text(using: &random).unicodeScalars.prefix(8).filter {
                    $0.value >= 0x20 && $0 != "\"" && $0 != "\\"
                }.map(String.init).joined()
            members.append((name, RandomTree.value(depth: depth, using: &random)))
        }
    }

    private static func value(depth: Int, using random: inout SplitMix64) -> Value {
        let count = Int.random(in: 0...3, using: &random)
        switch Int.random(in: 0..<(depth > 1 ? 8 : 4), using: &random) {
        case 0: return .text(text(using: &random))
        case 1: return .integer(integer(using: &random))
        case 2: return .flag(Bool.random(using: &random))
        case 3: return .bytes((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        case 4: return .object(RandomTree(depth: depth - 1, using: &random))
        case 5: return .texts((0..<count).map { _ in text(using: &random) })
        case 6: return .integers((0..<count).map { _ in integer(using: &random) & Int64.max })
        default:
            // An object inside an array lies two levels deeper.
            return .objects(depth > 2 ? (0..<count).map { _ in RandomTree(depth: depth - 2, using: &random) } : [])
        }
    }

    private static func integer(using random: inout SplitMix64) -> Int64 {
        Int64.random(in: Int64.min...Int64.max, using: &random) >> Int64.random(in: 0..<64, using: &random)
    }

    private static func text(using random: inout SplitMix64) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let top: UInt32 = [0x20, 0x80, 0x300, 0x10000, 0x110000][Int.random(in: 0..<5, using: &random)]
            text.append(Unicode.Scalar(UInt32.random(in: 0..<top, using: &random)) ?? "\\")
        }
        return String(text)
    }

    func write(into writer: inout JSONWriter) {
        for (name, value) in members {
            switch value {
            case .text(let text): writer.member(name, text)
            case .integer(let integer): writer.member(name, integer)
            case .flag(let flag): writer.member(name, flag)
            case .bytes(let bytes): writer.member(name, base64: bytes)
            case .object(let tree): writer.object(name) { tree.write(into: &$0) }
            case .texts(let texts): writer.array(name) { for text in texts { $0.element(text) } }
            case .integers(let integers): writer.array(name) { for integer in integers { $0.element(integer) } }
            case .objects(let trees): writer.array(name) { for tree in trees { $0.object { tree.write(into: &$0) } } }
            }
        }
    }

    func expectEqual(_ object: JSONObject) throws {
        #expect(object.names.map { Array($0.name.utf8) } == members.map { Array($0.name.utf8) })
        for (name, value) in members {
            switch value {
            case .text(let text): #expect(Array(try object.string(name).utf8) == Array(text.utf8))
            case .integer(let integer):
                #expect(try object.integer(name, in: Int64.min...Int64.max) == integer)
            case .flag(let flag): #expect(try object.flag(name) == flag)
            case .bytes(let bytes): #expect(try object.bytes(name, count: bytes.count...bytes.count) == bytes)
            case .object(let tree): try tree.expectEqual(object.object(name))
            case .texts(let texts):
                #expect(try object.strings(name, countMax: 3).map { Array($0.utf8) } == texts.map { Array($0.utf8) })
            case .integers(let integers): #expect(try object.integers(name, countMax: 3) == integers)
            case .objects(let trees):
                let objects = try object.objects(name, countMax: 3)
                #expect(objects.count == trees.count)
                for (tree, object) in zip(trees, objects) { try tree.expectEqual(object) }
            }
        }
    }
}
