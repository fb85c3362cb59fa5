import Bytes

/// SHA-1 (RFC 3174), which the opening handshake needs for its accept key (RFC 6455 §1.3). It protects nothing secret
/// here: it only shows that the other end speaks WebSocket. SHA-1 is broken where collisions matter; for anything
/// else use the module Crypto.
package enum SHA1 {
    /// The 20-byte digest of `message`.
    package static func digest(of message: [UInt8]) -> [UInt8] {
        var state: State = (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0)
        let padded = padded(message)
        for start in stride(from: 0, to: padded.count, by: blockBytes) {
            compress(padded[start..<(start + blockBytes)], into: &state)
        }
        var digest: [UInt8] = []
        for word in [state.0, state.1, state.2, state.3, state.4] { digest.appendBigEndian(word) }
        return digest
    }

    private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32)
    private static let blockBytes = 64

    /// RFC 3174 §4: a one bit, zeros, and the length in bits as 8 bytes at the end of a block.
    private static func padded(_ message: [UInt8]) -> [UInt8] {
        var padded = message
        padded.append(0x80)
        while padded.count % blockBytes != blockBytes - 8 { padded.append(0) }
        padded.appendBigEndian(UInt64(message.count) << 3)
        return padded
    }

    /// RFC 3174 §6.1. The sums are modulo 2^32 by definition, hence `&+`.
    private static func compress(_ block: ArraySlice<UInt8>, into state: inout State) {
        var words = InlineArray<80, UInt32>(repeating: 0)
        for (index, byte) in block.enumerated() { words[index / 4] = words[index / 4] << 8 | UInt32(byte) }
        for t in 16..<80 {
            words[t] = rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], by: 1)
        }
        var (a, b, c, d, e) = state
        func step(_ word: UInt32, _ mixed: UInt32) {
            (a, b, c, d, e) = (rotate(a, by: 5) &+ mixed &+ e &+ word, a, rotate(b, by: 30), c, d)
        }
        for t in 0..<20 { step(words[t], (b & c | ~b & d) &+ 0x5A82_7999) }
        for t in 20..<40 { step(words[t], (b ^ c ^ d) &+ 0x6ED9_EBA1) }
        for t in 40..<60 { step(words[t], (b & c | b & d | c & d) &+ 0x8F1B_BCDC) }
        for t in 60..<80 { step(words[t], (b ^ c ^ d) &+ 0xCA62_C1D6) }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }

    private static func rotate(_ word: UInt32, by bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}
