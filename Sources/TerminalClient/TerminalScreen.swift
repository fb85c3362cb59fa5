import ChatClient
import Glibc
import Net
import Wire

/// A terminal: the line being typed stays at its bottom, events scroll by above.
final class TerminalScreen: Screen {
    let isTerminal = true
    private let terminal: Terminal
    private let historyPath: String
    private var editor = LineEditor(prompt: SafeText(""), history: [])
    private var keys = KeyDecoder()
    private var typed = InputHistory()
    private var reader: InputReader?
    private var signals: SignalSource?
    private var loop: EventLoop?
    private var escapeTimer: TimerID?
    private var receive: (ScreenEvent) -> Void = { _ in }
    private var completing: (String) -> [String] = { _ in [] }
    /// Ctrl-C has been pressed on an empty line, and nothing since.
    private var isQuitting = false
    private var hasLeft = false

    /// `historyPath` is the file of what was typed before; its folder is there.
    init(terminal: Terminal, historyPath: String) {
        self.terminal = terminal
        self.historyPath = historyPath
    }

    func start(
        loop: EventLoop, prompt: SafeText, receive: @escaping (ScreenEvent) -> Void,
        completing: @escaping (String) -> [String]
    ) throws(StartFault) {
        (self.loop, self.receive, self.completing) = (loop, receive, completing)
        // A history that cannot be read is none.
        let kept = try? PrivateFile.read(historyPath, bytesMax: InputHistory.encodedBytesMax)
        typed = InputHistory(parsing: kept ?? [])
        editor = LineEditor(prompt: prompt, history: typed.lines)
        do throws(Terminal.Fault) { try terminal.enter() } catch {
            throw StartFault(.failure, "the terminal cannot be used: \(error)")
        }
        do throws(NetError) {
            signals = try SignalSource(loop: loop, signals: PendingSignals.ofTerminals) { [weak self] signal in
                self?.signalled(signal)
            }
            reader = try InputReader(loop: loop, descriptor: 0) { [weak self] event in self?.read(event) }
        } catch { throw StartFault(.failure, error.description) }
        attempt { () throws(Terminal.Fault) in try draw() }
    }

    func stopReading() { reader = nil }

    func show(_ lines: [SafeLine], prompt: SafeText) -> LineOutput.Outcome {
        guard !hasLeft else { return .written }
        editor.prompt = prompt
        return outcome { () throws(Terminal.Fault) in
            try terminal.printAbove(lines: lines.map { $0.text(hasColor: terminal.hasColor) }, prompt: display)
        }
    }

    func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        signals?.close()
        terminal.leave()
    }

    private var display: LineDisplay { editor.display(width: terminal.size.columns) }

    private func draw() throws(Terminal.Fault) { try terminal.draw(display) }

    // MARK: Keys

    private func read(_ event: InputReader.Event) {
        guard !hasLeft, reader != nil else { return }
        switch event {
        case .bytes(let bytes):
            if let timer = escapeTimer { loop?.cancel(timer) }
            escapeTimer = nil
            handle(keys.receive(bytes))
            guard keys.isWaiting else { return }
            escapeTimer = loop?.schedule(after: KeyDecoder.escapeTimeout) { [weak self] in
                guard let self, !self.hasLeft else { return }
                self.handle(self.keys.flush())
            }
        case .ended, .failed: receive(.over)
        }
    }

    private func handle(_ keys: [Key]) {
        for key in keys {
            for outcome in editor.handle(key, completing: completing) {
                guard !hasLeft else { return }
                act(outcome)
            }
        }
        guard !hasLeft, !keys.isEmpty else { return }
        attempt { () throws(Terminal.Fault) in try draw() }
    }

    private func act(_ outcome: LineEditor.Outcome) {
        let wasQuitting = isQuitting
        isQuitting = false
        switch outcome {
        case .line(let line):
            typed.add(line)
            editor.history = typed.lines
            keep()
            receive(.line(line))
        case .interrupted(let wasEmpty):
            guard wasEmpty else { return }
            if wasQuitting { return receive(.quit) }
            isQuitting = true
            receive(.note("Ctrl-C once more, or Ctrl-D, quits"))
        case .endOfInput: receive(.quit)
        case .suspend: attempt { () throws(Terminal.Fault) in try terminal.suspend() }
        case .bell: attempt { () throws(Terminal.Fault) in try terminal.bell() }
        case .changed: break
        case .redraw: attempt { () throws(Terminal.Fault) in try terminal.clear(display) }
        case .candidates(let candidates):
            for candidate in candidates.prefix(TerminalScreen.candidatesMax) {
                receive(.note("  \(SafeText(candidate))"))
            }
            let more = candidates.count - TerminalScreen.candidatesMax
            if more > 0 { receive(.note("  and \(more) more")) }
        case .tooLong: receive(.note("that is too much for one line: at most \(LineEditor.lineBytesMax) bytes"))
        }
    }

    /// A history that cannot be kept spoils nothing else.
    private func keep() { try? PrivateFile.write(typed.encoded(), to: historyPath) }

    private func signalled(_ signal: Signal) {
        guard !hasLeft else { return }
        attempt { () throws(Terminal.Fault) in
            // Whoever stopped the program with another signal than Ctrl-Z may have changed the mode.
            if signal == .continued { try terminal.enter() }
            try draw()
        }
    }

    // MARK: Faults

    private func attempt(_ body: () throws(Terminal.Fault) -> Void) {
        let result = outcome(body)
        if case .written = result { return }
        receive(.failed(result))
    }

    private func outcome(_ body: () throws(Terminal.Fault) -> Void) -> LineOutput.Outcome {
        do throws(Terminal.Fault) {
            try body()
            return .written
        } catch {
            switch error {
            case .closed: return .closed
            case .settings(let number), .failed(let number): return .failed(errno: number)
            case .interrupted(let signal): return .interrupted(signal)
            }
        }
    }

    /// A screenful.
    private static let candidatesMax = 40
}
