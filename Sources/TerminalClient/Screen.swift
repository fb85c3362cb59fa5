import Glibc
import Net
import Wire

/// Where lines are typed and shown.
protocol Screen: AnyObject {
    /// Whether a person is looking.
    var isTerminal: Bool { get }
    /// `completing` answers Tab: what may stand in place of the last word of what it is given.
    func start(
        loop: EventLoop, prompt: SafeText, receive: @escaping (ScreenEvent) -> Void,
        completing: @escaping (String) -> [String]
    ) throws(StartFault)
    func stopReading()
    func show(_ lines: [SafeLine], prompt: SafeText) -> LineOutput.Outcome
    /// Puts the terminal back. May come more than once.
    func leave()
}

enum ScreenEvent {
    case line(String)
    /// What the screen itself has to say.
    case note(SafeLine)
    /// The end of input: what is under way is finished.
    case over
    /// A person wants to go.
    case quit
    /// It can be shown no more.
    case failed(LineOutput.Outcome)
}

/// Plain lines, for programs and for terminals without escape sequences: none is ever written.
final class PlainScreen: Screen {
    let isTerminal = isatty(1) == 1
    private let output = LineOutput(descriptor: 1)
    private var input: LineInput?

    func start(
        loop: EventLoop, prompt: SafeText, receive: @escaping (ScreenEvent) -> Void,
        completing: @escaping (String) -> [String]
    ) throws(StartFault) {
        input = try LineInput(loop: loop, descriptor: 0) { event in
            switch event {
            case .line(let bytes):
                guard let line = String(validating: bytes, as: UTF8.self) else {
                    return receive(.note("that line is no UTF-8 and was left out"))
                }
                receive(.line(line))
            case .tooLong(let bytesMax): receive(.note("a line of more than \(bytesMax) bytes was left out"))
            case .ended: receive(.over)
            }
        }
    }

    func stopReading() { input = nil }

    func show(_ lines: [SafeLine], prompt: SafeText) -> LineOutput.Outcome {
        guard !lines.isEmpty else { return .written }
        return output.write(lines.flatMap { Array($0.text(hasColor: false).utf8) + [0x0A] })
    }

    func leave() {}
}
