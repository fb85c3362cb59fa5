import Wire

/// A sealed message that is being opened.
struct Opening: Sendable {
    enum Owner: Hashable, Sendable {
        case conversation(Conversation)
        case question(CommandToken)
    }

    let owner: Owner
    let envelope: Envelope
    let device: Fingerprint
    /// The sender's keys have been asked for.
    var isAwaitingKeys: Bool

    func awaits(_ address: Address) -> Bool { isAwaitingKeys && envelope.from == address }
}

extension ClientMachine {
    /// What goes into a queue for an entry. Where its words are not at hand, their opening is under way afterwards.
    mutating func prepare(
        _ entry: Entry, in conversation: Conversation, for owner: Opening.Owner
    ) -> ReadingQueue.Item {
        guard belongs(entry.envelope, to: conversation) else { return .ready(entry, nil) }
        switch entry.envelope.body {
        case .text, .file: return .ready(entry, entry.envelope.body.content)
        case .sealed(let sealed):
            let from = entry.envelope.from
            let key = senderKey(sealed.device, of: from)
            lastOpening += 1
            openings[lastOpening] = Opening(
                owner: owner, envelope: entry.envelope, device: sealed.device, isAwaitingKeys: key == nil)
            if let key {
                actions.append(.open(opening: lastOpening, entry.envelope, key: key))
            } else if areKeysFresh(of: from) {
                // A moment ago the device was not there, or its server could not be asked.
                keysWanted.insert(from)
                retryLater(in: ClientMachine.keysAgeMin)
            } else {
                askKeys(of: from)
            }
            return .opening(entry, number: lastOpening)
        }
    }

    /// A node that puts a message into another conversation than its author did is not believed.
    private func belongs(_ envelope: Envelope, to conversation: Conversation) -> Bool {
        switch (conversation, envelope.to) {
        case (.everyone, .everyone): true
        case (.direct(let other), .direct(let recipient)):
            (envelope.from == other && recipient == address) || (envelope.from == address && recipient == other)
        case (.everyone, .direct), (.direct, .everyone): false
        }
    }

    private func senderKey(_ fingerprint: Fingerprint, of sender: Address) -> DeviceKey? {
        if sender == address, fingerprint == device.fingerprint { return device }
        return ring.device(fingerprint, of: sender)
    }

    /// The keys of `address` are there, or it is known that there are none.
    mutating func resumeOpenings(of address: Address) {
        for (number, opening) in openings.sorted(by: { $0.key < $1.key }) where opening.awaits(address) {
            if let key = senderKey(opening.device, of: address) {
                openings[number]?.isAwaitingKeys = false
                actions.append(.open(opening: number, opening.envelope, key: key))
            } else {
                unsealed(number, nil)
            }
        }
    }

    mutating func unsealed(_ number: Int64, _ content: MessageContent?) {
        guard let opening = openings.removeValue(forKey: number) else { return }
        switch opening.owner {
        case .conversation(let conversation):
            readings[conversation]?.queue.resolve(number, content)
            show(conversation)
            if readings[conversation]?.queue.isEmpty == true { fillHoles() }
        case .question(let token): historyOpened(token, number, content)
        }
    }
}
