import Bytes
import Wire

package enum TerminalText {
    /// JSON in which whatever could harm a terminal stands as `\uXXXX` (RFC 8259 §7), so that printing it raw is safe
    /// and reading it gives the same. `json` is what `JSONWriter` made: such characters occur in its strings only.
    package static func escape(_ json: [UInt8]) -> [UInt8] {
        // All but DEL among the harmful ones that may stand in JSON are more than one byte long.
        guard json.contains(where: { $0 >= 0x7F }) else { return json }
        var escaped: [UInt8] = []
        escaped.reserveCapacity(json.count)
        for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
            guard SafeText.isHarmful(scalar) else {
                escaped.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
                continue
            }
            for unit in UTF16.encode(scalar).map({ Array($0) }) ?? [] {
                escaped.append(contentsOf: "\\u".utf8)
                escaped.append(contentsOf: Hex.encode([UInt8(unit >> 8), UInt8(unit & 0xFF)]).utf8)
            }
        }
        return escaped
    }
}
