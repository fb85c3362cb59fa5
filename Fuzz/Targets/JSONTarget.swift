import Bytes
import Wire

/// `JSONObject` and `JSONWriter`. The input chooses the limits and is the text: the reference reads the same, every
/// question about every member is answered as the reference's value says, and what is written anew reads alike.
enum JSONTarget {
    static func run(_ input: inout Input) {
        let limits = limits(input.byte())
        let bytes = input.rest()
        let expected = ReferenceJSON.members(of: bytes, limits: limits)
        do throws(JSONFault) {
            let object = try JSONObject(parsing: bytes, limits: limits)
            guard let expected else { broken("something was read that is no JSON we accept") }
            compare(object, with: expected)
            check(object.names, in: bytes)
            rewrite(expected, limits)
        } catch {
            hold(expected == nil, "what the reference reads was refused: \(error.refusal.text)")
            check(error.refusal)
            hold((0...bytes.count).contains(error.offset), "a fault at byte \(error.offset) of \(bytes.count)")
            let codes: [Refusal.Code] = [.malformedJSON, .duplicateMember, .tooDeep, .tooLong]
            hold(codes.contains(error.refusal.code), "refused as \(error.refusal.code)")
        }
    }

    private static func limits(_ choice: UInt8) -> JSONLimits {
        var limits = JSONLimits()
        switch choice & 3 {
        case 0: limits = .setup
        case 1: (limits.depthMax, limits.membersMax, limits.nameBytesMax, limits.elementsMax) = (3, 4, 8, 5)
        default: break
        }
        return limits
    }

    /// What `body` refuses with, or nil. Its text is not checked: it names members, whose names are ours elsewhere.
    private static func refusal<Value>(_ body: () throws(Refusal) -> Value) -> Refusal? {
        do throws(Refusal) {
            _ = try body()
            return nil
        } catch { return error }
    }

    private static func answer<Value>(_ body: () throws(Refusal) -> Value) -> Value? {
        do throws(Refusal) { return try body() } catch { return nil }
    }

    /// "One sentence without control characters": it goes to logs and screens.
    static func check(_ refusal: Refusal) {
        let isClean = refusal.text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
        hold(isClean && !refusal.text.isEmpty && refusal.text.utf8.count <= 1024, "a refusal says: \(refusal.text)")
    }

    /// Places are for people who look for the line: each is where the name stands.
    private static func check(_ names: [(name: String, offset: Int)], in bytes: [UInt8]) {
        for (name, offset) in names {
            hold(bytes.dropFirst(offset).starts(with: name.utf8), "no \(name) stands at byte \(offset)")
        }
    }

    private static func compare(_ object: JSONObject, with members: [ReferenceJSON.Member]) {
        let names = object.names.map { Array($0.name.utf8) }
        hold(names == members.map { Array($0.name.utf8) }, "other names, or another order")
        for member in members { compare(object, member.name, with: member.value) }
    }

    private static func compare(_ object: JSONObject, _ name: String, with value: ReferenceJSON.Value) {
        if case .null = value {
            hold(!object.has(name), "null is there")
            hold(refusal { () throws(Refusal) in try object.string(name) }?.code == .missingMember, "null is a string")
            return
        }
        hold(object.has(name), "\(name) is absent")
        compareText(object, name, with: value)
        let integer = answer { () throws(Refusal) in try object.integer(name, in: .min ... .max) }
        let flag = answer { () throws(Refusal) in try object.flag(name) }
        let inner = answer { () throws(Refusal) in try object.object(name) }
        hold(
            integer == { if case .integer(let integer) = value { integer } else { nil } }(),
            "\(name) is \(integer as Any)")
        hold(flag == { if case .bool(let flag) = value { flag } else { nil } }(), "\(name) is \(flag as Any)")
        if case .object(let members) = value {
            guard let inner else { broken("\(name) is no object") }
            compare(inner, with: members)
        } else {
            hold(inner == nil, "\(name) is an object")
        }
        compareArray(object, name, with: value)
    }

    private static func compareText(_ object: JSONObject, _ name: String, with value: ReferenceJSON.Value) {
        let text = answer { () throws(Refusal) in try object.string(name) }
        let bytes = answer { () throws(Refusal) in try object.bytes(name, count: 0 ... .max) }
        guard case .string(let expected) = value else {
            return hold(text == nil && bytes == nil, "\(name) is a string")
        }
        hold(text.map { Array($0.utf8) } == Array(expected.utf8), "\(name) is another text")
        let limited = refusal { () throws(Refusal) in try object.string(name, bytesMax: max(0, expected.utf8.count - 1))
        }
        hold((limited?.code == .tooLong) == !expected.isEmpty, "a text's limit does not hold")
        if let bytes { hold(Base64.encode(bytes).utf8.elementsEqual(expected.utf8), "\(name) is other base64") }
    }

    private static func compareArray(_ object: JSONObject, _ name: String, with value: ReferenceJSON.Value) {
        let strings = answer { () throws(Refusal) in try object.strings(name, countMax: .max) }
        let integers = answer { () throws(Refusal) in try object.integers(name, countMax: .max) }
        let objects = answer { () throws(Refusal) in try object.objects(name, countMax: .max) }
        guard case .array(let elements) = value else {
            return hold(strings == nil && integers == nil && objects == nil, "\(name) is an array")
        }
        let texts = elements.compactMap { if case .string(let text) = $0 { Array(text.utf8) } else { nil } }
        let numbers = elements.compactMap { if case .integer(let number) = $0, number >= 0 { number } else { nil } }
        let inner = elements.compactMap { if case .object(let members) = $0 { members } else { nil } }
        let (allTexts, allNumbers) = (texts.count == elements.count, numbers.count == elements.count)
        hold(strings?.map { Array($0.utf8) } == (allTexts ? texts : nil), "\(name) has other strings")
        hold(integers == (allNumbers ? numbers : nil), "\(name) has other numbers")
        hold((objects != nil) == (inner.count == elements.count), "\(name) has other objects")
        for (object, members) in zip(objects ?? [], inner) { compare(object, with: members) }
        guard !elements.isEmpty, strings != nil else { return }
        let limited = refusal { () throws(Refusal) in try object.strings(name, countMax: elements.count - 1) }
        hold(limited?.code == .tooLong, "an array's limit does not hold")
    }

    /// What the writer can write of the members, written and read again.
    private static func rewrite(_ members: [ReferenceJSON.Member], _ limits: JSONLimits) {
        let kept = members.compactMap { writable($0) }
        let bytes = JSONWriter.object { write(kept, into: &$0) }
        hold(!bytes.contains { $0 < 0x20 }, "control characters are written as they are")
        hold(ReferenceJSON.members(of: bytes, limits: limits) != nil, "what we write is no JSON")
        do throws(JSONFault) {
            compare(try JSONObject(parsing: bytes, limits: limits), with: kept)
        } catch { broken("what we write is refused: \(error.refusal.text)") }
    }

    /// Without what no message of ours has, and so the writer has no words for.
    private static func writable(_ member: ReferenceJSON.Member) -> ReferenceJSON.Member? {
        switch member.value {
        case .null, .number: return nil
        case .bool, .integer, .string: return member
        case .object(let members):
            return ReferenceJSON.Member(name: member.name, value: .object(members.compactMap { writable($0) }))
        case .array(let elements):
            let kept: [ReferenceJSON.Value] = elements.compactMap {
                switch $0 {
                case .string, .integer: $0
                case .object(let members): .object(members.compactMap { writable($0) })
                default: nil
                }
            }
            return ReferenceJSON.Member(name: member.name, value: .array(kept))
        }
    }

    private static func write(_ members: [ReferenceJSON.Member], into writer: inout JSONWriter) {
        for member in members {
            switch member.value {
            case .bool(let flag): writer.member(member.name, flag)
            case .integer(let integer): writer.member(member.name, integer)
            case .string(let text): writer.member(member.name, text)
            case .object(let members): writer.object(member.name) { write(members, into: &$0) }
            case .array(let elements): writer.array(member.name) { write(elements, into: &$0) }
            case .null, .number: break
            }
        }
    }

    private static func write(_ elements: [ReferenceJSON.Value], into writer: inout JSONWriter) {
        for element in elements {
            switch element {
            case .string(let text): writer.element(text)
            case .integer(let integer): writer.element(integer)
            case .object(let members): writer.object { write(members, into: &$0) }
            default: break
            }
        }
    }
}

/// What `body` returns, or nil if it refuses with a text that is fit to be seen.
func answer<Value>(_ body: () throws(Refusal) -> Value) -> Value? {
    do throws(Refusal) { return try body() } catch {
        JSONTarget.check(error)
        return nil
    }
}
