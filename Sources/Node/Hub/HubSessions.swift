import Bytes
import Federation
import Store
import Wire

/// Sessions come, ask and go.
extension Hub {
    /// Requests of one session that wait at once; beyond it the session is not read, so a flood waits in its own socket.
    static let underWayMax = 64
    /// It is read again as soon as a chunk's worth has been answered: much of the rest may wait for another server, which
    /// must not keep a session from talking.
    static let underWayResumeMax = underWayMax - chunkWeight
    /// A page of history ends here...
    static let historyBytesMax = 128 << 10
    /// ...and counts as so many requests: more than four pages at once would overflow the session's egress queue. So
    /// does an answer to `states`, whose lines may each name all other servers.
    static let historyWeight = 16

    mutating func join(_ id: SessionID, _ login: Login, wall: Int64) {
        joining.insert(id)
        if let used = login.used { ask(.tokenUsed(id: used, at: wall), for: .nothing) }
        ask(
            .saveToken(
                id: login.token.id, user: login.user, verifier: login.tokenVerifier, replaces: login.used, at: wall),
            for: .nothing)
        ask(
            .heads(owner: address(of: login.user), countMax: Welcome.headsMax, met: login.met),
            for: .join(id, login))
    }

    /// The heads are read and the token is kept. From here on the session hears of every message, so none can fall
    /// between its heads and its first line.
    mutating func welcome(_ id: SessionID, _ login: Login, heads: [Welcome.Head], known: MetRun?) {
        guard joining.remove(id) != nil else { return }
        guard !isDraining else {
            let refusal = Refusal(.draining, "the node stops; come back in a moment")
            return actions.append(.close(id, .closing(refusal, retrySeconds: nil)))
        }
        sessions[id] = Session(user: login.user)
        sessionsOfUser[login.user, default: []].append(id)
        let welcome = Welcome(
            data: login.data, address: address(of: login.user), token: login.token, heads: heads,
            fileBytesMax: fileBytesMax, epoch: mesh.epoch, run: mesh.run, known: known)
        actions.append(.send([id], .welcome(welcome)))
        if !mesh.linkStates.isEmpty { actions.append(.send([id], absenceLine())) }
    }

    mutating func left(
        _ id: SessionID, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        joining.remove(id)
        guard let session = sessions.removeValue(forKey: id) else { return }
        sessionsOfUser[session.user]?.removeAll { $0 == id }
        if sessionsOfUser[session.user]?.isEmpty == true { sessionsOfUser[session.user] = nil }
        keyQuestions = keyQuestions.filter { $0.value.session != id }
        withdrawFetches(of: id, at: now, wall: wall, using: &random)
        if session.isOnline, !isOnline(session.user) { announce(session.user, at: now, wall: wall, using: &random) }
    }

    mutating func said(
        _ id: SessionID, _ line: ClientLine, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        guard let user = sessions[id]?.user else { return }
        if case .publish(let key) = line {
            began(id)
            return ask(.publish(user, key, at: wall), for: .publish(id, key))
        }
        if isArrival(line, of: user) { comeOnline(id, at: now, wall: wall, using: &random) }
        switch line {
        case .hello, .login, .response:
            let refusal = Refusal(.alreadyLoggedIn, "this connection is logged in as \(address(of: user)) already")
            actions.append(.close(id, .closing(refusal, retrySeconds: nil)))
        case .publish: break
        case .message(let draft): submit(draft, by: user, in: id, wall: wall)
        case .who(let ref): answerWho(ref, to: id)
        case .keys(let ref, let address): findKeys(of: address, ref, for: id, at: now, wall: wall, using: &random)
        case .history(let ref, let range):
            began(id, weight: Hub.historyWeight)
            ask(
                .history(owner: address(of: user), range, bytesMax: Hub.historyBytesMax),
                for: .history(id, ref: ref))
        case .states(let ref, let ids):
            began(id, weight: Hub.historyWeight)
            ask(.states(author: address(of: user), ids: ids), for: .states(id, ref: ref))
        case .file(let ref, let file): beginFile(file, ref, by: user, in: id, wall: wall)
        case .chunk(let ref, let file, let index, let data):
            writeChunk(file, index, data, ref, by: user, in: id, wall: wall)
        case .fetch(let ref, let place): fetchChunk(place, ref, by: user, in: id, at: now, wall: wall, using: &random)
        case .outcome(let ref, let from, let file, let outcome):
            endFile(of: from, file, outcome, ref, by: user, in: id, at: now, wall: wall, using: &random)
        case .ping(let ref): actions.append(.send([id], .pong(ref: ref)))
        case .pong(let ref): heard(ref, in: id)
        case .bye:
            let refusal = Refusal(.draining, "goodbye")
            actions.append(.close(id, .closing(refusal, retrySeconds: nil)))
        }
    }

    mutating func published(
        _ id: SessionID, _ key: DeviceKey, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        guard let user = sessions[id]?.user else { return }
        actions.append(.send([id], .published(key.fingerprint)))
        let isNew = !(devices[user] ?? []).contains { $0.fingerprint == key.fingerprint }
        if isNew { devices[user, default: []].append(key) }
        let wasOnline = isOnline(user)
        sessions[id]?.isOnline = true
        if isNew || !wasOnline { announce(user, at: now, wall: wall, using: &random) }
    }

    // MARK: What a session has under way

    mutating func began(_ id: SessionID, weight: Int = 1) {
        sessions[id]?.underWay += weight
        guard let session = sessions[id], session.underWay >= Hub.underWayMax, !session.isPaused else { return }
        sessions[id]?.isPaused = true
        actions.append(.pause(id))
    }

    mutating func ended(_ id: SessionID, weight: Int = 1) {
        sessions[id]?.underWay -= weight
        guard let session = sessions[id], session.isPaused, session.underWay <= Hub.underWayResumeMax else { return }
        sessions[id]?.isPaused = false
        actions.append(.resume(id))
    }

    // MARK: Presence

    /// Whoever shows as online can be written to. So a session without a device shows only when it speaks itself.
    private func isArrival(_ line: ClientLine, of user: UserName) -> Bool {
        if case .message = line { return true }
        return devices[user]?.isEmpty == false
    }

    func isOnline(_ user: UserName) -> Bool {
        sessionsOfUser[user]?.contains { sessions[$0]?.isOnline == true } ?? false
    }

    private mutating func comeOnline(
        _ id: SessionID, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        guard let session = sessions[id], !session.isOnline else { return }
        let wasOnline = isOnline(session.user)
        sessions[id]?.isOnline = true
        if !wasOnline { announce(session.user, at: now, wall: wall, using: &random) }
    }

    func person(_ user: UserName) -> Person {
        Person(
            address: address(of: user), status: isOnline(user) ? .online : .offline,
            devices: (devices[user] ?? []).map(\.fingerprint))
    }

    /// Tells our sessions and the other servers how one of our people stands now.
    private mutating func announce(
        _ user: UserName, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        let person = person(user)
        sendToAll(.presence([person]))
        let local = LocalPerson(user: user, isOnline: person.status == .online, devices: devices[user] ?? [])
        tell(.presence([local]), at: now, wall: wall, using: &random)
    }

    private mutating func answerWho(_ ref: Int64, to id: SessionID) {
        var people = sessionsOfUser.keys.sorted().map(person).filter { $0.status == .online }
        people += mesh.remotePeople.filter { $0.status != .offline }.sorted { $0.address < $1.address }
        // The last line answers the question; those before it are presence like any other.
        var lines = Person.lines(people)
        let last = lines.popLast() ?? []
        for line in lines { actions.append(.send([id], .presence(line))) }
        actions.append(.send([id], .people(ref: ref, last)))
    }

    // MARK: Keys

    private mutating func findKeys(
        of address: Address, _ ref: Int64, for id: SessionID, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        guard address.server != name else {
            guard accounts.contains(address.user) else {
                let refusal = Refusal(.unknownUser, "there is no \(address) here")
                return actions.append(.send([id], .refused(refusal, ref: ref, id: nil)))
            }
            return actions.append(.send([id], .keys(ref: ref, of: address, devices[address.user] ?? [])))
        }
        if case .refused(let refusal) = mesh.routing.route(.direct(address)) {
            return actions.append(.send([id], .refused(refusal, ref: ref, id: nil)))
        }
        began(id)
        lastTag += 1
        keyQuestions[lastTag] = KeyQuestion(session: id, ref: ref)
        tell(.askKeys(address, token: lastTag), at: now, wall: wall, using: &random)
    }

    mutating func foundKeys(_ token: UInt64, of address: Address, _ keys: [DeviceKey], _ refusal: Refusal?) {
        guard let question = keyQuestions.removeValue(forKey: token) else { return }
        let (id, ref) = (question.session, question.ref)
        ended(id)
        if let refusal {
            actions.append(.send([id], .refused(refusal, ref: ref, id: nil)))
        } else {
            actions.append(.send([id], .keys(ref: ref, of: address, keys)))
        }
    }
}
