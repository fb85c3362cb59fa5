import ChatClient
import Net
import Wire

/// The client as a program among programs: commands are lines of JSON on standard input, events on standard output.
/// Lives on its loop.
final class JSONMode {
    private let loop: EventLoop
    private let output: LineOutput
    private let driver: ClientDriver
    private let finished: (Int32) -> Void
    private var input: InputReader?
    private var signals: SignalSource?
    private var lines = CommandLines(bytesMax: ClientLine.bytesMax)
    /// What each command under way carried.
    private var refs: [CommandToken: CommandRef] = [:]
    private var lastToken: Int64 = 0
    private var inputEnd: InputEnd?
    private var hasConnected = false
    private var isFinished = false

    /// Why no more commands are taken.
    private enum InputEnd {
        case quit(CommandRef?)
        case over
    }

    /// `finished` is called once with the exit status; the loop can be stopped then.
    init(
        loop: EventLoop, profile: Profile, target: HostPort, password: inout [UInt8]?,
        finished: @escaping (Int32) -> Void
    ) throws(NetError) {
        self.loop = loop
        self.finished = finished
        output = LineOutput(descriptor: 1)
        let link = Link()
        driver = try ClientDriver(
            loop: loop, profile: profile, target: target, password: &password,
            onEvents: { link.mode?.tell($0) ?? false }, onEnd: { link.mode?.ended($0) })
        link.mode = self
    }

    /// Breaks the circle between the mode and its driver.
    private final class Link {
        weak var mode: JSONMode?
    }

    func start() throws(StartFault) {
        do throws(NetError) {
            signals = try SignalSource(loop: loop, signals: PendingSignals.answered) { [weak self] signal in
                self?.finish(signal.exitStatus)
            }
            input = try InputReader(loop: loop, descriptor: 0) { [weak self] event in self?.read(event) }
        } catch { throw StartFault(.failure, error.description) }
        do throws(ProfileError) { try driver.start() } catch { throw StartFault(.failure, error.text) }
    }

    // MARK: Standard input

    private func read(_ event: InputReader.Event) {
        guard !isFinished, inputEnd == nil else { return }
        switch event {
        case .bytes(let bytes):
            lines.append(bytes)
            takeLines()
        case .ended, .failed:
            let rest = lines.rest()
            if !rest.isEmpty { take(rest) }
            if inputEnd == nil { inputOver() }
        }
    }

    private func takeLines() {
        while !isFinished, inputEnd == nil {
            do {
                guard let line = try lines.next() else { return }
                take(line)
            } catch {
                lines.skipLine()
                write(EventLine.error("too-long", "a command has more than \(error.bytesMax) bytes", ref: nil))
            }
        }
    }

    private func take(_ line: [UInt8]) {
        // An empty line is how people see whether somebody listens.
        guard line.contains(where: { $0 > 0x20 }) else { return }
        do throws(JSONCommand.Fault) {
            perform(try JSONCommand(parsing: line))
        } catch {
            write(EventLine.error(error.refusal.code.rawValue, error.refusal.text, ref: error.ref))
            if let ref = error.ref { write(EventLine.done(ref: ref)) }
        }
    }

    private func perform(_ request: JSONCommand) {
        let command: ClientCommand
        switch request.command {
        case .quit:
            inputEnd = .quit(request.ref)
            input = nil
            // Earlier commands of this turn have their answers, and a place on the disk, at its end.
            return loop.afterThisTurn { [weak self] in self?.finishIfDone() }
        case .message(let to, let text, let id):
            let made = driver.makeMessageID()
            command = .message(id: id ?? made.id, to: to, text: text, at: made.at)
        case .who: command = .who
        case .keys(let address): command = .keys(of: address)
        case .history(let conversation, let count, let before, let after):
            command = .history(conversation, count: count, before: before, after: after)
        case .file(let to, let path, let id):
            let made = driver.makeMessageID()
            command = .file(id: id ?? made.id, to: to, path: path, at: made.at)
        case .files: command = .files
        case .accept(.id(let id), let path): command = .accept(id, path: path)
        case .cancel(.id(let id)): command = .cancel(id)
        // Typed only.
        case .accept, .cancel, .to, .help: return
        case .trust(let address): command = .trust(address)
        }
        lastToken += 1
        let token = CommandToken(lastToken)
        refs[token] = request.ref
        driver.perform(command, token)
    }

    /// What is under way is finished, but nobody waits for ever.
    private func inputOver() {
        inputEnd = .over
        input = nil
        finishIfDone()
        loop.schedule(after: JSONMode.finishDurationMax) { [weak self] in self?.giveUp() }
    }

    private func finishIfDone() {
        guard !isFinished else { return }
        switch inputEnd {
        case nil: return
        case .quit(let ref):
            // What is kept is sent by the next run; nothing else is waited for.
            guard driver.isKept else { return }
            write(EventLine.done(ref: ref))
        case .over:
            // Without a first login nobody knows whether the node would have had us.
            guard hasConnected, driver.isIdle else { return }
        }
        finish(ExitCode.ok.rawValue)
    }

    private func giveUp() {
        guard !isFinished, driver.pendingCount > 0 else { return finish(ExitCode.ok.rawValue) }
        let text = "\(driver.pendingCount) messages are not accepted yet; they are kept and sent by the next run"
        write(EventLine.error("timed-out", text, ref: nil))
        finish(ExitCode.failure.rawValue)
    }

    // MARK: Standard output

    /// Whether the events have been written.
    private func tell(_ events: [ClientEvent]) -> Bool {
        var bytes: [UInt8] = []
        for event in events {
            if case .connected = event { hasConnected = true }
            bytes += EventLine.encode(event, ref: event.answering.flatMap { refs[$0] })
            if case .done(let token) = event { refs[token] = nil }
        }
        write(bytes)
        guard !isFinished else { return false }
        finishIfDone()
        return true
    }

    private func ended(_ end: ClientEnd) {
        let code: ExitCode =
            switch end {
            case .unreachable: .unreachable
            case .unknownHost: .unknownHost
            case .loginRefused: .loginRefused
            case .protocolFault: .protocolFault
            }
        StandardStreams.tell(end.text)
        finish(code.rawValue)
    }

    private func write(_ bytes: [UInt8]) {
        guard !isFinished else { return }
        switch output.write(bytes) {
        case .written: break
        case .closed: finish(ExitCode.ok.rawValue)
        case .failed(let number):
            StandardStreams.tell("standard output: \(StandardStreams.reason(number))")
            finish(ExitCode.failure.rawValue)
        case .interrupted(let signal): finish(signal.exitStatus)
        }
    }

    private func finish(_ status: Int32) {
        guard !isFinished else { return }
        isFinished = true
        input = nil
        driver.stop { [finished] in finished(status) }
    }

    /// After the end of input.
    private static let finishDurationMax: Duration = .seconds(30)
}

extension ClientEvent {
    /// The command that the event answers.
    var answering: CommandToken? {
        switch self {
        case .connected, .disconnected: nil
        case .message(_, let token), .state(_, _, let token), .person(_, let token), .key(_, _, _, let token),
            .gap(_, _, let token), .error(_, _, let token), .file(_, let token):
            token
        case .done(let token): token
        }
    }
}
