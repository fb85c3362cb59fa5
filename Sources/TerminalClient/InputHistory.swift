/// Lines that were typed before, and what the file that keeps them holds.
package struct InputHistory: Equatable, Sendable {
    package static let linesMax = 1000
    /// Of UTF-8. Longer lines are pasted, and nobody looks for them here.
    package static let lineBytesMax = 4096
    /// The most that `encoded()` makes: every byte escaped, and line ends.
    package static let encodedBytesMax = linesMax * (2 * lineBytesMax + 1)

    /// The newest last.
    package private(set) var lines: [String] = []

    package init() {}

    /// Reads a file. What is no UTF-8, or would not be kept, is left out.
    package init(parsing bytes: [UInt8]) {
        for entry in bytes.split(separator: 0x0A) {
            guard let line = String(validating: InputHistory.unescape(entry), as: UTF8.self) else { continue }
            add(line)
        }
    }

    /// Keeps a line unless it is empty, too long, the same as the last, or begins with a space (how people keep
    /// something out of it).
    package mutating func add(_ line: String) {
        guard let first = line.utf8.first, first != 0x20, line.utf8.count <= InputHistory.lineBytesMax,
            line != lines.last
        else { return }
        lines.append(line)
        if lines.count > InputHistory.linesMax { lines.removeFirst(lines.count - InputHistory.linesMax) }
    }

    /// One line each; backslash, newline and carriage return as `\\`, `\n` and `\r`.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        for line in lines {
            for byte in line.utf8 {
                if let letter = InputHistory.letter(for: byte) {
                    bytes.append(UInt8(ascii: "\\"))
                    bytes.append(letter)
                } else {
                    bytes.append(byte)
                }
            }
            bytes.append(0x0A)
        }
        return bytes
    }

    private static func letter(for byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\\"): UInt8(ascii: "\\")
        case 0x0A: UInt8(ascii: "n")
        case 0x0D: UInt8(ascii: "r")
        default: nil
        }
    }

    /// A backslash before anything else stands for itself.
    private static func unescape(_ entry: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = entry
        while let byte = rest.popFirst() {
            switch (byte, rest.first) {
            case (UInt8(ascii: "\\"), UInt8(ascii: "\\")): bytes.append(byte)
            case (UInt8(ascii: "\\"), UInt8(ascii: "n")): bytes.append(0x0A)
            case (UInt8(ascii: "\\"), UInt8(ascii: "r")): bytes.append(0x0D)
            default:
                bytes.append(byte)
                continue
            }
            rest = rest.dropFirst()
        }
        return bytes
    }
}
