import Glibc
package import Net

/// A terminal in raw mode with one row at its bottom that is edited, and lines that scroll by above it. Each call is
/// one write. Settings are put back by `leave()`, when the object goes, and when the process exits.
package final class Terminal {
    package enum Fault: Error, Equatable {
        /// The settings cannot be read or set.
        case settings(errno: Int32)
        /// Nobody reads any more.
        case closed
        /// The bytes cannot be written.
        case failed(errno: Int32)
        /// A signal of `PendingSignals` came while the terminal kept us waiting.
        case interrupted(Signal)
    }

    package struct Size: Equatable, Sendable {
        package let columns: Int
        package let rows: Int
    }

    /// Whether colours may be used: not if NO_COLOR is set to something (no-color.org).
    package let hasColor: Bool

    /// Whether a line can be edited: both are terminals, and TERM says that they know escape sequences.
    package static func isCapable(input: Int32, output: Int32, environment: (String) -> String?) -> Bool { false }

    /// The descriptors stay the caller's and must outlive the terminal. Changes nothing yet.
    package init(input: Int32, output: Int32, environment: (String) -> String?) {
        hasColor = false
    }

    /// Raw mode: every key is a byte to read, Ctrl-C too; pastes are bracketed. Newlines written by others stay whole.
    /// Calling it again sets the mode again, as is needed after the process was stopped (`Signal.continued`).
    package func enter() throws(Fault) {}

    /// Erases the prompt row and puts the settings back. Never waits; calling it again does nothing.
    package func leave() {}

    /// 80 × 24 if the terminal does not say. Ask again on `Signal.windowChange`.
    package var size: Size { Size(columns: 80, rows: 24) }

    /// Erases the prompt row, writes the lines and draws the prompt, or none. Lines must be safe text, with no newline,
    /// and may be longer than the terminal is wide.
    package func printAbove(lines: [String], prompt: LineDisplay?) throws(Fault) {}

    /// Draws the prompt row in place of the one that stands there.
    package func draw(_ prompt: LineDisplay) throws(Fault) {}

    /// Clears the screen and draws the prompt at its top.
    package func clear(_ prompt: LineDisplay) throws(Fault) {}

    package func bell() throws(Fault) {}

    /// Leaves, stops the process as Ctrl-Z would, and returns when it goes on, in raw mode again. Draw the prompt then.
    package func suspend() throws(Fault) {}
}
