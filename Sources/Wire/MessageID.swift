import Bytes

/// A message's id: a version 7 UUID (RFC 9562 §5.7) made by the client that writes it, unique within its account.
package struct MessageID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// A new id. `milliseconds` since 1970 make ids sort by time; `random` makes them unique (74 of its bits are used).
    package init(milliseconds: Int64, random: (UInt64, UInt64)) {
        let time = UInt64(clamping: milliseconds) & 0xFFFF_FFFF_FFFF
        high = time << 16 | 0x7000 | random.0 & 0x0FFF
        low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
    }

    /// Reads the canonical form, 36 characters with lower-case digits; nil for anything else or another version.
    package init?(_ text: String) {
        var text = text
        let words = text.withUTF8 { characters -> (high: UInt64, low: UInt64)? in
            guard characters.count == MessageID.textBytes else { return nil }
            var (high, low): (UInt64, UInt64) = (0, 0)
            for (index, character) in characters.enumerated() {
                if MessageID.isHyphen(index) {
                    guard character == UInt8(ascii: "-") else { return nil }
                    continue
                }
                let digit: UInt8
                switch character {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
                default: return nil
                }
                high = high << 4 | low >> 60
                low = low << 4 | UInt64(digit)
            }
            return (high, low)
        }
        guard let words else { return nil }
        self.init(high: words.high, low: words.low)
    }

    /// Reads the 16 bytes of a stored id; nil if they are not those of a version 7 UUID.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    private init?(high: UInt64, low: UInt64) {
        // RFC 9562 §4.1, §4.2: the variant is binary 10, the version is in the top half of byte 6.
        guard high >> 12 & 0xF == 7, low >> 62 == 2 else { return nil }
        self.high = high
        self.low = low
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(high)
        bytes.appendBigEndian(low)
        return bytes
    }

    package var text: String {
        // Every line about a message holds its id, so this is written digit by digit and not by joining strings.
        String(unsafeUninitializedCapacity: MessageID.textBytes) { characters in
            var (high, low) = (high, low)
            for index in 0..<MessageID.textBytes {
                guard !MessageID.isHyphen(index) else {
                    characters[index] = UInt8(ascii: "-")
                    continue
                }
                let digit = UInt8(truncatingIfNeeded: high >> 60)
                characters[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10)
                high = high << 4 | low >> 60
                low <<= 4
            }
            return MessageID.textBytes
        }
    }

    private static let textBytes = 36

    /// RFC 9562 §4: groups of 8, 4, 4, 4 and 12 digits.
    private static func isHyphen(_ index: Int) -> Bool { index == 8 || index == 13 || index == 18 || index == 23 }

    package var description: String { text }

    package static func < (left: MessageID, right: MessageID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
