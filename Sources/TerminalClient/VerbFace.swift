import Bytes
import ChatClient
import Glibc
import Net

/// The client as one command of a script: data on standard output, everything else on standard error.
final class VerbFace: Face {
    private let output = LineOutput(descriptor: 1)
    private let timeoutSeconds: Int
    private var run: VerbRun
    private weak var session: Session?
    private var timer: TimerID?

    init(_ run: VerbRun, timeoutSeconds: Int) {
        self.run = run
        self.timeoutSeconds = timeoutSeconds
    }

    func start(_ session: Session) throws(StartFault) {
        self.session = session
        guard let command = run.command else { return }
        session.perform(command)
        arm()
    }

    func stopReading() {}

    func show(_ events: [AnsweredEvent]) -> LineOutput.Outcome {
        guard let session, run.verdict == nil else { return .written }
        return write(run.handle(events, at: session.loop.now, wallMilliseconds: Clock.wallMilliseconds))
    }

    func status(after end: ClientEnd) -> ExitCode {
        let (code, complaint) = run.end(after: end)
        if let complaint { StandardStreams.tell(complaint.text(hasColor: false)) }
        return code
    }

    private func write(_ result: VerbRun.Output) -> LineOutput.Outcome {
        for line in result.complaints { StandardStreams.tell(line.text(hasColor: false)) }
        if isatty(2) == 1 {
            for line in result.progress { StandardStreams.tell(line.text(hasColor: false)) }
        }
        if result.hasMoved { arm() }
        let outcome = output.write(result.bytes)
        guard case .written = outcome, let code = run.verdict else { return outcome }
        // What the turn brought is stored first.
        session?.loop.afterThisTurn { [weak session] in session?.finish(code.rawValue) }
        return outcome
    }

    /// From now on the verb has its whole time again.
    private func arm() {
        guard let session, run.command != nil else { return }
        if let timer { session.loop.cancel(timer) }
        timer = session.loop.schedule(after: .seconds(timeoutSeconds)) { [weak self] in
            guard let self, let session = self.session, self.run.verdict == nil else { return }
            session.took(self.write(self.run.timedOut(after: self.timeoutSeconds)))
        }
    }
}
