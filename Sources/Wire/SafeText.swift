/// Text that a terminal or a log may be given: nothing in it moves a cursor, changes a colour, hides or reorders
/// what stands beside it. This type is the only way from foreign text to a screen.
package struct SafeText: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Writes what could do harm as `\u{…}`, so that it is seen instead of obeyed.
    package init(_ text: String) {
        guard text.unicodeScalars.contains(where: SafeText.isHarmful) else {
            self.text = text
            return
        }
        var safe = ""
        for scalar in text.unicodeScalars {
            if SafeText.isHarmful(scalar) {
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        self.text = safe
    }

    package var description: String { text }

    /// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls (UAX #9), characters
    /// without width that hide text, and tag characters.
    package static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: true
        case 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB: true
        case 0xE0000...0xE007F: true
        default: false
        }
    }
}
