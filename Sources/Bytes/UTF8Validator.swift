/// Checks UTF-8 (RFC 3629) that arrives in pieces, such as a text message in fragments: overlong forms, surrogates and
/// values above U+10FFFF are refused in the piece whose bytes make them certain.
///
/// An automaton whose states are shifts: each byte stands for a word that holds, at the place of each state, the state
/// that follows. So a step is a load and a shift, without a branch, whatever the text.
package struct UTF8Validator: Sendable {
    private var state = State.complete

    package init() {}

    /// True where the text may end here: no character is half done.
    package var isComplete: Bool { state == State.complete }

    /// True if `bytes` are UTF-8 as they are, with no character half done.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isASCII(bytes) { return true }
        var validator = UTF8Validator()
        return validator.consume(bytes) && validator.isComplete
    }

    /// Feeds the next piece. Returns false if no continuation could make the text valid, then and ever after.
    package mutating func consume(_ bytes: some Sequence<UInt8>) -> Bool {
        let done = bytes.withContiguousStorageIfAvailable { consume(UnsafeRawBufferPointer($0)) }
        return done ?? consume(Array(bytes))
    }

    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // ASCII is most of what people and programs write.
        if state == State.complete, UTF8Validator.isASCII(bytes) { return true }
        state = UTF8Validator.followers.withUnsafeBufferPointer { followers in
            UTF8Validator.state(after: bytes, from: state, followers)
        }
        return state != State.refused
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var place = bytes.baseAddress else { return true }
        let end = place + bytes.count
        while end - place >= 32 {
            let first = place.loadUnaligned(as: SIMD2<UInt64>.self)
            let second = place.loadUnaligned(fromByteOffset: 16, as: SIMD2<UInt64>.self)
            let both = first | second
            guard (both[0] | both[1]) & topBits == 0 else { return false }
            place += 32
        }
        while end - place >= 8 {
            guard place.loadUnaligned(as: UInt64.self) & topBits == 0 else { return false }
            place += 8
        }
        while place < end {
            guard place.load(as: UInt8.self) < 0x80 else { return false }
            place += 1
        }
        return true
    }

    private static func state(
        after bytes: UnsafeRawBufferPointer, from start: UInt64, _ followers: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        var state = start
        var index = 0
        while bytes.count - index >= blockBytes {
            if state != State.complete || (bytes.word(at: index) | bytes.word(at: index + 8)) & topBits != 0 {
                for offset in 0..<blockBytes { state = followers[Int(bytes[index + offset])] &>> (state & 63) }
                if state & 63 == State.refused { return State.refused }
                state &= 63
            }
            index += blockBytes
        }
        while index < bytes.count {
            state = followers[Int(bytes[index])] &>> (state & 63)
            index += 1
        }
        return state & 63
    }

    /// Those of a word's eight bytes; ASCII has none of them set.
    private static let topBits: UInt64 = 0x8080_8080_8080_8080
    private static let blockBytes = 16

    /// The shifts that stand for the states. Six bits hold any of them.
    private enum State {
        static let refused: UInt64 = 0
        static let complete: UInt64 = 6
        /// So many continuation bytes are wanted, each 80...BF.
        static let one: UInt64 = 12
        static let two: UInt64 = 18
        static let three: UInt64 = 24
        /// The second byte is narrowed by the first: 80...9F behind ED would be a surrogate, and so on.
        static let afterE0: UInt64 = 30
        static let afterED: UInt64 = 36
        static let afterF0: UInt64 = 42
        static let afterF4: UInt64 = 48
    }

    /// By byte, all that may follow each state; what is not named is refused.
    private static let followers: [UInt64] = (UInt8.min...UInt8.max).map { byte in
        var followers = begin(byte) << State.complete
        if case 0x80...0xBF = byte {
            followers |= State.complete << State.one | State.one << State.two | State.two << State.three
        }
        // RFC 3629 §4.
        if case 0xA0...0xBF = byte { followers |= State.one << State.afterE0 }
        if case 0x80...0x9F = byte { followers |= State.one << State.afterED }
        if case 0x90...0xBF = byte { followers |= State.two << State.afterF0 }
        if case 0x80...0x8F = byte { followers |= State.two << State.afterF4 }
        return followers
    }

    /// RFC 3629 §4: the first byte says how many follow and narrows the range of the second.
    private static func begin(_ byte: UInt8) -> UInt64 {
        switch byte {
        case 0x00...0x7F: State.complete
        case 0xC2...0xDF: State.one
        case 0xE0: State.afterE0
        case 0xE1...0xEC, 0xEE, 0xEF: State.two
        case 0xED: State.afterED
        case 0xF0: State.afterF0
        case 0xF1...0xF3: State.three
        case 0xF4: State.afterF4
        default: State.refused
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func word(at offset: Int) -> UInt64 { loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
}
