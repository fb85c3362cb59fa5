import ChatClient
import Glibc
import Net
import Wire

/// Finds the password. Files and the environment are for programs, the terminal is for people.
enum PasswordSource {
    enum Answer {
        case password([UInt8])
        case none
        case interrupted(Signal)
    }

    /// What the caller gave along; `.none` if nothing.
    static func given(path: String?) throws(StartFault) -> Answer {
        if let path {
            let read = try StartFault.reading(path, bytesMax: passwordFileBytesMax, .failure)
            guard let bytes = read else { throw StartFault(.failure, "\(path): there is no such file") }
            let line = bytes.prefix { $0 != 0x0A }
            return .password(Array(line.last == 0x0D ? line.dropLast() : line))
        }
        guard let text = getenv("POSTROAD_PASSWORD") else { return .none }
        return .password(Array(String(cString: text).utf8))
    }

    /// Asks on the terminal without showing what is typed; `.none` if there is no terminal. The terminal's settings
    /// are put back whatever happens.
    static func ask(for address: Address) -> Answer {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return .none }
        defer { close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { return .none }
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO)
        silent.c_lflag |= tcflag_t(ICANON | ISIG)
        guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { return .none }
        defer { tcsetattr(terminal, TCSAFLUSH, &settings) }
        print("Password of \(address.text): ", on: terminal)
        defer { print("\n", on: terminal) }
        return readLine(from: terminal)
    }

    private static func readLine(from terminal: Int32) -> Answer {
        var line = [UInt8](repeating: 0, count: passwordFileBytesMax)
        while true {
            // Signals are blocked, so waiting looks for them itself.
            if let signal = PendingSignals.first { return .interrupted(signal) }
            var wait = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 100) > 0 else { continue }
            let count = read(terminal, &line, line.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .none }
            return .password(Array(line.prefix(count).prefix { $0 != 0x0A }))
        }
    }

    private static func print(_ text: String, on terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = write(terminal, bytes, bytes.count)
    }

    /// Of the file; a password has at most 1,024 bytes.
    private static let passwordFileBytesMax = 4096
}
