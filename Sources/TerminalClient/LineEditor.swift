package import Wire

/// A line that is being typed: Emacs keys, kill ring, undo, history and its search, completion. Keys in, outcomes out.
package struct LineEditor: Sendable {
    /// What a key led to, besides the line itself.
    package enum Outcome: Equatable, Sendable {
        /// Enter: the line as typed, newlines of pastes included. The editor is empty again. Give it to
        /// `InputHistory.add` and set `history`.
        case line(String)
        /// Ctrl-C, which cleared the line. If it was empty already, the caller may quit.
        case interrupted(wasEmpty: Bool)
        /// Ctrl-D on an empty line.
        case endOfInput
        /// Ctrl-Z.
        case suspend
        /// The key can do nothing here.
        case bell
        /// Draw `display(width:)` again.
        case changed
        /// Ctrl-L: clear the screen and draw again.
        case redraw
        /// Tab was ambiguous: show these above the line. Not made safe.
        case candidates([String])
        /// What was pasted or typed does not fit into `lineBytesMax`; nothing of it was inserted.
        case tooLong
    }

    /// Of UTF-8; well below a line of the protocol, which is 256 KiB with escapes and sealing.
    package static let lineBytesMax = 32 << 10

    /// Stands before the line.
    package var prompt: SafeText
    /// Older lines, the newest last; setting it leaves the history.
    package var history: [String]
    /// What has been typed, at most `lineBytesMax` bytes.
    package var text: String { "" }
    /// Grapheme clusters before the cursor, 0...`text.count`.
    package var cursor: Int { 0 }

    package init(prompt: SafeText, history: [String]) {
        self.prompt = prompt
        self.history = history
    }

    /// Applies a key. Tab calls `completing` with the text before the cursor; it answers with what may stand in place
    /// of that text's last word (what follows its last space; may be empty). A single candidate is followed by a space.
    package mutating func handle(_ key: Key, completing: (String) -> [String]) -> [Outcome] { [] }

    /// The line as a terminal of `width` columns shows it: one row, scrolled so that the cursor is in it.
    package func display(width: Int) -> LineDisplay { LineDisplay(row: "", cursorColumn: 0) }
}
