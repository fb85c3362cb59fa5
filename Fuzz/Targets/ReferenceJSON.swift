import Wire

/// RFC 8259 and the limits of `JSONObject` once more, character by character and without the code under test.
struct ReferenceJSON {
    indirect enum Value {
        case null
        case bool(Bool)
        case integer(Int64)
        /// A number that is no 64-bit integer.
        case number
        case string(String)
        case array([Value])
        case object([Member])
    }

    struct Member {
        let name: String
        let value: Value
    }

    private struct Refused: Error {}

    private let text: [Unicode.Scalar]
    private var place = 0
    private let limits: JSONLimits

    private init(_ text: [Unicode.Scalar], _ limits: JSONLimits) { (self.text, self.limits) = (text, limits) }

    /// The members of the object that `bytes` are, nil if they are to be refused.
    static func members(of bytes: [UInt8], limits: JSONLimits) -> [Member]? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var reader = ReferenceJSON(Array(text.unicodeScalars), limits)
        do {
            reader.skipSpace()
            guard reader.peek == "{" else { return nil }
            let members = try reader.object(depth: 1)
            reader.skipSpace()
            return reader.peek == nil ? members : nil
        } catch { return nil }
    }

    private var peek: Unicode.Scalar? { place < text.count ? text[place] : nil }

    private mutating func next() throws -> Unicode.Scalar {
        guard let scalar = peek else { throw Refused() }
        place += 1
        return scalar
    }

    private mutating func expect(_ scalar: Unicode.Scalar) throws {
        guard try next() == scalar else { throw Refused() }
    }

    private mutating func skipSpace() {
        while let scalar = peek, " \t\n\r".unicodeScalars.contains(scalar) { place += 1 }
    }

    private mutating func value(depth: Int) throws -> Value {
        switch peek {
        case "{": return .object(try object(depth: depth + 1))
        case "[": return .array(try array(depth: depth + 1))
        case "\"": return .string(try string())
        case "t": return try word("true", .bool(true))
        case "f": return try word("false", .bool(false))
        case "n": return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: Value) throws -> Value {
        for scalar in word.unicodeScalars { try expect(scalar) }
        return value
    }

    private mutating func object(depth: Int) throws -> [Member] {
        var members: [Member] = []
        try list(depth: depth, "{", "}", countMax: limits.membersMax) { reader in
            let before = reader.place
            let name = try reader.string()
            // Names stand without escapes here.
            guard !reader.text[before..<reader.place].contains("\\"), name.utf8.count <= reader.limits.nameBytesMax,
                !members.contains(where: { $0.name.utf8.elementsEqual(name.utf8) })
            else { throw Refused() }
            reader.skipSpace()
            try reader.expect(":")
            reader.skipSpace()
            members.append(Member(name: name, value: try reader.value(depth: depth)))
        }
        return members
    }

    private mutating func array(depth: Int) throws -> [Value] {
        var elements: [Value] = []
        try list(depth: depth, "[", "]", countMax: limits.elementsMax) { elements.append(try $0.value(depth: depth)) }
        return elements
    }

    private mutating func list(
        depth: Int, _ first: Unicode.Scalar, _ last: Unicode.Scalar, countMax: Int,
        _ element: (inout ReferenceJSON) throws -> Void
    ) throws {
        guard depth <= limits.depthMax else { throw Refused() }
        try expect(first)
        skipSpace()
        var count = 0
        while peek != last || count > 0 {
            skipSpace()
            try element(&self)
            count += 1
            guard count <= countMax else { throw Refused() }
            skipSpace()
            if peek == last { break }
            try expect(",")
        }
        try expect(last)
    }

    private mutating func string() throws -> String {
        try expect("\"")
        var units: [UInt16] = []
        while true {
            let scalar = try next()
            switch scalar {
            case "\"":
                // Halves of pairs that stand alone are refused.
                guard let text = String(validating: units, as: UTF16.self) else { throw Refused() }
                return text
            case "\\": units.append(try escape())
            case "\u{0}"..<"\u{20}": throw Refused()
            default: units += UTF16.encode(scalar).map { Array($0) } ?? []
            }
        }
    }

    private mutating func escape() throws -> UInt16 {
        let scalar = try next()
        if scalar == "u" {
            return try (0..<4).reduce(0) { unit, _ in
                guard let digit = Character(try next()).hexDigitValue, text[place - 1].isASCII else { throw Refused() }
                return unit << 4 | UInt16(digit)
            }
        }
        let meanings: [Unicode.Scalar: UInt16] = [
            "\"": 34, "\\": 92, "/": 47, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
        ]
        guard let meaning = meanings[scalar] else { throw Refused() }
        return meaning
    }

    private mutating func number() throws -> Value {
        let start = place
        if peek == "-" { place += 1 }
        let beginsWithZero = peek == "0"
        guard try digits() == 1 || !beginsWithZero else { throw Refused() }
        let end = place
        if peek == "." {
            place += 1
            _ = try digits()
        }
        if peek == "e" || peek == "E" {
            place += 1
            if peek == "+" || peek == "-" { place += 1 }
            _ = try digits()
        }
        var written = ""
        written.unicodeScalars += text[start..<place]
        guard place == end, let integer = Int64(written) else { return .number }
        return .integer(integer)
    }

    /// How many there are, at least one.
    private mutating func digits() throws -> Int {
        let start = place
        while let scalar = peek, ("0"..."9").contains(scalar) { place += 1 }
        guard place > start else { throw Refused() }
        return place - start
    }
}
