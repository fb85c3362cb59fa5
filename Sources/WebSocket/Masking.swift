import Bytes

/// The four bytes that a client mixes into a frame's payload (RFC 6455 §5.3), so that nobody who chooses the payload
/// chooses the bytes on the wire and deceives a proxy on the way (§10.3). It hides nothing: it stands in the frame.
package struct MaskingKey: Equatable, Sendable {
    /// The key's first byte is the lowest.
    private let word: UInt32

    /// The key whose bytes on the wire are those of `value` in network order.
    package init(_ value: UInt32) { word = value.byteSwapped }

    /// What stands on the wire, in network order.
    package var value: UInt32 { word.byteSwapped }

    /// Masks or unmasks, which is the same, a piece of a payload. `offset` is the piece's distance from the payload's
    /// start: a payload arrives in as many pieces as the transport likes.
    package func apply(to piece: UnsafeMutableRawBufferPointer, offset: Int) {
        guard let start = piece.baseAddress else { return }
        copy(UnsafeRawBufferPointer(piece), to: start, offset: offset)
    }

    /// The same on the way to another place, which has room for all of it. Returns true if what is written there is
    /// ASCII: asked of each word while we have it, that costs nothing.
    @discardableResult
    func copy(_ piece: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer, offset: Int) -> Bool {
        guard var from = piece.baseAddress else { return true }
        var target = target
        let end = from + piece.count
        // Words, because bytes are 20 times slower, and four at a time, which is another 2 times (measured).
        let turn = UInt32(truncatingIfNeeded: offset & 3) * 8
        var turned = word >> turn | word << ((32 - turn) & 31)
        let wide = (UInt64(turned) << 32 | UInt64(turned)).littleEndian
        let four = SIMD4(repeating: wide)
        var seen = SIMD4<UInt64>()
        while end - from >= 32 {
            let words = from.loadUnaligned(as: SIMD4<UInt64>.self) ^ four
            target.storeBytes(of: words, as: SIMD4<UInt64>.self)
            seen |= words
            (from, target) = (from + 32, target + 32)
        }
        while end - from >= 8 {
            let word = from.loadUnaligned(as: UInt64.self) ^ wide
            target.storeBytes(of: word, as: UInt64.self)
            seen[0] |= word
            (from, target) = (from + 8, target + 8)
        }
        while from < end {
            let byte = from.load(as: UInt8.self) ^ UInt8(truncatingIfNeeded: turned)
            target.storeBytes(of: byte, as: UInt8.self)
            seen[0] |= UInt64(byte)
            turned = turned >> 8 | turned << 24
            (from, target) = (from + 1, target + 1)
        }
        return (seen[0] | seen[1] | seen[2] | seen[3]) & MaskingKey.topBits == 0
    }

    /// Those of a word's eight bytes; ASCII has none of them set.
    private static let topBits: UInt64 = 0x8080_8080_8080_8080
}

extension [UInt8] {
    /// Masks or unmasks everything.
    mutating func mask(with key: MaskingKey) { withUnsafeMutableBytes { key.apply(to: $0, offset: 0) } }

    /// Appends a piece of a payload as it was before it was masked, if it was. Returns true if it is known to be ASCII.
    @inline(__always) @discardableResult
    mutating func append(unmasking piece: UnsafeRawBufferPointer, with key: MaskingKey?, offset: Int) -> Bool {
        guard let key else {
            append(contentsOf: piece)
            return false
        }
        var isASCII = false
        append(count: piece.count) { isASCII = key.copy(piece, to: $0, offset: offset) }
        return isASCII
    }
}
