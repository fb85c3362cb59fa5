/// Checks UTF-8 (RFC 3629) that arrives in pieces, such as a text message in fragments: overlong forms, surrogates and
/// values above U+10FFFF are refused at the first byte that makes them certain.
package struct UTF8Validator: Sendable {
    /// Continuation bytes still wanted by the character under way.
    private var wanted: UInt8 = 0
    /// What the next continuation byte must lie between; narrower than 80...BF after some first bytes.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    package init() {}

    /// True where the text may end here: no character is half done.
    package var isComplete: Bool { wanted == 0 }

    /// Feeds the next piece. Returns false as soon as no continuation could make the text valid.
    package mutating func consume(_ bytes: some Sequence<UInt8>) -> Bool {
        let done = bytes.withContiguousStorageIfAvailable { consume(UnsafeRawBufferPointer($0)) }
        return done ?? consume(Array(bytes))
    }

    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if wanted == 0 {
                index = UTF8Validator.endOfASCII(in: bytes, from: index)
                if index == bytes.count { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                guard bytes[index] >= low, bytes[index] <= high else { return false }
                (low, high) = (0x80, 0xBF)
                wanted -= 1
            }
            index += 1
        }
        return true
    }

    /// RFC 3629 §4: the first byte says how many follow and narrows the range of the second.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: wanted = 1
        case 0xE0: (wanted, low) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: wanted = 2
        case 0xED: (wanted, high) = (2, 0x9F)
        case 0xF0: (wanted, low) = (3, 0x90)
        case 0xF1...0xF3: wanted = 3
        case 0xF4: (wanted, high) = (3, 0x8F)
        default: return false
        }
        return true
    }

    /// Skips ASCII eight bytes at a time.
    private static func endOfASCII(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { break }
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }
}
