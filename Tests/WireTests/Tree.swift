import Testing

/// A golden text as a tree, so that a test can take members away and put others in their place. Reads canonical JSON
/// alone, which golden texts are.
indirect enum Tree: Sendable {
    /// JSON as it stands.
    case scalar(String)
    case array([Tree])
    case object([(name: String, value: Tree)])

    /// The way to a member: names, and the places in arrays as numbers.
    typealias Path = [String]

    init(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        self = try Tree.read(&rest)
        try #require(rest.isEmpty)
    }

    private static func read(_ rest: inout ArraySlice<UInt8>) throws -> Tree {
        switch rest.first {
        case UInt8(ascii: "{"):
            var members: [(name: String, value: Tree)] = []
            try readList(&rest, end: UInt8(ascii: "}")) { rest in
                let name = readScalar(&rest)
                try #require(rest.popFirst() == UInt8(ascii: ":"))
                members.append((String(name.dropFirst().dropLast()), try read(&rest)))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [Tree] = []
            try readList(&rest, end: UInt8(ascii: "]")) { elements.append(try read(&$0)) }
            return .array(elements)
        default: return .scalar(readScalar(&rest))
        }
    }

    private static func readList(
        _ rest: inout ArraySlice<UInt8>, end: UInt8, item: (inout ArraySlice<UInt8>) throws -> Void
    ) throws {
        rest.removeFirst()
        while let byte = rest.first, byte != end {
            try item(&rest)
            if rest.first == UInt8(ascii: ",") { rest.removeFirst() }
        }
        try #require(rest.popFirst() == end)
    }

    private static func readScalar(_ rest: inout ArraySlice<UInt8>) -> String {
        var scalar: [UInt8] = []
        let isString = rest.first == UInt8(ascii: "\"")
        while let byte = rest.first {
            if !isString, [UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}")].contains(byte) { break }
            scalar.append(rest.removeFirst())
            if byte == UInt8(ascii: "\\") { scalar.append(rest.removeFirst()) }
            if isString, scalar.count > 1, byte == UInt8(ascii: "\"") { break }
        }
        return String(decoding: scalar, as: UTF8.self)
    }

    var text: String {
        switch self {
        case .scalar(let text): text
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\"\($0.name)\":\($0.value.text)" }.joined(separator: ",") + "}"
        }
    }

    /// Every member of every object in it, with the way there.
    var members: [(path: Path, value: Tree)] {
        switch self {
        case .scalar: return []
        case .array(let elements):
            return elements.enumerated().flatMap { index, element in
                element.members.map { (["\(index)"] + $0.path, $0.value) }
            }
        case .object(let members):
            return members.flatMap { name, value in
                [([name], value)] + value.members.map { ([name] + $0.path, $0.value) }
            }
        }
    }

    /// The same with another value at `path`; without the member where `value` is nil.
    func replacing(_ path: some BidirectionalCollection<String>, with value: Tree?) -> Tree {
        guard let step = path.first else { return value ?? self }
        let rest = path.dropFirst()
        switch self {
        case .scalar: return self
        case .array(let elements):
            return .array(
                elements.enumerated().map { "\($0)" == step ? $1.replacing(rest, with: value) : $1 })
        case .object(let members):
            return .object(
                members.compactMap { member in
                    guard member.name == step else { return member }
                    if rest.isEmpty { return value.map { (step, $0) } }
                    return (step, member.value.replacing(rest, with: value))
                })
        }
    }
}
