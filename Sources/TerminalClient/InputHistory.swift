/// Lines that were typed before, and the file that keeps them.
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
    package init(parsing bytes: [UInt8]) {}

    /// Keeps a line unless it is empty, too long, the same as the last, or begins with a space (how people keep
    /// something out of it).
    package mutating func add(_ line: String) {}

    /// One line each; backslash, newline and carriage return as `\\`, `\n` and `\r`.
    package func encoded() -> [UInt8] { [] }
}
