/// One key press, or one paste.
package enum Key: Hashable, Sendable {
    /// One Unicode scalar that is no control character. What belongs to one grapheme cluster, such as an accent after
    /// its letter, comes as several of these; clusters form in the line.
    case character(Unicode.Scalar)
    /// With Ctrl: a lower-case letter or one of `@ \ ] ^ _`. Ctrl-H, I, J and M are `backspace`, `tab` and `enter`.
    case control(Unicode.Scalar)
    /// With Alt (also sent as ESC and the character), as typed.
    case alt(Unicode.Scalar)
    /// A key that has a name.
    case special(Special, Modifiers = [])
    /// What was pasted as a whole (bracketed paste), at most `KeyDecoder.pasteBytesMax` bytes as they came.
    case paste(String)
    /// A paste that was longer; nothing of it is kept.
    case pasteTooLong

    package enum Special: Hashable, Sendable, CaseIterable {
        case enter, tab, backspace, delete, escape
        case up, down, left, right, home, end, pageUp, pageDown
    }

    package struct Modifiers: OptionSet, Hashable, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        // The bits of xterm's modifier parameter, less one ("PC-Style Function Keys" in XTerm Control Sequences).
        package static let shift = Modifiers(rawValue: 1)
        package static let alt = Modifiers(rawValue: 2)
        package static let control = Modifiers(rawValue: 4)
    }
}
