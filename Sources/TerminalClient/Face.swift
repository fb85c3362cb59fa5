package import ChatClient
import Net

/// What the user of a session sees of it, and how they are heard.
protocol Face: AnyObject {
    /// Begins to take commands and hands them to the session, which owns the face.
    func start(_ session: Session) throws(StartFault)
    /// Takes no more commands. May come more than once.
    func stopReading()
    /// Waits for a slow reader.
    func show(_ events: [AnsweredEvent]) -> LineOutput.Outcome
    /// Puts back what the face changed outside of the program. May come more than once.
    func leave()
    /// How the program ends when the client has stopped for good.
    func status(after end: ClientEnd) -> ExitCode
}

extension Face {
    func leave() {}
    func status(after end: ClientEnd) -> ExitCode { ExitCode(end) }
}

/// A command under way.
package struct Asked: Equatable, Sendable {
    package let command: Command
    package let ref: CommandRef?

    package init(command: Command, ref: CommandRef?) {
        self.command = command
        self.ref = ref
    }
}

/// An event with the command that it answers.
package struct AnsweredEvent: Equatable, Sendable {
    package let event: ClientEvent
    package let asked: Asked?

    package init(event: ClientEvent, asked: Asked?) {
        self.event = event
        self.asked = asked
    }
}

extension ClientEvent {
    /// The command that the event answers.
    package var answering: CommandToken? {
        switch self {
        case .connected, .disconnected, .server: nil
        case .message(_, let token), .state(_, _, let token), .person(_, let token), .key(_, _, _, let token),
            .gap(_, _, let token), .error(_, _, let token), .file(_, let token):
            token
        case .done(let token): token
        }
    }
}
