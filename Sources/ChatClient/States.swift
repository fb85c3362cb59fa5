import Wire

/// What becomes of messages that the node has accepted.
extension ClientMachine {
    mutating func stateChanged(_ state: MessageState) {
        let (id, shown) = (state.id, SendState(state))
        if let item = outgoing.remove(id) {
            emit(.state(id, shown, answering: nil))
            if let waiting = shown.waiting {
                actions.append(.saveAccepted(id, isUnconfirmed: shown.isUnconfirmed, waiting: waiting))
                if let oldest = undelivered.append(item, shown) { actions.append(.removePending(oldest)) }
            } else {
                actions.append(.removePending(id))
                fileFailed(id, shown)
            }
            return sendDue()
        }
        guard undelivered.isNews(id, shown) else { return }
        emit(.state(id, shown, answering: nil))
        // The rest are messages of the account's other devices.
        guard undelivered.items[id] != nil else { return }
        if let waiting = shown.waiting {
            undelivered.update(id, shown)
            actions.append(.saveAccepted(id, isUnconfirmed: shown.isUnconfirmed, waiting: waiting))
        } else {
            undelivered.end(id, shown, isAsking: isAskingStates)
            actions.append(.removePending(id))
            fileFailed(id, shown)
        }
    }

    /// One question at a time, as an answer may be long.
    mutating func askStates() {
        guard !isAskingStates else { return }
        let ids = undelivered.takeWanted()
        if !ids.isEmpty { ask(.states(ids)) }
    }

    var isAskingStates: Bool {
        asked.values.contains { if case .states = $0 { true } else { false } }
    }

    mutating func statesCame(_ ref: Int64, unknown: [MessageID]) {
        guard case .states(let ids) = asked[ref] else { return }
        asked[ref] = nil
        undelivered.answered()
        let unknown = Set(unknown)
        for id in ids {
            guard let item = undelivered.items[id] else { continue }
            if unknown.contains(id) {
                undelivered.recalling.insert(id)
                actions.append(.recall(id))
            } else if item.isOld {
                _ = undelivered.remove(id)
                actions.append(.removePending(id))
            }
        }
        askStates()
        sendDue()
    }

    mutating func statesRefused(_ refusal: Refusal, _ ids: [MessageID]) {
        // A node of an earlier version tells states only as they change.
        guard refusal.code != .unknownTag else {
            undelivered.giveUp()
            return sendDue()
        }
        emit(.error(refusal))
        undelivered.answered()
        undelivered.stall(ids)
        retryLater()
    }

    /// The node went back to a time before it accepted the message: it is pending again, in its old place. What was
    /// written later may have been sent meanwhile.
    mutating func recalled(_ id: MessageID, _ record: PendingMessage?) {
        undelivered.recalling.remove(id)
        guard let item = undelivered.remove(id) else { return sendDue() }
        guard let record else {
            actions.append(.removePending(id))
            let refusal = Refusal(.damaged, "the node lost the message, and its record here is damaged")
            emit(.state(id, .failed(refusal), answering: nil))
            fileFailed(id, .failed(refusal))
            return sendDue()
        }
        outgoing.insert(record, place: item.place)
        emit(.state(id, .pending(nil), answering: nil))
        workOn()
    }
}

extension SendState {
    init(_ state: MessageState) {
        switch state.state {
        case .accepted: self = .accepted(waiting: state.waiting)
        case .delivered: self = .delivered
        case .failed(let refusal): self = .failed(refusal)
        case .unconfirmed: self = .unconfirmed(waiting: state.waiting)
        }
    }

    /// The servers still waited for; nil unless the node has the message and its end is not known.
    var waiting: [ServerName]? {
        switch self {
        case .accepted(let waiting), .unconfirmed(let waiting): waiting
        case .pending, .delivered, .failed: nil
        }
    }

    var isUnconfirmed: Bool { if case .unconfirmed = self { true } else { false } }
}
