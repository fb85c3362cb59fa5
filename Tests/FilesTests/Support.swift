import Bytes
import Files
import Wire

/// Deterministic chance for tests (Steele, Lea, Flood 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

func id(_ number: UInt64) -> MessageID { MessageID(milliseconds: 1, random: (0, number)) }

func address(_ text: String) -> Address {
    do { return try Address(parsing: text) } catch { fatalError("\(text) is no address") }
}

func content(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(($0 * 7 + 3) % 251) } }

let fileKey = [UInt8](0..<32)

func chunks(of content: [UInt8]) -> [[UInt8]] {
    stride(from: 0, to: content.count, by: FileChunk.bytesMax).map {
        Array(content[$0..<min(content.count, $0 + FileChunk.bytesMax)])
    }
}
