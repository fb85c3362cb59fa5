import Glibc
import Net
import Synchronization
import TerminalClient
import Testing

/// A terminal of the kernel: what is written to `screen` was typed, what the program writes can be read there.
final class PseudoTerminal {
    let screen: Int32
    let program: Int32

    init() throws {
        // What posix_openpt, unlockpt and ptsname do (pts(4)), which Swift's Glibc does not show.
        screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(screen >= 0)
        var isLocked: Int32 = 0
        try #require(ioctl(screen, PseudoTerminal.setLock, &isLocked) == 0)
        var number: Int32 = 0
        try #require(ioctl(screen, PseudoTerminal.getNumber, &number) == 0)
        program = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(program >= 0)
    }

    /// TIOCSPTLCK and TIOCGPTN, which are macros that Swift cannot read.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    deinit {
        close(program)
        close(screen)
    }

    /// Mode flags, and what a read waits for.
    var settings: [UInt32] { PseudoTerminal.settings(of: program) }

    static func settings(of descriptor: Int32) -> [UInt32] {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { return [] }
        let characters = withUnsafeBytes(of: settings.c_cc) { $0.map { UInt32($0) } }
        return [settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag] + characters
    }

    /// Waits until the program has written this many bytes.
    func read(_ count: Int) -> String {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var wait = pollfd(fd: screen, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 5000) == 1 else { break }
            var chunk = [UInt8](repeating: 0, count: count - bytes.count)
            let got = Glibc.read(screen, &chunk, chunk.count)
            guard got > 0 else { break }
            bytes += chunk.prefix(got)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite struct TerminalTests {
    private static let on = "\u{1B}[?2004h"
    private static let off = "\r\u{1B}[J\u{1B}[?2004l"

    private func terminal(_ pseudo: PseudoTerminal) -> Terminal {
        Terminal(input: pseudo.program, output: pseudo.program, environment: { _ in nil })
    }

    @Test func rawModeHandsOverEveryKey() throws {
        let pseudo = try PseudoTerminal()
        let terminal = terminal(pseudo)
        try terminal.enter()
        #expect(pseudo.read(TerminalTests.on.utf8.count) == TerminalTests.on)
        var settings = termios()
        #expect(tcgetattr(pseudo.program, &settings) == 0)
        #expect(settings.c_lflag & tcflag_t(ECHO | ICANON | ISIG | IEXTEN) == 0)
        #expect(settings.c_iflag & tcflag_t(ICRNL | IXON) == 0)
        #expect(settings.c_oflag & tcflag_t(OPOST) != 0)
        // Ctrl-C, Ctrl-S, Ctrl-V, Ctrl-D, Enter, without a line end, and not echoed.
        let keys: [UInt8] = [0x03, 0x13, 0x16, 0x04, 0x0D, 0x61]
        #expect(write(pseudo.screen, keys, keys.count) == keys.count)
        var received = [UInt8](repeating: 0, count: 16)
        #expect(read(pseudo.program, &received, received.count) == keys.count)
        #expect(Array(received.prefix(keys.count)) == keys)
        terminal.leave()
        #expect(pseudo.read(TerminalTests.off.utf8.count) == TerminalTests.off)
    }

    @Test func leavingPutsTheSettingsBackOnce() throws {
        let pseudo = try PseudoTerminal()
        let before = pseudo.settings
        let terminal = terminal(pseudo)
        terminal.leave()
        for _ in 0..<2 {
            try terminal.enter()
            // As after the process was stopped, when the shell has set its own mode.
            try terminal.enter()
            #expect(pseudo.settings != before)
            terminal.leave()
            terminal.leave()
            #expect(pseudo.settings == before)
        }
        let expected = String(repeating: TerminalTests.on + TerminalTests.on + TerminalTests.off, count: 2)
        try terminal.bell()
        #expect(pseudo.read(expected.utf8.count + 1) == expected + "\u{7}")
    }

    @Test func theSettingsAreBackWhenTheObjectIsGone() throws {
        let pseudo = try PseudoTerminal()
        let before = pseudo.settings
        do {
            let terminal = terminal(pseudo)
            try terminal.enter()
            #expect(pseudo.settings != before)
        }
        #expect(pseudo.settings == before)
    }

    @Test func aPipeHasNoSettings() throws {
        var ends: [Int32] = [0, 0]
        // The processes of other tests, which start meanwhile, must not hold the ends open.
        #expect(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { for end in ends { close(end) } }
        let terminal = Terminal(input: ends[0], output: ends[1], environment: { _ in nil })
        #expect(throws: Terminal.Fault.settings(errno: ENOTTY)) { try terminal.enter() }
        #expect(terminal.size == Terminal.Size(columns: 80, rows: 24))
        close(ends[0])
        signal(SIGPIPE, SIG_IGN)
        #expect(throws: Terminal.Fault.closed) { try terminal.bell() }
        ends[0] = dup(ends[1])
    }

    @Test func knowsItsSize() throws {
        let pseudo = try PseudoTerminal()
        let terminal = terminal(pseudo)
        #expect(terminal.size == Terminal.Size(columns: 80, rows: 24))
        var window = winsize(ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0)
        #expect(ioctl(pseudo.screen, UInt(TIOCSWINSZ), &window) == 0)
        #expect(terminal.size == Terminal.Size(columns: 132, rows: 50))
    }

    /// Each write to a datagram socket is a datagram of its own.
    @Test func drawsWithOneWrite() throws {
        let pseudo = try PseudoTerminal()
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        let terminal = Terminal(input: pseudo.program, output: ends[0], environment: { _ in nil })
        func written() -> String {
            var bytes = [UInt8](repeating: 0, count: 1000)
            let count = read(ends[1], &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
        let prompt = LineDisplay(row: "> hé", cursorColumn: 3)
        try terminal.printAbove(lines: ["one", "two"], prompt: prompt)
        #expect(written() == "\r\u{1B}[Jone\r\ntwo\r\n> hé\r\u{1B}[3C")
        try terminal.printAbove(lines: ["one"], prompt: nil)
        #expect(written() == "\r\u{1B}[Jone\r\n")
        try terminal.draw(LineDisplay(row: "x", cursorColumn: 0))
        #expect(written() == "\r\u{1B}[Jx\r")
        try terminal.clear(prompt)
        #expect(written() == "\u{1B}[H\u{1B}[2J> hé\r\u{1B}[3C")
    }

    @Test func looksAtTheEnvironment() throws {
        let pseudo = try PseudoTerminal()
        func isCapable(_ kind: String?, output: Int32? = nil) -> Bool {
            Terminal.isCapable(input: pseudo.program, output: output ?? pseudo.program) { $0 == "TERM" ? kind : nil }
        }
        #expect(isCapable("xterm-256color"))
        #expect(!isCapable("dumb"))
        #expect(!isCapable(""))
        #expect(!isCapable(nil))
        #expect(!isCapable("xterm", output: -1))
        for (value, hasColor) in [(nil, true), ("", true), ("1", false), ("0", false)] {
            let terminal = Terminal(input: pseudo.program, output: pseudo.program) { $0 == "NO_COLOR" ? value : nil }
            #expect(terminal.hasColor == hasColor)
        }
    }

    /// In a process of its own, which ends; what runs at exit runs in reverse, so the check comes after it.
    @Test func theSettingsAreBackAtExit() async {
        await #expect(processExitsWith: .success) {
            let pseudo = try PseudoTerminal()
            Watched.begin(pseudo.program)
            at_quick_exit { if !Watched.isAsBefore { _exit(3) } }
            let terminal = Terminal(input: pseudo.program, output: pseudo.program) { _ in nil }
            try terminal.enter()
            if Watched.isAsBefore { exit(2) }
            // Kept, as by a program that exits from within its loop.
            withExtendedLifetime(terminal) { endProgram(0) }
        }
    }

    /// In a process of its own, where the signal can be caught instead of stopping it. Its thread blocks signals, as
    /// a program's may that was started by one that does.
    @Test func theSettingsAreBackWhileStopped() async {
        await #expect(processExitsWith: .success) {
            let pseudo = try PseudoTerminal()
            Watched.begin(pseudo.program)
            signal(SIGTSTP) { _ in Watched.noteStop() }
            var signals = sigset_t()
            sigaddset(&signals, SIGTSTP)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            let terminal = Terminal(input: pseudo.program, output: pseudo.program) { _ in nil }
            try terminal.enter()
            try terminal.suspend()
            guard Watched.stops == [true] else { exit(2) }
            guard !Watched.isAsBefore else { exit(3) }
            exit(0)
        }
    }
}

/// What a handler without a context looks at.
private enum Watched {
    private static let state = Mutex<(descriptor: Int32, settings: [UInt32], stops: [Bool])>((-1, [], []))

    static func begin(_ descriptor: Int32) {
        let settings = PseudoTerminal.settings(of: descriptor)
        state.withLock { $0 = (descriptor, settings, []) }
    }

    static var isAsBefore: Bool { state.withLock { PseudoTerminal.settings(of: $0.descriptor) == $0.settings } }
    static var stops: [Bool] { state.withLock { $0.stops } }
    static func noteStop() {
        let isBefore = isAsBefore
        state.withLock { $0.stops.append(isBefore) }
    }
}
