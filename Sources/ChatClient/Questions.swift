import Bytes
import Files
import Wire

/// What a question on the wire is for.
enum Purpose: Hashable, Sendable {
    case ping
    case keys(Address)
    /// nil: the machine's own, after a login.
    case who(CommandToken?)
    /// A ping behind `who`: its answer shows that all people have been named.
    case whoEnd(who: Int64, CommandToken?)
    case fill(Conversation)
    case page(CommandToken)
    case states([MessageID])
    case file(FileQuestion)
}

/// A command that waits for the node.
struct Question: Sendable {
    enum Kind: Sendable {
        case who
        case keys(Address)
        case history(HistoryWork)
    }

    var kind: Kind
    let deadline: Instant

    /// Its connection is gone; it is asked again on the next.
    mutating func restart() {
        guard case .history(let work) = kind else { return }
        kind = .history(
            HistoryWork(conversation: work.conversation, count: work.count, before: work.before, after: work.after))
    }
}

extension ClientMachine {
    // MARK: Commands

    mutating func perform(_ command: ClientCommand, _ token: CommandToken) {
        let deadline = now.advanced(by: ClientMachine.questionDurationMax)
        switch command {
        case .who, .keys, .history:
            guard questions.count < ClientMachine.questionsMax else {
                let text = "\(ClientMachine.questionsMax) questions are waiting for their answers already"
                emit(.error(Refusal(.busy, text), answering: token))
                return emit(.done(token))
            }
        case .message, .trust, .file, .files, .accept, .cancel: break
        }
        switch command {
        case .message(let id, let to, let text, let at): return write(id, to: to, text: text, at: at, token)
        case .trust(let address): return trust(address, token)
        case .who: questions[token] = Question(kind: .who, deadline: deadline)
        case .keys(let address?): questions[token] = Question(kind: .keys(address), deadline: deadline)
        case .keys(nil): return tellPinned(token)
        case .file(let id, let to, let path, let at): return sendFile(id, to: to, path: path, at: at, token)
        case .files: return tellFiles(token)
        case .accept(let id, let path): return accept(id, path: path, token)
        case .cancel(let id): return cancel(id, token)
        case .history(let conversation, let count, let before, let after):
            let count = min(max(count, 1), HistoryRange.countMax)
            let work = HistoryWork(conversation: conversation, count: count, before: before, after: after)
            questions[token] = Question(kind: .history(work), deadline: deadline)
        }
        if phase == .online { send(token) }
    }

    /// Asks what waited for the connection.
    mutating func sendQuestions() {
        for token in questions.keys.sorted(by: { $0.number < $1.number }) { send(token) }
    }

    private mutating func send(_ token: CommandToken) {
        switch questions[token]?.kind {
        case .who: askWho(token)
        case .keys(let address): askKeys(of: address)
        case .history: ask(.page(token))
        case nil: break
        }
    }

    mutating func askWho(_ token: CommandToken?) {
        ask(.who(token))
        rolls[lastRef] = []
        ask(.whoEnd(who: lastRef, token))
    }

    mutating func ask(_ purpose: Purpose) {
        lastRef += 1
        let ref = lastRef
        let line: ClientLine
        switch purpose {
        case .ping, .whoEnd: line = .ping(ref: ref)
        case .keys(let address): line = .keys(ref: ref, of: address)
        case .who: line = .who(ref: ref)
        case .fill(let conversation):
            let after = readings[conversation]?.reached ?? 0
            line = .history(
                ref: ref, HistoryRange(conversation: conversation, after: after, count: HistoryRange.countMax))
        case .page(let token):
            guard case .history(let work) = questions[token]?.kind, let range = work.range else { return }
            line = .history(ref: ref, range)
        case .states(let ids): line = .states(ref: ref, ids: ids)
        case .file(let question): line = ClientLine(question, ref: ref)
        }
        asked[ref] = purpose
        actions.append(.send(line))
    }

    mutating func finish(_ token: CommandToken, _ refusal: Refusal? = nil) {
        guard questions.removeValue(forKey: token) != nil else { return }
        if let refusal { emit(.error(refusal, answering: token)) }
        emit(.done(token))
    }

    mutating func expireQuestions() {
        let expired = questions.filter { $0.value.deadline <= now }.keys
        for token in expired.sorted(by: { $0.number < $1.number }) {
            openings = openings.filter { $0.value.owner != .question(token) }
            finish(token, Refusal(.timedOut, "the node did not answer in time"))
        }
    }

    // MARK: Answers

    mutating func receivedOnline(_ line: NodeLine) {
        switch line {
        case .state(let state): stateChanged(state)
        case .states(let ref, let unknown): statesCame(ref, unknown: unknown)
        case .message(let entry, let conversation): live(entry, in: conversation)
        case .presence(let people): presence(people)
        case .servers(let servers, let isWhole): serversChanged(servers, isWhole: isWhole)
        case .people(let ref, let people): named(people, ref)
        case .keys(let ref, let address, let keys):
            guard asked[ref] == .keys(address) else { return }
            asked[ref] = nil
            keysReceived(keys, of: address)
        case .history(let ref, let page): pageCame(page, ref)
        case .pong(let ref):
            if case .whoEnd(let who, let token) = asked.removeValue(forKey: ref) { allNamed(who, token) }
        case .refused(let refusal, let ref, let id): refused(refusal, ref, id)
        case .closing(let refusal, let retrySeconds): closing(refusal, retrySeconds)
        case .ping(let ref): actions.append(.send(.pong(ref: ref)))
        case .published(let fingerprint): published(fingerprint)
        case .file(nil, let status): follow { $0.ended(status, at: $1) }
        case .file(let ref?, let status): fileAnswered(ref, .status(status))
        case .chunk(let ref, let data): fileAnswered(ref, .chunk(data))
        case .outcome(let ref): fileAnswered(ref, .kept)
        case .hello, .challenge, .welcome: break
        }
    }

    private mutating func refused(_ refusal: Refusal, _ ref: Int64?, _ id: MessageID?) {
        if let ref, case .file = asked[ref] { return fileAnswered(ref, .refused(refusal)) }
        if let id { return refused(id, refusal) }
        guard let ref, let purpose = asked.removeValue(forKey: ref) else {
            if ref == nil { publicationRefused(refusal) }
            return emit(.error(refusal))
        }
        switch purpose {
        case .ping: break
        case .keys(let address): keysRefused(refusal, of: address)
        case .who(let token):
            rolls[ref] = nil
            if let token { finish(token, refusal) }
        case .whoEnd(let who, let token): allNamed(who, token)
        case .fill(let conversation):
            emit(.error(refusal))
            stallFill(conversation)
            fillHoles()
        case .page(let token): finish(token, refusal)
        case .states(let ids): statesRefused(refusal, ids)
        case .file: break
        }
    }

    private mutating func named(_ people: [Person], _ ref: Int64) {
        guard case .who(let token) = asked[ref] else { return }
        for person in people {
            rolls[ref]?.insert(person.address)
            note(person, answering: token)
        }
        askForKeys()
    }

    private mutating func allNamed(_ ref: Int64, _ token: CommandToken?) {
        asked[ref] = nil
        if let roll = rolls.removeValue(forKey: ref) {
            for address in people.keys.sorted() where !roll.contains(address) {
                note(Person(address: address, status: .offline, devices: []), answering: nil)
            }
        }
        if let token { finish(token) }
    }

    mutating func answerKeysQuestions(of address: Address, _ refusal: Refusal?) {
        for token in questions.keys.sorted(by: { $0.number < $1.number }) {
            guard case .keys(address) = questions[token]?.kind else { continue }
            if refusal == nil {
                for key in ring.devices[address, default: []] {
                    let isTrusted = ring.pins[address, default: []].contains(key.account)
                    emit(.key(key, of: address, change: isTrusted ? nil : .replaced, answering: token))
                }
            }
            finish(token, refusal)
        }
    }

    /// Everybody's keys that this client has pinned.
    private mutating func tellPinned(_ token: CommandToken) {
        for address in ring.devices.keys.sorted() {
            for key in ring.devices[address, default: []] {
                let isTrusted = ring.pins[address, default: []].contains(key.account)
                emit(.key(key, of: address, change: isTrusted ? nil : .replaced, answering: token))
            }
        }
        emit(.done(token))
    }

    /// From the command on, the time without a connection included.
    static let questionDurationMax: Duration = .seconds(30)
}
