import Glibc
package import Net
import Synchronization

/// A terminal in raw mode with one row at its bottom that is edited, and lines that scroll by above it. What one call
/// draws is handed over as one piece. Settings are put back by `leave()`, when the object goes, and when the process
/// exits. Lives on one thread.
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

        package init(columns: Int, rows: Int) {
            self.columns = columns
            self.rows = rows
        }
    }

    /// Whether colours may be used: not if NO_COLOR is set to something (no-color.org).
    package let hasColor: Bool

    private let input: Int32
    private let output: LineOutput

    /// Whether a line can be edited: both are terminals, and TERM says that they know escape sequences.
    package static func isCapable(input: Int32, output: Int32, environment: (String) -> String?) -> Bool {
        guard isatty(input) == 1, isatty(output) == 1, let kind = environment("TERM") else { return false }
        return !kind.isEmpty && kind != "dumb"
    }

    /// The descriptors stay the caller's and must outlive the terminal. Changes nothing yet.
    package init(input: Int32, output: Int32, environment: (String) -> String?) {
        self.input = input
        self.output = LineOutput(descriptor: output)
        hasColor = (environment("NO_COLOR") ?? "").isEmpty
    }

    deinit { leave() }

    // MARK: Raw mode

    /// Raw mode: every key is a byte to read, Ctrl-C too; pastes are bracketed. Newlines written by others stay whole.
    /// Calling it again sets the mode again, as is needed after the process was stopped (`Signal.continued`).
    package func enter() throws(Fault) {
        var settings = termios()
        if let original = Terminal.entered.withLock({ $0[ObjectIdentifier(self)]?.settings }) {
            settings = original
        } else {
            guard tcgetattr(input, &settings) == 0 else { throw .settings(errno: errno) }
        }
        var raw = Terminal.raw(settings)
        // Before the change, so that whatever ends the process now undoes it.
        let original = Original(input: input, output: output.descriptor, settings: settings)
        Terminal.entered.withLock { $0[ObjectIdentifier(self)] = original }
        _ = Terminal.restoresAtExit
        while tcsetattr(input, TCSANOW, &raw) != 0 {
            guard errno == EINTR else { throw .settings(errno: errno) }
        }
        try write(Terminal.bracketedPasteOn)
    }

    /// Erases the prompt row and puts the settings back. Never waits; calling it again does nothing.
    package func leave() {
        Terminal.entered.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) }?.restore()
    }

    /// Leaves, stops the process as Ctrl-Z would, and returns when it goes on, in raw mode again. Draw the prompt then.
    package func suspend() throws(Fault) {
        leave()
        var stop = sigset_t()
        var before = sigset_t()
        sigemptyset(&stop)
        sigaddset(&stop, SIGTSTP)
        // Whoever started the program may have left the signal blocked.
        pthread_sigmask(SIG_UNBLOCK, &stop, &before)
        // To this thread, so that nothing below runs before the process has stopped.
        raise(SIGTSTP)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        try enter()
    }

    /// What a terminal was like before.
    private struct Original {
        let input: Int32
        let output: Int32
        let settings: termios

        func restore() {
            // In the background the terminal is somebody else's, and whoever put us there has set it.
            let group = tcgetpgrp(input)
            guard group < 0 || group == getpgrp() else { return }
            var wait = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
            if poll(&wait, 1, 0) == 1 {
                let bytes = Array((Terminal.erase + Terminal.bracketedPasteOff).utf8)
                _ = Glibc.write(output, bytes, bytes.count)
            }
            var settings = settings
            tcsetattr(input, TCSANOW, &settings)
        }
    }

    private static let entered = Mutex<[ObjectIdentifier: Original]>([:])

    private static let restoresAtExit: Void = {
        // The program ends by `endProgram`.
        at_quick_exit { Terminal.entered.withLock { for original in $0.values { original.restore() } } }
    }()

    /// termios(3), "Raw mode", but for output: newlines of other writers need their carriage returns.
    private static func raw(_ settings: termios) -> termios {
        var raw = settings
        raw.c_iflag &= ~tcflag_t(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IXON)
        raw.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | ISIG | IEXTEN)
        raw.c_cflag &= ~tcflag_t(CSIZE | PARENB)
        raw.c_cflag |= tcflag_t(CS8)
        withUnsafeMutableBytes(of: &raw.c_cc) { characters in
            characters[Int(VMIN)] = 1
            characters[Int(VTIME)] = 0
        }
        return raw
    }

    // MARK: Screen

    /// 80 × 24 if the terminal does not say. Ask again on `Signal.windowChange`.
    package var size: Size {
        var window = winsize()
        guard ioctl(output.descriptor, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return Size(columns: 80, rows: 24)
        }
        return Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
    }

    /// Erases the prompt row, writes the lines and draws the prompt, or none. Lines must be safe text, with no newline,
    /// and may be longer than the terminal is wide.
    package func printAbove(lines: [String], prompt: LineDisplay?) throws(Fault) {
        var text = Terminal.erase
        for line in lines { text += line + "\r\n" }
        try write(text + (prompt.map(Terminal.drawing) ?? ""))
    }

    /// Draws the prompt row in place of the one that stands there.
    package func draw(_ prompt: LineDisplay) throws(Fault) { try printAbove(lines: [], prompt: prompt) }

    /// Clears the screen and draws the prompt at its top.
    package func clear(_ prompt: LineDisplay) throws(Fault) {
        try write(Terminal.eraseScreen + Terminal.drawing(prompt))
    }

    package func bell() throws(Fault) { try write("\u{7}") }

    private static func drawing(_ prompt: LineDisplay) -> String {
        let column = prompt.cursorColumn
        // ECMA-48 §8.3.20: cursor right; a parameter of 0 would mean 1.
        return prompt.row + "\r" + (column > 0 ? "\u{1B}[\(column)C" : "")
    }

    // ECMA-48 §8.3.39 and §8.3.21: erase to the end of the screen, for a row that was wrapped by a narrower window
    // goes on below; cursor to the first row and column.
    private static let erase = "\r\u{1B}[J"
    private static let eraseScreen = "\u{1B}[H\u{1B}[2J"
    // XTerm Control Sequences, "Bracketed Paste Mode".
    private static let bracketedPasteOn = "\u{1B}[?2004h"
    private static let bracketedPasteOff = "\u{1B}[?2004l"

    private func write(_ text: String) throws(Fault) {
        switch output.write(Array(text.utf8)) {
        case .written: break
        case .closed: throw .closed
        case .failed(let errno): throw .failed(errno: errno)
        case .interrupted(let signal): throw .interrupted(signal)
        }
    }
}
