import Bytes
import Testing
import Wire

/// A text that is refused: by which code, and at which byte.
struct RefusedJSON: Sendable, CustomTestStringConvertible {
    let bytes: [UInt8]
    let code: Refusal.Code
    let offset: Int

    init(_ bytes: [UInt8], _ code: Refusal.Code, at offset: Int) {
        self.bytes = bytes
        self.code = code
        self.offset = offset
    }

    init(_ text: String, _ code: Refusal.Code = .malformedJSON, at offset: Int) {
        self.init(Array(text.utf8), code, at: offset)
    }

    var testDescription: String { text(Array(bytes.prefix(60))) }
}

struct JSONReaderTests {
    @Test(arguments: [
        "{}", " {} ", "\t\r\n{\t\r\n}\t\r\n", #"{"a":0}"#, #"{"":0}"#, #"{ "a" : [ ] , "b" : { } }"#,
        #"{"a":[1,[2,[3]],{"a":{"a":null}}]}"#, #"{"a":{"x":1},"b":{"x":1}}"#, #"{"a":[{"x":1},{"x":1}]}"#,
        #"{"a":"A"}"#, #"{"a":1.0e+1,"b":-0.0,"c":0E-0,"d":123e5,"e":1e99999,"f":-1}"#,
        "{\"\u{E9}\":1,\"e\u{301}\":2}", "{\"a\":\"\u{7F}\u{80}\u{FFFF}\u{10FFFF}\u{FEFF}\u{2028}\"}",
        #"{"a":true,"b":false,"c":null}"#, "{\"a\":\"\\u0000\\uD834\\uDD1E\"}",
    ])
    func accepts(_ text: String) throws { _ = try JSONObject(text) }

    @Test(arguments: [
        // The outermost value, and what surrounds it.
        RefusedJSON("", at: 0), RefusedJSON("   ", at: 3), RefusedJSON("[]", at: 0), RefusedJSON("\"a\"", at: 0),
        RefusedJSON("1", at: 0), RefusedJSON("null", at: 0), RefusedJSON("{} {}", at: 3), RefusedJSON("{},", at: 2),
        RefusedJSON("{}}", at: 2), RefusedJSON("{}\u{0}", at: 2), RefusedJSON("\u{0}{}", at: 0),
        RefusedJSON("{} // end", at: 3), RefusedJSON("/* */{}", at: 0), RefusedJSON("\u{FEFF}{}", at: 0),
        RefusedJSON("{}\u{FEFF}", at: 2), RefusedJSON("\u{A0}{}", at: 0), RefusedJSON("\u{C}{}", at: 0),
        // Objects.
        RefusedJSON("{", at: 1), RefusedJSON("{,}", at: 1), RefusedJSON("{a:1}", at: 1), RefusedJSON("{'a':1}", at: 1),
        RefusedJSON("{1:1}", at: 1), RefusedJSON("{\"a\"}", at: 4), RefusedJSON("{\"a\":}", at: 5),
        RefusedJSON("{\"a\" 1}", at: 5), RefusedJSON("{\"a\"=1}", at: 4), RefusedJSON("{\"a\":1,}", at: 7),
        RefusedJSON("{\"a\":1 \"b\":2}", at: 7), RefusedJSON("{\"a\":1", at: 6), RefusedJSON("{\"a\":1]", at: 6),
        RefusedJSON("{\"a\":1,,\"b\":2}", at: 7), RefusedJSON("{\"a\"::1}", at: 5), RefusedJSON("{\"a", at: 3),
        RefusedJSON("{null:1}", at: 1), RefusedJSON("{\"\\u0061\":1}", at: 9),
        // Arrays.
        RefusedJSON("{\"a\":[}", at: 6), RefusedJSON("{\"a\":[1,]}", at: 8), RefusedJSON("{\"a\":[,1]}", at: 6),
        RefusedJSON("{\"a\":[1 2]}", at: 8), RefusedJSON("{\"a\":[1}", at: 7), RefusedJSON("{\"a\":[1", at: 7),
        // Words.
        RefusedJSON("{\"a\":True}", at: 5), RefusedJSON("{\"a\":nul}", at: 5), RefusedJSON("{\"a\":nulll}", at: 9),
        RefusedJSON("{\"a\":fals", at: 5), RefusedJSON("{\"a\":NaN}", at: 5), RefusedJSON("{\"a\":Infinity}", at: 5),
        RefusedJSON("{\"a\":undefined}", at: 5), RefusedJSON("{\"a\":t", at: 5),
        // Numbers.
        RefusedJSON("{\"a\":01}", at: 5), RefusedJSON("{\"a\":-01}", at: 5), RefusedJSON("{\"a\":00}", at: 5),
        RefusedJSON("{\"a\":+1}", at: 5), RefusedJSON("{\"a\":-}", at: 5), RefusedJSON("{\"a\":--1}", at: 5),
        RefusedJSON("{\"a\":.5}", at: 5), RefusedJSON("{\"a\":1.}", at: 7), RefusedJSON("{\"a\":1.e1}", at: 7),
        RefusedJSON("{\"a\":1e}", at: 7), RefusedJSON("{\"a\":1e+}", at: 8), RefusedJSON("{\"a\":1e+-1}", at: 8),
        RefusedJSON("{\"a\":0x1}", at: 6), RefusedJSON("{\"a\":1_000}", at: 6), RefusedJSON("{\"a\":1.2.3}", at: 8),
        RefusedJSON("{\"a\":1e1.5}", at: 8), RefusedJSON("{\"a\":\u{FF11}}", at: 5), RefusedJSON("{\"a\":1", at: 6),
        RefusedJSON("{\"a\":-", at: 5), RefusedJSON("{\"a\":1\u{0}}", at: 6),
        // Strings.
        RefusedJSON("{\"a\":\"", at: 6), RefusedJSON("{\"a\":\"b", at: 7), RefusedJSON("{\"a\":'b'}", at: 5),
        RefusedJSON("{\"a\":\"\\", at: 6), RefusedJSON("{\"a\":\"\\\"", at: 8), RefusedJSON("{\"a\":\"\u{0}\"}", at: 6),
        RefusedJSON("{\"a\":\"\n\"}", at: 6), RefusedJSON("{\"a\":\"x\t\"}", at: 7),
        RefusedJSON("{\"a\":\"\u{1F}\"}", at: 6), RefusedJSON("{\"a\":\"\\x41\"}", at: 6),
        RefusedJSON("{\"a\":\"\\'\"}", at: 6), RefusedJSON("{\"a\":\"\\U0041\"}", at: 6),
        RefusedJSON("{\"a\":\"\\a\"}", at: 6), RefusedJSON("{\"a\":\"\\0\"}", at: 6),
        RefusedJSON("{\"a\":\"\\\u{E9}\"}", at: 6), RefusedJSON("{\"a\":\"\\\n\"}", at: 6),
        // Escapes in hexadecimal.
        RefusedJSON("{\"a\":\"\\u\"}", at: 6), RefusedJSON("{\"a\":\"\\u12\"}", at: 6),
        RefusedJSON("{\"a\":\"\\u123\"}", at: 6), RefusedJSON("{\"a\":\"\\u12", at: 6),
        RefusedJSON("{\"a\":\"\\u12G4\"}", at: 6), RefusedJSON("{\"a\":\"\\u 123\"}", at: 6),
        RefusedJSON("{\"a\":\"\\u+123\"}", at: 6), RefusedJSON("{\"a\":\"\\u\u{FF11}1\"}", at: 6),
        RefusedJSON("{\"a\":\"\\uD800\"}", at: 6), RefusedJSON("{\"a\":\"\\uDBFF\\u0041\"}", at: 6),
        RefusedJSON("{\"a\":\"\\uD800\\uD800\"}", at: 6), RefusedJSON("{\"a\":\"\\uD800x\\uDC00\"}", at: 6),
        RefusedJSON("{\"a\":\"\\uDC00\"}", at: 6), RefusedJSON("{\"a\":\"\\uDC00\\uD800\"}", at: 6),
        RefusedJSON("{\"a\":\"\\uD800\\uDC0\"}", at: 6), RefusedJSON("{\"a\":\"\\uD800\\\"", at: 6),
        RefusedJSON("{\"a\":\"\\uD800", at: 6), RefusedJSON("{\"a\":\"\\uD800\\n\"}", at: 6),
    ])
    func refuses(_ vector: RefusedJSON) {
        expectFault(vector)
    }

    /// RFC 3629: overlong forms, surrogates, values beyond U+10FFFF, lone and missing continuation bytes; as value,
    /// as name, between values, behind the object.
    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x80, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
            [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFE],
            [0xFF], [0xFF, 0xFE],
        ] as [[UInt8]])
    func refusesWhatIsNotUTF8(_ bad: [UInt8]) {
        for (before, after) in [("{\"a\":\"x", "y\"}"), ("{\"a", "\":1}"), ("{\"a\":1", "}"), ("{}", ""), ("", "{}")] {
            // The fault is told where no continuation can mend it: at the byte that is wrong, or at the one behind.
            let start = before.utf8.count
            let fault = #expect(throws: JSONFault.self) {
                try JSONObject(parsing: Array(before.utf8) + bad + Array(after.utf8))
            }
            #expect(fault?.refusal.code == .malformedJSON)
            #expect(fault.map { (start...(start + bad.count)).contains($0.offset) } == true)
        }
    }

    @Test func utf16IsRefused() {
        expectFault(RefusedJSON([0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], .malformedJSON, at: 0))
        expectFault(RefusedJSON([0x00, 0x7B, 0x00, 0x7D], .malformedJSON, at: 0))
    }

    @Test(arguments: [
        RefusedJSON(#"{"a":1,"a":1}"#, .duplicateMember, at: 8),
        RefusedJSON(#"{"a":1,"b":2,"a":null}"#, .duplicateMember, at: 14),
        RefusedJSON(#"{"":1,"":2}"#, .duplicateMember, at: 7),
        RefusedJSON(#"{"x":{"a":1,"a":2}}"#, .duplicateMember, at: 13),
        RefusedJSON(#"{"x":[{"a":1},{"a":1,"a":2}]}"#, .duplicateMember, at: 22),
        RefusedJSON(#"{"x":{"y":[[{"a":1,"a":2}]]}}"#, .duplicateMember, at: 20),
        // An escape would give one name two texts, so a duplicate could hide behind it.
        RefusedJSON(#"{"a":1,"\u0061":2}"#, .malformedJSON, at: 15),
    ])
    func refusesDuplicateNames(_ vector: RefusedJSON) { expectFault(vector) }

    /// Beyond 16 names they are hashed instead of compared one by one.
    @Test(arguments: [1, 15, 16, 17, 18, 40, 63]) func refusesDuplicatesAmongMany(_ count: Int) throws {
        let members = (0..<count).map { "\"m\($0)\":\($0)" }.joined(separator: ",")
        #expect(try JSONObject("{\(members)}").names.count == count)
        for repeated in 0..<count {
            let offset = members.utf8.count + 3
            expectFault(RefusedJSON("{\(members),\"m\(repeated)\":0}", .duplicateMember, at: offset))
        }
    }

    @Test func nestsSixteenDeep() throws {
        func nested(_ depth: Int, _ opening: String, _ closing: String) -> String {
            "{\"a\":" + String(repeating: opening, count: depth - 1) + "0"
                + String(repeating: closing, count: depth - 1) + "}"
        }
        _ = try JSONObject(nested(16, "[", "]"))
        _ = try JSONObject(nested(16, "{\"a\":", "}"))
        expectFault(RefusedJSON(nested(17, "[", "]"), .tooDeep, at: 5 + 15))
        expectFault(RefusedJSON(nested(17, "{\"a\":", "}"), .tooDeep, at: 5 + 15 * 5))
        expectFault(RefusedJSON(nested(100_000, "[", "]"), .tooDeep, at: 5 + 15))
        expectFault(RefusedJSON("{\"a\":" + String(repeating: "[", count: 100_000), .tooDeep, at: 5 + 15))
    }

    @Test func limitsMembersNamesAndElements() throws {
        func wide(_ count: Int) -> String { "{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}" }
        #expect(try JSONObject(wide(64)).names.count == 64)
        expectFault(RefusedJSON(wide(65), .tooLong, at: wide(65).utf8.count - 1))
        let inner = "{\"x\":\(wide(65))}"
        expectFault(RefusedJSON(inner, .tooLong, at: inner.utf8.count - 2))

        let name = String(repeating: "n", count: 64)
        #expect(try JSONObject("{\"\(name)\":1}").has(name))
        expectFault(RefusedJSON("{\"\(name)n\":1}", .malformedJSON, at: 68))

        func long(_ count: Int) -> String {
            "{\"a\":[" + [String](repeating: "0", count: count).joined(separator: ",") + "]}"
        }
        #expect(try JSONObject(long(4096)).integers("a", countMax: 4096).count == 4096)
        expectFault(RefusedJSON(long(4097), .tooLong, at: long(4097).utf8.count - 2))
    }

    @Test func setupFilesMayBeWider() throws {
        let text =
            "{" + (0..<70).map { "\"\(String(repeating: "x", count: 200))\($0)\":0" }.joined(separator: ",") + "}"
        #expect(throws: JSONFault.self) { try JSONObject(text) }
        #expect(try JSONObject(parsing: Array(text.utf8), limits: .setup).names.count == 70)
    }

    @Test func tellsWhereMembersStand() throws {
        let names = try JSONObject(#"{ "one": 1, "two" : {"three":3} }"#).names
        #expect(names.map(\.name) == ["one", "two"])
        #expect(names.map(\.offset) == [3, 13])
    }

    @Test func theSentenceTellsTheOffsetAsWell() {
        let fault = #expect(throws: JSONFault.self) { try JSONObject("{\"a\":tru}") }
        #expect(fault?.refusal.text == "a value is missing or unknown (at byte 5)")
    }

    private func expectFault(_ vector: RefusedJSON, _ location: SourceLocation = #_sourceLocation) {
        let fault = #expect(throws: JSONFault.self, sourceLocation: location) {
            try JSONObject(parsing: vector.bytes)
        }
        #expect(fault?.refusal.code == vector.code, sourceLocation: location)
        #expect(fault?.offset == vector.offset, sourceLocation: location)
        #expect(refusal { () throws(Refusal) in try JSONObject(message: vector.bytes) } == fault?.refusal)
    }
}
