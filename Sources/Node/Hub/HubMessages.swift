import Bytes
import Federation
import Store
import Wire

/// Messages of our own people, and what becomes of them.
extension Hub {
    /// After this long without a word from the recipient's node a message is called unconfirmed (promise P2).
    static let deadlineMilliseconds: Int64 = 7 * 24 * 3600 * 1000

    mutating func submit(_ draft: Draft, by user: UserName, in id: SessionID, wall: Int64) {
        let author = address(of: user)
        guard let envelope = draft.envelope(by: author) else {
            let text = "\"from\" must be \(author) or be left out: nobody speaks for somebody else"
            return refuse(Refusal(.forgedFrom, text), draft.id, to: id)
        }
        switch mesh.routing.route(draft.to) {
        case .local: accept(envelope, peers: [], in: id, wall: wall)
        case .peers(let peers): accept(envelope, peers: peers, in: id, wall: wall)
        case .refused(let refusal): refuse(refusal, draft.id, to: id)
        }
    }

    private mutating func accept(_ envelope: Envelope, peers: [ServerName], in id: SessionID, wall: Int64) {
        began(id)
        // A client that never hears of a refusal sends the message again later: what it sent behind it must not be there
        // before (promise P4).
        if let unheard = sessions[id]?.unheard {
            return ask(.recognise(envelope, otherwise: unheard.refusal), for: .accept(id, envelope))
        }
        let deadline = wall + Hub.deadlineMilliseconds
        ask(
            .accept(envelope, peers: peers, local: name, at: wall, deadline: deadline),
            for: .accept(id, envelope))
    }

    private mutating func refuse(_ refusal: Refusal, _ message: MessageID, to id: SessionID) {
        actions.append(.send([id], .refused(refusal, ref: nil, id: message)))
    }

    mutating func accepted(
        _ envelope: Envelope, _ acceptance: Acceptance, in id: SessionID, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        let author = envelope.from.user
        let place = MessageState(
            id: envelope.id, state: .accepted(seq: acceptance.seq), waiting: acceptance.state.waiting)
        let state = NodeLine.state(acceptance.state)
        if acceptance.isDuplicate {
            // A retry: only the session that asks again needs the answer.
            actions.append(.send([id], .state(place)))
            if acceptance.state != place { actions.append(.send([id], state)) }
            return
        }
        send(.state(place), to: author)
        show(Entry(seq: acceptance.seq, envelope: envelope))
        if acceptance.state != place { send(state, to: author) }
        for queued in acceptance.queued {
            tell(.queued(queued.peer, through: queued.seq), at: now, wall: wall, using: &random)
        }
    }

    mutating func notAccepted(_ envelope: Envelope, _ refusal: Refusal, in id: SessionID) {
        refuse(refusal, envelope.id, to: id)
        guard refusal.code == .storeFailed, let session = sessions[id], session.unheard == nil else { return }
        lastPing += 1
        sessions[id]?.unheard = Session.Unheard(ref: lastPing, refusal: refusal)
        actions.append(.send([id], .ping(ref: lastPing)))
    }

    /// Lines are read in order, so a client that answers has read the refusal in front of the question.
    mutating func heard(_ ref: Int64, in id: SessionID) {
        if sessions[id]?.unheard?.ref == ref { sessions[id]?.unheard = nil }
    }

    /// Tells authors what became of their messages.
    mutating func changed(_ changes: [StateChange]) {
        for change in changes where change.author.server == name {
            send(.state(change.state), to: change.author.user)
        }
    }

    /// Shows a committed message to everybody here who is to see it. Each end knows a direct conversation by the
    /// address of the other.
    mutating func show(_ entry: Entry) {
        switch entry.envelope.to {
        case .everyone: sendToAll(.message(entry, in: .everyone))
        case .direct(let recipient):
            let author = entry.envelope.from
            if author.server == name { send(.message(entry, in: .direct(recipient)), to: author.user) }
            if recipient.server == name, recipient != author {
                send(.message(entry, in: .direct(author)), to: recipient.user)
            }
        }
    }
}
