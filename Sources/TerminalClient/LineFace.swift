import Bytes
import ChatClient
import Net
import Wire

/// The client for people: commands are typed, events are lines of words.
final class LineFace: Face {
    private let screen: any Screen
    private var model: LineModel
    private weak var session: Session?
    private var timer: TimerID?

    init(screen: any Screen, address: Address) {
        self.screen = screen
        model = LineModel(address: address, isTerminal: screen.isTerminal, localTime: { LocalTime.here($0) })
    }

    func start(_ session: Session) throws(StartFault) {
        self.session = session
        try screen.start(
            loop: session.loop, prompt: model.prompt,
            receive: { [weak self] in self?.take($0) },
            completing: { [weak self] in self?.model.completions(of: $0, listing: Folder.names) ?? [] })
        let count = session.pendingCount
        if count > 0 { take(.note("\(count) of your messages wait since the last run and are sent by themselves")) }
        guard screen.isTerminal else { return }
        let last = Command.history(.everyone, count: LineFace.contextCount, before: nil, after: nil)
        model.context = session.perform(last)
    }

    func stopReading() { screen.stopReading() }

    func leave() {
        let lines = model.releaseHeld(at: Clock.wallMilliseconds)
        if !lines.isEmpty { _ = screen.show(lines, prompt: model.prompt) }
        screen.leave()
    }

    func show(_ events: [AnsweredEvent]) -> LineOutput.Outcome {
        guard let session else { return .written }
        let lines = model.render(events, at: session.loop.now, wallMilliseconds: Clock.wallMilliseconds)
        schedule()
        return lines.isEmpty ? .written : screen.show(lines, prompt: model.prompt)
    }

    private func take(_ event: ScreenEvent) {
        guard let session, !session.isOver else { return }
        switch event {
        case .line(let line):
            let answer = model.take(line)
            session.took(screen.show(answer.lines, prompt: model.prompt))
            if let command = answer.command { session.perform(Folder.expanded(command)) }
        case .note(let line): session.took(screen.show([line], prompt: model.prompt))
        case .over: session.inputOver()
        case .quit: session.perform(.quit)
        case .failed(let outcome): session.took(outcome)
        }
    }

    /// Wakes when the model has something to say without any event.
    private func schedule() {
        guard timer == nil, let session, let deadline = model.deadline else { return }
        timer = session.loop.schedule(after: deadline.since(session.loop.now)) { [weak self] in self?.tick() }
    }

    private func tick() {
        timer = nil
        guard let session else { return }
        let lines = model.due(at: session.loop.now, wallMilliseconds: Clock.wallMilliseconds)
        if !lines.isEmpty { session.took(screen.show(lines, prompt: model.prompt)) }
        schedule()
    }

    /// What was said last in the conversation that one is in when the program starts.
    private static let contextCount = 10
}
