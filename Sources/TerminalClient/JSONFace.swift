import ChatClient
import Net
import Wire

/// The client as a program among programs: commands are lines of JSON on standard input, events on standard output.
final class JSONFace: Face {
    private let output = LineOutput(descriptor: 1)
    private weak var session: Session?
    private var input: LineInput?

    func start(_ session: Session) throws(StartFault) {
        self.session = session
        input = try LineInput(loop: session.loop, descriptor: 0) { [weak self] event in self?.read(event) }
    }

    func stopReading() { input = nil }

    func show(_ events: [AnsweredEvent]) -> LineOutput.Outcome {
        output.write(events.flatMap { EventLine.encode($0.event, ref: $0.asked?.ref) })
    }

    private func read(_ event: LineInput.Event) {
        guard let session, !session.isOver else { return }
        switch event {
        case .line(let line): take(line, session)
        case .tooLong(let bytesMax):
            let text = "a command has more than \(bytesMax) bytes"
            session.took(output.write(EventLine.error(Refusal.Code.tooLong.rawValue, text, ref: nil)))
        case .ended: session.inputOver()
        }
    }

    private func take(_ line: [UInt8], _ session: Session) {
        // An empty line is how people see whether somebody listens.
        guard line.contains(where: { $0 > 0x20 }) else { return }
        do throws(JSONCommand.Fault) {
            let parsed = try JSONCommand(parsing: line)
            session.perform(parsed.command, ref: parsed.ref)
        } catch {
            var answer = EventLine.error(error.refusal.code.rawValue, error.refusal.text, ref: error.ref)
            if let ref = error.ref { answer += EventLine.done(ref: ref) }
            session.took(output.write(answer))
        }
    }
}
