import Testing
import Wire

struct JSONObjectTests {
    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("9223372036854775807", Int64.max),
            ("-9223372036854775808", Int64.min), ("-9223372036854775807", -Int64.max),
            ("9007199254740993", 9_007_199_254_740_993),
        ] as [(String, Int64)])
    func readsWholeNumbers(_ text: String, _ value: Int64) throws {
        #expect(try JSONObject("{\"a\":\(text)}").integer("a", in: Int64.min...Int64.max) == value)
    }

    /// A number that some readers would round is none.
    @Test(arguments: [
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "18446744073709551616",
        "92233720368547758070", "1.0", "1e2", "1E0", "-0.0", "0.5", "1e-1", "1e400", "\"1\"", "true", "[1]", "{}",
    ])
    func refusesOtherNumbers(_ text: String) throws {
        let object = try JSONObject("{\"a\":\(text)}")
        let refused = refusal { () throws(Refusal) in try object.integer("a", in: Int64.min...Int64.max) }
        #expect(refused == Refusal(.wrongType, "\"a\" must be a whole number"))
        #expect(refusal { () throws(Refusal) in try object.optionalInteger("a", in: 0...1) }?.code == .wrongType)
    }

    @Test func rangesHoldTheirBounds() throws {
        let object = try JSONObject(#"{"a":5}"#)
        #expect(try object.integer("a", in: 5...5) == 5)
        for range in [6...9, 0...4] as [ClosedRange<Int64>] {
            let refused = refusal { () throws(Refusal) in try object.integer("a", in: range) }
            #expect(refused?.code == .badValue && refused?.text.contains("\"a\" is 5") == true)
        }
    }

    @Test(arguments: [
        (#""#, ""), (#"abc"#, "abc"), (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#"\u0041\u00e9\u00E9"#, "A\u{E9}\u{E9}"),
        (#"\u0000x\u001f"#, "\u{0}x\u{1F}"), (#"\uD83D\uDC4B"#, "\u{1F44B}"), (#"\ud800\udc00"#, "\u{10000}"),
        (#"\uDBFF\uDFFF"#, "\u{10FFFF}"), (#"\uFFFE\uFFFF"#, "\u{FFFE}\u{FFFF}"), (#"\\u0041"#, "\\u0041"),
        (#"é\n👋"#, "\u{E9}\n👋"),
        (#"\uFEFFx"#, "\u{FEFF}x"), (#"\u0065\u0301"#, "e\u{301}"),
    ])
    func readsStrings(_ json: String, _ value: String) throws {
        let object = try JSONObject("{\"a\":\"\(json)\",\"b\":[\"\(json)\"]}")
        #expect(Array(try object.string("a").utf8) == Array(value.utf8))
        #expect(try object.strings("b", countMax: 1).map { Array($0.utf8) } == [Array(value.utf8)])
        #expect(try object.string("a", bytesMax: value.utf8.count).utf8.count == value.utf8.count)
        guard !value.isEmpty else { return }
        let refused = refusal { () throws(Refusal) in try object.string("a", bytesMax: value.utf8.count - 1) }
        #expect(refused?.code == .tooLong && refused?.text.contains("\"a\"") == true)
    }

    @Test func nullIsAbsent() throws {
        let object = try JSONObject(#"{"a":null}"#)
        #expect(!object.has("a"))
        #expect(try object.optionalString("a") == nil && object.optionalInteger("a", in: 0...1) == nil)
        #expect(try object.optionalObject("a") == nil && object.flag("a") == false)
        #expect(refusal { () throws(Refusal) in try object.string("a") } == Refusal(.missingMember, "\"a\" is missing"))
    }

    @Test func readsFlags() throws {
        let object = try JSONObject(#"{"yes":true,"no":false,"other":1}"#)
        #expect(try object.flag("yes") && !object.flag("no") && !object.flag("nowhere"))
        #expect(refusal { () throws(Refusal) in try object.flag("other") }?.code == .wrongType)
    }

    @Test func readsCanonicalBase64Alone() throws {
        let object = try JSONObject(#"{"a":"AAEC","b":"AAE","c":"AAF=","d":"AA\u0045C","e":"","f":7}"#)
        #expect(try object.bytes("a", count: 3...3) == [0, 1, 2])
        #expect(try object.bytes("e", count: 0...1) == [])
        for name in ["b", "c", "d", "f"] {
            let refused = refusal { () throws(Refusal) in try object.bytes(name, count: 0...9) }
            #expect(refused == Refusal(.wrongType, "\"\(name)\" must be base64"))
        }
        for count in [0...2, 4...9] {
            #expect(refusal { () throws(Refusal) in try object.bytes("a", count: count) }?.code == .badValue)
        }
    }

    @Test func readsArraysOfOneKind() throws {
        let object = try JSONObject(#"{"n":[1,2],"s":["x"],"o":[{"k":1}],"mixed":[1,"x",{}],"minus":[-1],"none":[]}"#)
        #expect(try object.integers("n", countMax: 2) == [1, 2])
        #expect(try object.strings("s", countMax: 1) == ["x"])
        #expect(try object.objects("o", countMax: 1).map { try $0.integer("k", in: 0...1) } == [1])
        #expect(try object.objects("none", countMax: 0).isEmpty)
        for name in ["mixed", "minus", "s", "o"] {
            #expect(refusal { () throws(Refusal) in try object.integers(name, countMax: 3) }?.code == .wrongType)
        }
        #expect(refusal { () throws(Refusal) in try object.strings("mixed", countMax: 3) }?.code == .wrongType)
        #expect(refusal { () throws(Refusal) in try object.objects("mixed", countMax: 3) }?.code == .wrongType)
        let refused = refusal { () throws(Refusal) in try object.integers("n", countMax: 1) }
        #expect(refused == Refusal(.tooLong, "\"n\" has 2 elements; at most 1 are taken"))
    }

    /// The refusal names the member, and says what a good value looks like.
    @Test func ourFormsNameTheMember() throws {
        let object = try JSONObject(#"{"a":"Nobody","long":"\#(String(repeating: "x", count: 200))"}"#)
        for name in ["a", "long"] {
            #expect(refusal { () throws(Refusal) in try object.address(name) }?.code == .badAddress)
            #expect(refusal { () throws(Refusal) in try object.conversation(name) }?.code == .badAddress)
            #expect(refusal { () throws(Refusal) in try object.serverName(name) }?.code == .badAddress)
            #expect(refusal { () throws(Refusal) in try object.userName(name) }?.code == .badAddress)
            #expect(refusal { () throws(Refusal) in try object.messageID(name) }?.code == .badID)
            #expect(refusal { () throws(Refusal) in try object.fingerprint(name) }?.code == .badValue)
            #expect(refusal { () throws(Refusal) in try object.identityKey(name) }?.code == .badValue)
            #expect(refusal { () throws(Refusal) in try object.epoch(name) }?.code == .badValue)
            #expect(refusal { () throws(Refusal) in try object.epoch(name) }?.text.contains("\"\(name)\"") == true)
        }
    }
}
