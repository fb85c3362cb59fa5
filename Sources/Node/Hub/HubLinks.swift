import Bytes
import Federation
import Store
import Wire

/// Joins the mesh to the store and to the sessions: what it asks of them is done here, the rest goes to the driver.
extension Hub {
    mutating func tell(
        _ event: MeshEvent, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        for action in mesh.handle(event, at: now, using: &random) {
            perform(action, at: now, wall: wall, using: &random)
        }
    }

    private mutating func perform(
        _ action: MeshAction, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        switch action {
        case .pin(let peer, let key): ask(.pin(peer, key, at: wall), for: .pin(peer, key))
        case .repin(let peer, let pin): ask(.repin(peer, pin, at: wall), for: .pin(peer, pin.key))
        case .beginInbound(let peer, let epoch, let first, let run):
            ask(.beginInbound(from: peer, epoch: epoch, first: first, run: run), for: .beginInbound(peer, epoch))
        case .commit(let peer, let epoch, let seq, let envelope, let refusal):
            if let refusal {
                ask(
                    .refuse(from: peer, epoch: epoch, seq: seq, refusal, at: wall),
                    for: .receive(peer, epoch, seq: seq, nil))
            } else {
                ask(
                    .receive(from: peer, epoch: epoch, seq: seq, envelope, local: name, at: wall),
                    for: .receive(peer, epoch, seq: seq, envelope))
            }
        case .commitSkip(let peer, let epoch, let seq, let unreadable):
            let refusal = unreadable ?? Refusal(.damaged, "the sender's record of this message is damaged")
            ask(
                .refuse(from: peer, epoch: epoch, seq: seq, refusal, at: wall),
                for: .receive(peer, epoch, seq: seq, nil))
        case .readOutbox(let peer, let after, let countMax, let bytesMax):
            ask(
                .outbox(peer: peer, after: after, countMax: countMax, bytesMax: bytesMax),
                for: .outbox(peer, after: after))
        case .acknowledge(let peer, let through, let refused):
            settling[peer, default: Settling(through: through, refused: [])].through = through
            settling[peer]?.refused += refused
            settle(peer, wall: wall)
        case .rewind(let peer, let epoch): ask(.rewind(peer: peer, epoch: epoch), for: .rewind(peer, epoch))
        case .renewEpoch:
            let epoch = Epoch(random.next())
            ask(.renewEpoch(epoch), for: .renew(epoch))
        case .readRefusals(let peer, let epoch, let after, let through, let countMax):
            ask(
                .refusals(peer: peer, after: after),
                for: .refusals(peer, epoch, after: after, through: through, countMax: countMax))
        case .people(let people): for line in Person.lines(people) { sendToAll(.presence(line)) }
        case .findKeys(let link, let ref, let user):
            answerKeys(link, ref, user, at: now, wall: wall, using: &random)
        case .keysFound(let token, let address, let keys, let refusal):
            foundKeys(token, of: address, keys, refusal)
        case .findChunk(let link, let ref, let place, let reader): findChunk(place, for: reader, on: link, ref)
        case .keepOutcome(let link, let ref, let from, let id, let reader, let outcome):
            keepOutcome(of: from, id, by: reader, outcome, on: link, ref, wall: wall)
        case .fileAnswered(let token, let data, let refusal): fileAnswered(token, data, refusal)
        case .wake(let instant): actions.append(.wake(at: instant))
        case .note(let note):
            noteLink(note, at: now, wall: wall)
            actions.append(.mesh(action))
        case .dial, .send, .ping, .close, .sign, .verify, .echo: actions.append(.mesh(action))
        }
    }

    private mutating func answerKeys(
        _ link: LinkID, _ ref: Int64, _ user: UserName, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        let isKnown = accounts.contains(user)
        let refusal = isKnown ? nil : Refusal(.unknownUser, "there is no \(address(of: user))")
        tell(
            .keysAnswer(link, ref: ref, user: user, devices: isKnown ? devices[user] ?? [] : [], refusal: refusal),
            at: now, wall: wall, using: &random)
    }

    /// Answers of the store, in the order of the questions. What one batch committed of a peer's stream is told to the
    /// mesh at once, so that it is acknowledged with one message.
    mutating func stored(
        _ replies: [(tag: UInt64, reply: NodeReply)], at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        var committed = CommittedBatch()
        for (tag, reply) in replies {
            guard let errand = errands.removeValue(forKey: tag) else { continue }
            if case .receive(let peer, let epoch, let seq, let envelope) = errand {
                received(peer, epoch, seq, envelope, reply, &committed)
                if case .failed = reply {
                    tell(.commitFailed(peer, epoch, seq: seq), at: now, wall: wall, using: &random)
                }
            } else {
                answered(errand, reply, at: now, wall: wall, using: &random)
            }
        }
        for event in committed.events { tell(event, at: now, wall: wall, using: &random) }
    }

    /// One place of a peer's stream has been dealt with.
    private mutating func received(
        _ peer: ServerName, _ epoch: Epoch, _ seq: Int64, _ envelope: Envelope?, _ reply: NodeReply,
        _ batch: inout CommittedBatch
    ) {
        switch reply {
        case .committed(let place, let isDuplicate):
            if let envelope, !isDuplicate { show(Entry(seq: place, envelope: envelope)) }
            batch.add(peer, epoch, seq, nil)
        case .refused(let refusal):
            // What the link itself refused has been noted; this the store did.
            if envelope != nil { actions.append(.mesh(.note(.itemRefused(peer, seq: seq, refusal.code)))) }
            batch.add(peer, epoch, seq, refusal)
        case .replay(_, let refusal): batch.add(peer, epoch, seq, refusal)
        // The mesh asks for one place after the other, so a gap is an answer to something long overtaken.
        default: break
        }
    }

    private mutating func answered(
        _ errand: Errand, _ reply: NodeReply, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        switch (errand, reply) {
        case (.administer(let id, let command), let reply):
            administered(id, command, reply, at: now, wall: wall, using: &random)
        case (.join(let id, let login), .heads(let heads, let known)): welcome(id, login, heads: heads, known: known)
        case (.join(let id, _), .failed(let refusal)), (.join(let id, _), .refused(let refusal)):
            actions.append(.close(id, .closing(refusal, retrySeconds: 5)))
        case (.accept(let id, let envelope), .accepted(let acceptance)):
            ended(id)
            accepted(envelope, acceptance, in: id, at: now, wall: wall, using: &random)
        case (.accept(let id, let envelope), .refused(let refusal)),
            (.accept(let id, let envelope), .failed(let refusal)):
            ended(id)
            notAccepted(envelope, refusal, in: id)
        case (.publish(let id, let key), .done):
            ended(id)
            published(id, key, at: now, wall: wall, using: &random)
        case (.states(let id, let ref), .states(let states, let unknown)):
            ended(id, weight: Hub.historyWeight)
            for state in states { actions.append(.send([id], .state(state))) }
            actions.append(.send([id], .states(ref: ref, unknown: unknown)))
        case (.history(let id, let ref), .history(let page)):
            ended(id, weight: Hub.historyWeight)
            actions.append(.send([id], .history(ref: ref, page)))
        case (.publish(let id, _), .refused(let refusal)), (.publish(let id, _), .failed(let refusal)):
            ended(id)
            actions.append(.send([id], .refused(refusal, ref: nil, id: nil)))
        case (.history(let id, let ref), .refused(let refusal)), (.history(let id, let ref), .failed(let refusal)),
            (.states(let id, let ref), .refused(let refusal)), (.states(let id, let ref), .failed(let refusal)):
            ended(id, weight: Hub.historyWeight)
            actions.append(.send([id], .refused(refusal, ref: ref, id: nil)))
        case (.acknowledge(let peer), .acknowledged(let settlement)): settled(peer, settlement)
        case (.expire, .expired(let changes, let hasMore)):
            changed(changes)
            if hasMore { ask(.expire(at: wall), for: .expire) }
        case (.purge, .purged(let hasMore)):
            // More may be sent in a minute than one step takes away.
            if hasMore { ask(.purge(at: wall), for: .purge) }
        default: answeredMesh(errand, reply, at: now, wall: wall, using: &random)
        }
    }

    /// Links and sessions begin anew: what they remember of places may mean something else now.
    private mutating func renewed(
        _ epoch: Epoch, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        tell(.renewed(epoch), at: now, wall: wall, using: &random)
        let refusal = Refusal(.restored, "the node's store was put back from a backup; log in again")
        for id in sessions.keys.sorted() { actions.append(.close(id, .closing(refusal, retrySeconds: 0))) }
    }

    /// The mesh goes on from what it has heard, so what a full disk did not take is offered again, with the next
    /// acknowledgement or in a minute. Each offer names all refused places that are not on disk: the later of two may
    /// succeed where the first failed, and would otherwise call them delivered.
    mutating func settle(_ peer: ServerName, wall: Int64) {
        guard let open = settling[peer] else { return }
        ask(
            .acknowledge(peer: peer, through: open.through, refused: open.refused, at: wall),
            for: .acknowledge(peer))
    }

    private mutating func settled(_ peer: ServerName, _ settlement: Settlement) {
        changed(settlement.changes)
        guard let open = settling[peer] else { return }
        let isDone = settlement.isBeyond || settlement.through >= open.through
        settling[peer]?.refused.removeAll { $0.seq <= settlement.through }
        if isDone { settling[peer] = nil }
    }

    private mutating func answeredMesh(
        _ errand: Errand, _ reply: NodeReply, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        switch (errand, reply) {
        case (.pin(let peer, let key), .done): tell(.pinned(peer, key), at: now, wall: wall, using: &random)
        case (.outbox(let peer, let after), .outbox(let page)):
            changed(page.damaged)
            let rows = page.items.map { OutboxRow(seq: $0.seq, envelope: $0.envelope) }
            tell(
                .outboxRead(peer, after: after, rows, hasMore: page.hasMore), at: now, wall: wall, using: &random)
        case (.rewind(let peer, let epoch), .rewound(let first)):
            tell(.rewound(peer, epoch, first: first), at: now, wall: wall, using: &random)
        case (.renew(let epoch), .done): renewed(epoch, at: now, wall: wall, using: &random)
        case (.renew, .failed): tell(.renewalFailed, at: now, wall: wall, using: &random)
        // Until the store has rewound nothing is sent on this link, and until it knows where the peer's stream begins it
        // takes nothing from it: another link has to ask again.
        case (.rewind(let peer, let epoch), .failed):
            tell(.rewindFailed(peer, epoch), at: now, wall: wall, using: &random)
        case (.beginInbound(let peer, let epoch), .failed):
            tell(.commitFailed(peer, epoch, seq: 0), at: now, wall: wall, using: &random)
        case (.refusals(let peer, let epoch, let after, let through, let countMax), .refusals(let all)):
            let wanted = all.filter { $0.seq > after && $0.seq <= through }
            tell(
                .refusalsRead(
                    peer, epoch, after: after, through: through, Array(wanted.prefix(countMax)),
                    hasMore: wanted.count > countMax), at: now, wall: wall, using: &random)
        // A question of the mesh that the store could not answer is asked again with the next link.
        default: break
        }
    }
}

/// Places of peers' streams that one batch of the store dealt with.
private struct CommittedBatch {
    private var peers: [ServerName: (epoch: Epoch, through: Int64, refused: [StreamRefusal])] = [:]

    mutating func add(_ peer: ServerName, _ epoch: Epoch, _ seq: Int64, _ refusal: Refusal?) {
        var entry = peers[peer] ?? (epoch, 0, [])
        // A stream of another epoch in the same batch: the newer one counts, the older one has no link any more.
        if entry.epoch != epoch { entry = (epoch, 0, []) }
        entry.through = max(entry.through, seq)
        if let refusal { entry.refused.append(StreamRefusal(seq: seq, refusal: refusal)) }
        peers[peer] = entry
    }

    var events: [MeshEvent] {
        peers.sorted { $0.key < $1.key }.map {
            .committed($0.key, $0.value.epoch, through: $0.value.through, refused: $0.value.refused)
        }
    }
}
