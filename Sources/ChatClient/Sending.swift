import Files
import Wire

/// Messages of ours, from the command to the node's word.
extension ClientMachine {
    mutating func write(_ id: MessageID, to: Conversation, text: String, at: Int64, _ token: CommandToken) {
        if let refusal = refusal(of: text, to: to) { return refuse(token, refusal) }
        let content = MessageContent.text(text)
        guard !transfers.contains(id) else {
            return refuse(token, Refusal(.idReused, "this id belongs to a file"))
        }
        if let known = outgoing.items[id] {
            guard known.to == to, known.isSame(content) else {
                return refuse(token, Refusal(.idReused, "this id belongs to another message that is still pending"))
            }
            emit(.state(id, .pending(known.reason), answering: token))
            return emit(.done(token))
        }
        if let known = undelivered.items[id] {
            guard known.to == to, known.said == nil || known.said == content.hashValue else {
                return refuse(token, Refusal(.idReused, "this id belongs to another message that was accepted"))
            }
            emit(.state(id, known.state, answering: token))
            return emit(.done(token))
        }
        guard outgoing.items.count < Outgoing.pendingMax else {
            let text = "\(Outgoing.pendingMax) messages are waiting for the node; no more are kept"
            return refuse(token, Refusal(.outboxFull, text))
        }
        put(id, to: to, content, at: at, token)
    }

    /// Behind all that was written before.
    mutating func put(_ id: MessageID, to: Conversation, _ content: MessageContent, at: Int64, _ token: CommandToken?) {
        switch to {
        case .everyone:
            let draft = Draft(id: id, to: to, at: at, body: Envelope.Body(content))
            outgoing.append(id: id, to: to, at: at, content: .draft(draft), step: .unsaved, token: token)
        case .direct(let recipient):
            outgoing.append(id: id, to: to, at: at, content: .content(content), step: .unsaved, token: token)
            if case .keys = sealingKeys(for: recipient), outgoing.sealingCount < ClientMachine.sealingMax { seal(id) }
        }
        saveUnsaved()
    }

    private func refusal(of text: String, to: Conversation) -> Refusal? {
        guard !text.isEmpty else { return Refusal(.badValue, "\"text\" is empty") }
        let bytes = text.utf8.count
        guard bytes <= Envelope.textBytesMax else {
            return Refusal(.tooLong, "\"text\" has \(bytes) bytes; at most \(Envelope.textBytesMax) are taken")
        }
        guard to == .everyone || SealedContent.plaintext(of: .text(text)) != nil else {
            return Refusal(.tooLong, "\"text\" holds too many control characters to be sealed")
        }
        return nil
    }

    mutating func refuse(_ token: CommandToken, _ refusal: Refusal) {
        emit(.error(refusal, answering: token))
        emit(.done(token))
    }

    // MARK: Disk

    private mutating func saveUnsaved() {
        for record in outgoing.takeUnsaved() { actions.append(.savePending(record)) }
    }

    mutating func saved(_ id: MessageID) {
        guard let item = outgoing.items[id], item.step == .saving else { return }
        let isDraft = if case .draft = item.content { true } else { false }
        let reason = isDraft ? nil : tellableReason(item.to)
        outgoing.update(id) { item in
            item.step = isDraft ? .ready : .waiting
            item.isOnDisk = true
            item.reason = reason
            item.token = nil
        }
        if !item.isOnDisk {
            emit(.state(id, .pending(reason), answering: item.token))
            if let token = item.token { emit(.done(token)) }
            follow { $0.offerKept(id, at: $1) }
        }
        if isDraft { sendDue() } else { workOn() }
    }

    mutating func saveFailed(_ id: MessageID, reason: String) {
        guard let item = outgoing.items[id], item.step == .saving else { return }
        let refusal = Refusal(.storeFailed, "the message could not be kept: \(reason)")
        emit(.error(refusal, answering: item.token))
        if item.isOnDisk, let said = item.said {
            // The content is on disk and promised to be kept; what is not there as a draft is not sent.
            outgoing.update(id) { item in
                item.content = .content(said)
                item.step = .waiting
            }
            return retryLater()
        }
        _ = outgoing.remove(id)
        if let token = item.token { emit(.done(token)) }
        follow { $0.offerFailed(id, refusal, at: $1) }
        sendDue()
    }

    // MARK: Sealing

    enum SealingKeys {
        case keys([DeviceKey])
        case wait(PendingReason)
    }

    /// The recipient's devices, this device, and the account's other devices.
    func sealingKeys(for recipient: Address) -> SealingKeys {
        switch ring.lookup(recipient) {
        case .unknown, .noDevices: return .wait(.noKeys)
        case .changed: return .wait(.keyChanged)
        case .usable(var keys):
            let own = ring.lookup(address)
            if case .unknown = own { return .wait(.noKeys) }
            if !keys.contains(where: { $0.fingerprint == device.fingerprint }) { keys.append(device) }
            if case .usable(let others) = own {
                for key in others where !keys.contains(where: { $0.fingerprint == key.fingerprint }) {
                    keys.append(key)
                }
            }
            return .keys(Array(keys.prefix(Sealed.wrapsMax)))
        }
    }

    private func waitingReason(_ to: Conversation) -> PendingReason? {
        guard case .direct(let recipient) = to, case .wait(let reason) = sealingKeys(for: recipient) else { return nil }
        return reason
    }

    /// The reason as far as it is known on this connection: keys that are merely being asked for are no reason.
    private func tellableReason(_ to: Conversation) -> PendingReason? {
        guard case .direct(let recipient) = to, let reason = waitingReason(to) else { return nil }
        guard reason == .noKeys else { return reason }
        let absent: Address =
            switch ring.lookup(recipient) {
            case .unknown, .noDevices: recipient
            case .changed, .usable: address
            }
        return keysAnsweredAt[absent] == nil ? nil : .noKeys
    }

    private mutating func seal(_ id: MessageID) {
        guard let item = outgoing.items[id], case .direct(let recipient) = item.to,
            case .content(let content) = item.content,
            case .keys(let keys) = sealingKeys(for: recipient)
        else { return }
        outgoing.update(id) { $0.step = .sealing }
        actions.append(.seal(id: id, to: recipient, content: content, at: item.at, keys: keys))
    }

    /// Seals what waits and can be sealed; tells for the rest what it waits for, where that has changed.
    mutating func sealWaiting() {
        var sealing = outgoing.sealingCount
        for item in outgoing.waiting {
            guard let reason = waitingReason(item.to) else {
                guard sealing < ClientMachine.sealingMax else { return }
                sealing += 1
                seal(item.id)
                continue
            }
            if reason == .noKeys { retryLater() }
            guard let reason = tellableReason(item.to), reason != item.reason else { continue }
            outgoing.update(item.id) { $0.reason = reason }
            emit(.state(item.id, .pending(reason), answering: nil))
        }
    }

    mutating func sealed(_ id: MessageID, _ sealed: Sealed?) {
        guard let item = outgoing.items[id], item.step == .sealing else { return }
        if let sealed {
            let draft = Draft(id: id, to: item.to, at: item.at, body: .sealed(sealed))
            outgoing.update(id) { changed in
                changed.content = .draft(draft)
                changed.step = item.isOnDisk ? .saving : .unsaved
            }
            if item.isOnDisk { actions.append(.saveDraft(draft)) }
        } else {
            fail(id, Refusal(.badKey, "the message could not be sealed: one of the device keys cannot be used"))
        }
        saveUnsaved()
        sealWaiting()
        sendDue()
    }

    // MARK: The node

    /// A message sealed under a key that the node does not have could be opened by nobody.
    mutating func publish() {
        guard publication == .wanted else { return }
        publication = .asked
        actions.append(.send(.publish(device)))
    }

    mutating func published(_ fingerprint: Fingerprint) {
        guard fingerprint == device.fingerprint, publication == .asked else { return }
        publication = .done
        // Only now does the node list this device among the account's.
        keysWanted.insert(address)
        askForKeys()
        sendDue()
    }

    /// A refusal that names nothing: beside lines that we do not send, only `publish` is answered so.
    mutating func publicationRefused(_ refusal: Refusal) {
        guard publication == .asked else { return }
        switch refusal.code {
        case .tooManyDevices, .badKey, .unknownUser: publication = .refused
        default:
            publication = .wanted
            retryLater()
        }
    }

    mutating func sendDue() {
        guard phase == .online else { return }
        if !areStatesKnown { areStatesKnown = !isAskingStates && undelivered.isSettled }
        guard areStatesKnown else { return }
        for draft in outgoing.takeDue(publicOnly: publication != .done) { actions.append(.send(.message(draft))) }
    }

    mutating func refused(_ id: MessageID, _ refusal: Refusal) {
        // To call it failed could be a lie (promise P2).
        guard refusal.code == .storeFailed, outgoing.items[id]?.mayHaveGoneOn == true else { return fail(id, refusal) }
        outgoing.hold(id)
        retryLater()
    }

    /// The message will not be sent, or was refused.
    mutating func fail(_ id: MessageID, _ refusal: Refusal) {
        guard let item = outgoing.remove(id) else { return emit(.error(refusal)) }
        if item.isOnDisk { actions.append(.removePending(id)) }
        emit(.state(id, .failed(refusal), answering: item.token))
        if let token = item.token { emit(.done(token)) }
        follow { $0.offerFailed(id, refusal, at: $1) }
        sendDue()
    }

    /// Sealed and not yet on disk at one time; what waits does so in order and costs nothing.
    static let sealingMax = 64
}

extension Outgoing.Item {
    /// nil for a draft that was sealed by an earlier run.
    var known: MessageContent? {
        if case .draft(let draft) = content, let open = draft.body.content { return open }
        return said
    }

    /// Whether it says this; where nobody knows, the id decides.
    func isSame(_ content: MessageContent) -> Bool { known == nil || known == content }
}
