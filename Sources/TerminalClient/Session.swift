import ChatClient
import Net
import Wire

/// One run of the client, whatever it looks like: the driver, which command each event answers, signals, the end of
/// input, and with which status it all ends. Lives on its loop.
final class Session {
    let loop: EventLoop
    private let driver: ClientDriver
    private let face: any Face
    private let finished: (Int32) -> Void
    private var signals: SignalSource?
    /// What each command under way was.
    private var asked: [CommandToken: Asked] = [:]
    private var searches: [CommandToken: FileSearch] = [:]
    private var lastToken: Int64 = 0
    private var inputEnd: InputEnd?
    private var hasConnected = false
    private var isFinished = false

    /// Why no more commands are taken.
    private enum InputEnd {
        case quit(CommandToken)
        case over
    }

    /// `isReading` is false for a run that shows no messages: they stay unread. `finished` is called once with the exit
    /// status; the loop can be stopped then.
    init(
        loop: EventLoop, profile: Profile, target: NodeTarget, tls: TLSContext, password: inout [UInt8]?,
        downloads: DownloadFolder,
        isReading: Bool, face: any Face, finished: @escaping (Int32) -> Void
    ) throws(NetError) {
        self.loop = loop
        self.face = face
        self.finished = finished
        let link = Link()
        driver = try ClientDriver(
            loop: loop, profile: profile, target: target, tls: tls, password: &password, downloadsPath: downloads.path,
            onEvents: { link.session?.tell($0) ?? false }, onEnd: { link.session?.ended($0) })
        driver.isReading = isReading
        link.session = self
    }

    /// Breaks the circle between the session and its driver.
    private final class Link {
        weak var session: Session?
    }

    func start() throws(StartFault) {
        do throws(NetError) {
            signals = try SignalSource(loop: loop, signals: PendingSignals.answered) { [weak self] signal in
                self?.finish(signal.exitStatus)
            }
        } catch { throw StartFault(.failure, error.description) }
        do throws(ProfileError) { try driver.start() } catch { throw StartFault(.failure, error.text) }
        try face.start(self)
    }

    var pendingCount: Int { driver.pendingCount }
    var isOver: Bool { isFinished || inputEnd != nil }

    // MARK: Commands

    /// Answers come to the face together with the command.
    @discardableResult
    func perform(_ command: Command, ref: CommandRef? = nil) -> CommandToken {
        lastToken += 1
        let token = CommandToken(lastToken)
        asked[token] = Asked(command: command, ref: ref)
        switch command {
        case .message(let to, let text, let id):
            let made = driver.makeMessageID()
            driver.perform(.message(id: id ?? made.id, to: to, text: text, at: made.at), token)
        case .file(let to, let path, let id):
            let made = driver.makeMessageID()
            driver.perform(.file(id: id ?? made.id, to: to, path: path, at: made.at), token)
        case .who: driver.perform(.who, token)
        case .keys(let address): driver.perform(.keys(of: address), token)
        case .history(let conversation, let count, let before, let after):
            driver.perform(.history(conversation, count: count, before: before, after: after), token)
        case .trust(let address): driver.perform(.trust(address), token)
        case .files: driver.perform(.files, token)
        case .accept(let file, let path): find(file, for: token) { .accept($0, path: path) }
        case .cancel(let file): find(file, for: token) { .cancel($0) }
        case .quit: quit(token)
        // Faces keep these to themselves.
        case .to, .help: asked[token] = nil
        }
        return token
    }

    /// Only the client knows which file has a number, so it is asked first.
    private func find(_ file: FileReference, for token: CommandToken, _ make: @escaping (MessageID) -> ClientCommand) {
        switch file {
        case .id(let id): driver.perform(make(id), token)
        case .number(let number):
            searches[token] = FileSearch(number: number, make: make)
            driver.perform(.files, token)
        }
    }

    /// True if the event belongs to a search and to nobody else.
    private func search(_ event: ClientEvent) -> Bool {
        guard let token = event.answering, var search = searches[token] else { return false }
        switch event {
        case .file(let file, _) where file.number == search.number:
            search.found = file.id
            searches[token] = search
        case .error:
            search.hasFailed = true
            searches[token] = search
            return false
        case .done:
            searches[token] = nil
            guard !search.hasFailed else { return false }
            if let id = search.found {
                driver.perform(search.make(id), token)
            } else {
                refuse(token, Refusal(.noFile, "there is no file \(search.number) here"))
            }
        default: break
        }
        return true
    }

    private func refuse(_ token: CommandToken, _ refusal: Refusal) {
        _ = tell([
            .error(code: refusal.code.rawValue, text: refusal.text, answering: token), .done(token),
        ])
    }

    // MARK: The end

    private func quit(_ token: CommandToken) {
        inputEnd = .quit(token)
        face.stopReading()
        // Earlier commands of this turn have their answers, and a place on the disk, at its end.
        loop.afterThisTurn { [weak self] in self?.finishIfDone() }
    }

    /// What is under way is finished, but nobody waits for ever.
    func inputOver() {
        guard !isOver else { return }
        inputEnd = .over
        face.stopReading()
        finishIfDone()
        loop.schedule(after: Session.finishDurationMax) { [weak self] in self?.giveUp() }
    }

    private func finishIfDone() {
        guard !isFinished else { return }
        switch inputEnd {
        case nil: return
        case .quit(let token):
            // What is kept is sent by the next run; nothing else is waited for.
            guard driver.isKept else { return }
            inputEnd = .over
            _ = tell([.done(token)])
        case .over:
            // Without a first login nobody knows whether the node would have had us.
            guard hasConnected, driver.isIdle, searches.isEmpty else { return }
        }
        finish(ExitCode.ok.rawValue)
    }

    private func giveUp() {
        guard !isFinished, driver.pendingCount > 0 else { return finish(ExitCode.ok.rawValue) }
        let text = "\(driver.pendingCount) messages are not accepted yet; they are kept and sent by the next run"
        _ = tell([.error(code: Refusal.Code.timedOut.rawValue, text: text, answering: nil)])
        finish(ExitCode.failure.rawValue)
    }

    private func ended(_ end: ClientEnd) {
        guard !isFinished else { return }
        face.leave()
        StandardStreams.tell(end.text)
        finish(face.status(after: end).rawValue)
    }

    func finish(_ status: Int32) {
        guard !isFinished else { return }
        isFinished = true
        face.stopReading()
        face.leave()
        driver.stop { [finished] in finished(status) }
    }

    // MARK: Events

    /// Whether the events have been written.
    private func tell(_ events: [ClientEvent]) -> Bool {
        var shown: [AnsweredEvent] = []
        for event in events {
            if case .connected = event { hasConnected = true }
            guard !search(event) else { continue }
            shown.append(AnsweredEvent(event: event, asked: event.answering.flatMap { asked[$0] }))
            if case .done(let token) = event { asked[token] = nil }
        }
        guard !isFinished else { return false }
        took(face.show(shown))
        guard !isFinished else { return false }
        finishIfDone()
        return true
    }

    /// What became of bytes that the face wrote.
    func took(_ outcome: LineOutput.Outcome) {
        switch outcome {
        case .written: break
        case .closed: finish(ExitCode.ok.rawValue)
        case .failed(let number):
            face.leave()
            StandardStreams.tell("standard output: \(StandardStreams.reason(number))")
            finish(ExitCode.failure.rawValue)
        case .interrupted(let signal): finish(signal.exitStatus)
        }
    }

    /// After the end of input.
    private static let finishDurationMax: Duration = .seconds(30)
}

/// A number that stands for a file, on its way to the file's id.
private struct FileSearch {
    let number: Int64
    let make: (MessageID) -> ClientCommand
    var found: MessageID?
    var hasFailed = false
}
