import Testing
import Wire

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers everywhere.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Array {
    func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}

/// What `body` refuses with, or nil if it does not refuse.
func refusal<Value>(_ body: () throws(Refusal) -> Value) -> Refusal? {
    do throws(Refusal) {
        _ = try body()
        return nil
    } catch { return error }
}

extension JSONObject {
    init(_ text: String) throws(JSONFault) { try self.init(parsing: Array(text.utf8)) }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// A wire form and the value that it stands for.
struct Golden<Value: Sendable>: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let value: Value

    init(_ name: String, _ text: String, _ value: Value) {
        self.name = name
        self.text = text
        self.value = value
    }

    var testDescription: String { name }
}
