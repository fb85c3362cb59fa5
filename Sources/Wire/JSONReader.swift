import Bytes

/// Bounds of what is read as JSON, beside the bound on its bytes that the framing sets.
package struct JSONLimits: Sendable {
    /// Nested arrays and objects. Our deepest message has 5; 16 leaves room and keeps recursion shallow.
    package var depthMax = 16
    /// Members of one object. Our widest has 9.
    package var membersMax = 64
    /// Bytes of one member's name.
    package var nameBytesMax = 64
    /// Elements of one array.
    package var elementsMax = 4096

    package init() {}

    /// For setup files, whose tables hold a member for each account or peer.
    package static var setup: JSONLimits {
        var limits = JSONLimits()
        limits.membersMax = 100_000
        limits.nameBytesMax = 256
        return limits
    }
}

/// Why bytes are not the JSON we accept, and where.
package struct JSONFault: Error, Equatable, Sendable {
    package let refusal: Refusal
    /// Bytes before the fault.
    package let offset: Int
}

/// A value as it stands in its source. Strings are kept as ranges and decoded when asked for.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A number that is no 64-bit integer.
    case number
    /// The bytes between the quotation marks.
    case string(Range<Int>, hasEscapes: Bool)
    case array([JSONValue])
    case object([JSONMember])
}

struct JSONMember: Sendable {
    /// The bytes of the name, without escapes.
    let name: Range<Int>
    let value: JSONValue
    /// Where the name begins, for messages about setup files.
    var offset: Int { name.lowerBound }
}

/// Reads one JSON object (RFC 8259), strictly: duplicate names are refused, since two readers could pick different
/// ones, and so is everything that the grammar does not allow.
struct JSONReader {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var index = 0

    init(bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func readDocument() throws(JSONFault) -> [JSONMember] {
        var validator = UTF8Validator()
        guard validator.consume(bytes), validator.isComplete else {
            throw fault(.malformedJSON, "the text is not valid UTF-8", at: endOfUTF8())
        }
        skipSpace()
        guard peek() == UInt8(ascii: "{") else { throw malformed("a message is one JSON object") }
        let members = try readObject(depth: 1)
        skipSpace()
        guard index == bytes.count else { throw malformed("something follows the object") }
        return members
    }

    /// Where the valid part of a text ends that has been found invalid.
    private func endOfUTF8() -> Int {
        var validator = UTF8Validator()
        return bytes.firstIndex { !validator.consume(CollectionOfOne($0)) } ?? bytes.count
    }

    private mutating func readValue(depth: Int) throws(JSONFault) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): return .object(try readObject(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try readArray(depth: depth + 1))
        case UInt8(ascii: "\""):
            let (range, hasEscapes) = try readString()
            return .string(range, hasEscapes: hasEscapes)
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: return try readNumber()
        }
    }

    private mutating func readObject(depth: Int) throws(JSONFault) -> [JSONMember] {
        try checkDepth(depth)
        index += 1
        var members: [JSONMember] = []
        var names = JSONNames()
        skipSpace()
        if take(UInt8(ascii: "}")) { return members }
        repeat {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw malformed("a member begins with its name in quotes") }
            let (name, hasEscapes) = try readString()
            guard !hasEscapes else { throw malformed("a member's name needs no escapes here") }
            guard name.count <= limits.nameBytesMax else {
                throw malformed("a member's name has at most \(limits.nameBytesMax) bytes")
            }
            guard names.insert(bytes[name]) else {
                throw fault(.duplicateMember, "a member is there twice", at: name.lowerBound)
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw malformed("a colon is missing after a member's name") }
            skipSpace()
            members.append(JSONMember(name: name, value: try readValue(depth: depth)))
            guard members.count <= limits.membersMax else {
                throw fault(.tooLong, "an object has at most \(limits.membersMax) members", at: index)
            }
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed("a comma or a closing brace is missing") }
        return members
    }

    private mutating func readArray(depth: Int) throws(JSONFault) -> [JSONValue] {
        try checkDepth(depth)
        index += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return elements }
        repeat {
            skipSpace()
            elements.append(try readValue(depth: depth))
            guard elements.count <= limits.elementsMax else {
                throw fault(.tooLong, "an array has at most \(limits.elementsMax) elements", at: index)
            }
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed("a comma or a closing bracket is missing") }
        return elements
    }

    /// The range between the quotation marks; escapes are checked here and decoded by `JSONText`.
    private mutating func readString() throws(JSONFault) -> (Range<Int>, hasEscapes: Bool) {
        index += 1
        let start = index
        var hasEscapes = false
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return (start..<(index - 1), hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                guard let length = JSONText.escapeLength(in: bytes, at: index) else {
                    throw malformed("an escape in a string is not valid")
                }
                index += length
            case 0..<0x20: throw malformed("control characters in strings are written as escapes")
            default: index += 1
            }
        }
        throw malformed("a string does not end")
    }

    /// RFC 8259 §6. Only integers are of use to us, the rest is recognised and refused by whoever wanted an integer.
    private mutating func readNumber() throws(JSONFault) -> JSONValue {
        let start = index
        let isNegative = take(UInt8(ascii: "-"))
        let firstDigit = index
        var magnitude: Int64? = 0
        while let digit = peekDigit() {
            let (product, tooBig) = (magnitude ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.subtractingReportingOverflow(Int64(digit))
            magnitude = magnitude == nil || tooBig || overflow ? nil : sum
            index += 1
        }
        let digits = index - firstDigit
        guard digits > 0 else { throw malformed("a value is missing or unknown", at: start) }
        guard digits == 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw malformed("a number does not begin with a zero", at: start)
        }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try skipDigits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            isInteger = false
            index += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { index += 1 }
            try skipDigits()
        }
        // Digits are summed up as a negative number, since the negative range is the larger one.
        guard isInteger, let negative = magnitude else { return .number }
        if isNegative { return .integer(negative) }
        return negative == .min ? .number : .integer(-negative)
    }

    private mutating func skipDigits() throws(JSONFault) {
        guard peekDigit() != nil else { throw malformed("a number ends too early") }
        while peekDigit() != nil { index += 1 }
    }

    private mutating func readWord(_ word: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
        let length = word.utf8CodeUnitCount
        let matches = bytes[index...].prefix(length).elementsEqual(
            UnsafeBufferPointer(start: word.utf8Start, count: length))
        guard matches else { throw malformed("a value is missing or unknown") }
        index += length
        return value
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
    }

    private func peek() -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private func peekDigit() -> UInt8? {
        guard let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        return byte - UInt8(ascii: "0")
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        index += 1
        return true
    }

    private func checkDepth(_ depth: Int) throws(JSONFault) {
        guard depth <= limits.depthMax else {
            throw fault(.tooDeep, "arrays and objects nest at most \(limits.depthMax) deep", at: index)
        }
    }

    private func malformed(_ text: String, at offset: Int? = nil) -> JSONFault {
        fault(.malformedJSON, text, at: offset ?? index)
    }

    private func fault(_ code: Refusal.Code, _ text: String, at offset: Int) -> JSONFault {
        JSONFault(refusal: Refusal(code, "\(text) (at byte \(offset))"), offset: offset)
    }
}

/// The names of one object so far. A handful is compared one by one, which needs no memory; many are hashed.
private struct JSONNames {
    private var few: [ArraySlice<UInt8>] = []
    private var many: Set<[UInt8]> = []

    mutating func insert(_ name: ArraySlice<UInt8>) -> Bool {
        guard few.count >= 16 else {
            guard !few.contains(where: { $0.elementsEqual(name) }) else { return false }
            few.append(name)
            return true
        }
        if many.isEmpty { for known in few { many.insert(Array(known)) } }
        return many.insert(Array(name)).inserted
    }
}
