/// CRC-64/XZ: reflected polynomial 0xC96C5795D7870F42, initial value and final XOR all ones (ECMA-182).
/// Finds damage in stored records. It is no protection against intent: whoever can write the file can write the sum.
package struct CRC64: Sendable {
    private var state: UInt64 = .max

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        var sum = state
        CRC64.table.withUnsafeBufferPointer { table in
            for byte in bytes { sum = table[Int(truncatingIfNeeded: (sum ^ UInt64(byte)) & 255)] ^ (sum >> 8) }
        }
        state = sum
    }

    package var value: UInt64 { state ^ .max }

    private static let table: [UInt64] = (0..<256).map { index in
        var entry = UInt64(index)
        for _ in 0..<8 { entry = entry & 1 == 1 ? entry >> 1 ^ 0xC96C_5795_D787_0F42 : entry >> 1 }
        return entry
    }
}
