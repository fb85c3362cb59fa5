package import Bytes
package import ChatClient
package import Wire

/// One verb from its command to its end: events in, what is printed and the exit code out. No clock, no terminal.
package struct VerbRun: Sendable {
    /// What the events of one turn give.
    package struct Output: Equatable, Sendable {
        /// For standard output.
        package var bytes: [UInt8] = []
        /// For standard error: what went wrong.
        package var complaints: [SafeLine] = []
        /// For standard error, if a person is looking.
        package var progress: [SafeLine] = []
        /// The verb got on, so that it may go on waiting.
        package var hasMoved = false
    }

    package let verb: Verb
    /// nil for `tail`, which has nothing to ask.
    package let command: Command?
    /// How the program is to end; nil as long as it is not.
    package private(set) var verdict: ExitCode?

    private let wait: Options.Wait
    private let isJSON: Bool
    private var model: LineModel
    /// The message that was sent, or the file.
    private var id: MessageID?
    /// It survives the end of the program.
    private var isKept = false
    private var hasFailed = false
    private var output = Output()

    /// `text` is what `send` sends. `localTime` turns milliseconds since 1970 into what a clock shows.
    package init(
        _ verb: Verb, text: String, options: Options, address: Address,
        localTime: @escaping @Sendable (Int64) -> LocalTime
    ) {
        self.verb = verb
        wait = options.wait
        isJSON = options.isJSON
        model = LineModel(address: address, isTerminal: false, localTime: localTime)
        command =
            switch verb {
            case .send(let to, _): .message(to: to, text: text, id: nil)
            case .file(let to, let path): .file(to: to, path: path, id: nil)
            case .who: .who
            case .keys(let address): .keys(of: address)
            case .history(let conversation): .history(conversation, count: options.count, before: nil, after: nil)
            case .accept(let file, let path): .accept(file, path: path)
            case .tail: nil
            }
    }

    /// Takes the events of one turn.
    package mutating func handle(_ events: [AnsweredEvent], at now: Instant, wallMilliseconds: Int64) -> Output {
        output = Output()
        for answered in events where verdict == nil {
            let isOurs = isOurs(answered)
            if isOurs, isJSON { output.bytes += EventLine.encode(answered.event, ref: nil) }
            take(answered, isOurs: isOurs, at: now, wallMilliseconds)
        }
        return output
    }

    /// It did not get on for too long.
    package mutating func timedOut(after seconds: Int) -> Output {
        output = Output()
        if isKept {
            verdict = .temporary
            complain("not done within \(seconds) s; it is kept here, and the next run goes on")
        } else {
            verdict = .failure
            complain("no answer within \(seconds) s")
        }
        return output
    }

    /// How the program ends if the client stops for good, and what else there is to say.
    package func end(after end: ClientEnd) -> (code: ExitCode, complaint: SafeLine?) {
        guard isKept else { return (ExitCode(end), nil) }
        let complaint: SafeLine = "it is kept here, and the next run goes on"
        if case .unreachable = end { return (.temporary, complaint) }
        return (ExitCode(end), complaint)
    }

    private func isOurs(_ answered: AnsweredEvent) -> Bool {
        switch answered.event {
        case .message, .gap: verb == .tail || answered.asked != nil
        case .state(let id, _, _): answered.asked != nil || (self.id != nil && id == self.id)
        case .file(let file, _): isOurs(file, answered)
        default: answered.asked != nil
        }
    }

    private func isOurs(_ file: FileProgress, _ answered: AnsweredEvent) -> Bool {
        switch verb {
        case .accept(.id(let id), _): file.id == id
        case .accept(.number(let number), _): file.number == number
        default: answered.asked != nil || (id != nil && file.id == id)
        }
    }

    private mutating func take(_ answered: AnsweredEvent, isOurs: Bool, at now: Instant, _ wallMilliseconds: Int64) {
        switch answered.event {
        case .error(let code, let text, _):
            complain("\(SafeText(text)) (\(SafeText(code)))")
            // A line of its own stands in the place of what cannot be opened, as nothing can that came before this
            // device.
            if isOurs, code != ClientFault.unreadable.rawValue { hasFailed = true }
        case .disconnected(let reason, let retryIn):
            complain("disconnected: \(SafeText(reason)); next try in \((retryIn.milliseconds + 999) / 1000) s")
        case .state(let id, let state, _) where isOurs: take(id, state)
        case .file(let file, _) where isOurs: take(file, at: now, wallMilliseconds)
        case .person(let person, _) where isOurs: print("\(person.address)  \(SafeText(person.status.words))")
        case .key(let key, let address, let change, let token):
            tellKey(key, of: address, change, isAnswer: token != nil)
        case .message(let message, _) where isOurs:
            model.show(message, isHistory: verb != .tail)
            for line in model.takeLines() { print(line) }
        case .server(let status, let waiting) where verb == .tail:
            model.show(status, waiting: waiting)
            for line in model.takeLines() { print(line) }
        case .gap(let conversation, let range, _) where isOurs:
            complain("\(conversation): \(range.lowerBound) to \(range.upperBound) are not here")
        case .done where isOurs: done()
        default: break
        }
    }

    private mutating func tellKey(_ key: DeviceKey, of address: Address, _ change: KeyChange?, isAnswer: Bool) {
        if isAnswer {
            let note: SafeLine = change == .replaced ? "  NOT TRUSTED" : ""
            print("\(address)  \(LineModel.grouped(key.fingerprint))\(note)")
        } else if change == .replaced {
            complain("the keys of \(address) have changed: \(LineModel.grouped(key.fingerprint))")
        }
    }

    private mutating func take(_ id: MessageID, _ state: SendState) {
        self.id = id
        switch state {
        case .pending(.keyChanged):
            isKept = true
            verdict = .temporary
            complain("the message is kept here and waits: the recipient's keys have changed; /trust in the client, or")
            complain("{\"do\":\"trust\",…} in its JSON mode, sends it")
        case .pending: isKept = true
        case .accepted: if wait == .accepted { verdict = .ok }
        case .delivered: verdict = .ok
        case .unconfirmed: verdict = wait == .accepted ? .ok : .temporary
        case .failed(let refusal):
            verdict = .failure
            complain("not sent: \(SafeText(refusal.text)) (\(SafeText(refusal.code.rawValue)))")
        }
        output.hasMoved = true
    }

    private mutating func take(_ file: FileProgress, at now: Instant, _ wallMilliseconds: Int64) {
        id = file.id
        output.hasMoved = true
        switch file.state {
        case .complete:
            if case .accept = verb, let path = file.path { print("\(SafeText(path))") }
            verdict = .ok
        case .failed, .cancelled:
            verdict = .failure
            let reason = file.reason ?? Refusal(.noFile, "the file is not offered any more")
            complain("\(SafeText(reason.text)) (\(SafeText(reason.code.rawValue)))")
        case .sending, .receiving, .offered:
            isKept = true
            output.progress += model.progress(of: file, at: now, wallMilliseconds: wallMilliseconds)
        }
    }

    private mutating func done() {
        switch verb {
        case .who, .keys, .history: verdict = hasFailed ? .failure : .ok
        case .send, .file, .accept: if hasFailed { verdict = .failure }
        case .tail: break
        }
    }

    private mutating func print(_ line: SafeLine) {
        guard !isJSON else { return }
        output.bytes += Array(line.text(hasColor: false).utf8) + [0x0A]
    }

    private mutating func complain(_ line: SafeLine) { output.complaints.append(line) }
}
