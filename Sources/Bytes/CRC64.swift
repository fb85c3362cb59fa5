/// CRC-64/XZ: reflected polynomial 0xC96C5795D7870F42, initial value and final XOR all ones (ECMA-182).
/// Finds damage in stored records. It is no protection against intent: whoever can write the file can write the sum.
package struct CRC64: Sendable {
    private var state: UInt64 = .max

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        state = CRC64.tables.withUnsafeBufferPointer { tables in
            bytes.withUnsafeBytes { CRC64.sum(of: $0, from: state, by: tables) }
        }
    }

    package var value: UInt64 { state ^ .max }

    /// Eight bytes at a time: the sum is linear, so what each of them becomes is looked up by itself. Every place in
    /// `tables` is one byte and the number of a table, 0 to 7, above it.
    private static func sum(
        of bytes: UnsafeRawBufferPointer, from state: UInt64, by tables: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        func entry(_ table: Int, _ word: UInt64) -> UInt64 { tables[table << 8 | Int(truncatingIfNeeded: word & 255)] }
        var (sum, index) = (state, 0)
        while bytes.count - index >= 8 {
            let word = sum ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let low = entry(7, word) ^ entry(6, word >> 8) ^ (entry(5, word >> 16) ^ entry(4, word >> 24))
            let high = entry(3, word >> 32) ^ entry(2, word >> 40) ^ (entry(1, word >> 48) ^ entry(0, word >> 56))
            sum = low ^ high
            index += 8
        }
        while index < bytes.count {
            sum = entry(0, sum ^ UInt64(bytes[index])) ^ sum >> 8
            index += 1
        }
        return sum
    }

    /// Eight tables of 256 entries: what a byte becomes when as many zero bytes follow it as the table's number says.
    private static let tables: [UInt64] = {
        var tables: [UInt64] = (0..<256).map { index in
            var entry = UInt64(index)
            for _ in 0..<8 { entry = entry & 1 == 1 ? entry >> 1 ^ 0xC96C_5795_D787_0F42 : entry >> 1 }
            return entry
        }
        for index in 256..<8 * 256 {
            let entry = tables[index - 256]
            tables.append(tables[Int(entry & 255)] ^ entry >> 8)
        }
        return tables
    }()
}
