import Wire

/// What clients were shown, against what their nodes have (P5).
extension Ledger {
    /// For one process: in order, each once, as the node has it, or had it until it was put back from a backup.
    func check(_ life: Life, _ history: History, _ complain: (Complaint.Kind, String) -> Void) {
        for (conversation, read) in life.read.sorted(by: { $0.key.text < $1.key.text }) {
            let entries = history.places[Place(conversation, of: life.address), default: []]
            var last = life.cursors[conversation]
            var shownIn: [MessageKey: Int] = [:]
            // Whoever did not meet each run of a store reads more of it anew than was lost, and is told so.
            var mayComeAgain: Set<MessageKey> = []
            for reading in read {
                guard case .shown(let message) = reading else {
                    if case .wentBack(let cursor) = reading { last = cursor }
                    mayComeAgain.formUnion(shownIn.keys)
                    continue
                }
                if let last, message.seq != last + 1 {
                    complain(.notShown, "\(life.address) saw \(message.seq) of \(conversation) after \(last)")
                }
                last = message.seq
                let key = MessageKey(message.from, message.id)
                let server = life.address.server
                if let before = shownIn[key], liars.isEmpty,
                    !isDisplaced(key, at: server, after: before, through: message.nodeLife),
                    mayComeAgain.remove(key) == nil || !isPutBack(server, after: before, through: message.nodeLife)
                {
                    complain(.doubled, "\(life.address) was shown \(message.id) twice")
                }
                shownIn[key] = message.nodeLife
                let isThere = entries.contains { $0.seq == message.seq && MessageKey($0.envelope) == key }
                if !isThere, !isDisplaced(key, at: server, after: message.nodeLife) {
                    complain(.forged, "\(life.address) saw \(message.id), which its node does not have there")
                }
                check(message, key, at: life.address, complain)
            }
        }
    }

    private func check(
        _ message: Shown, _ key: MessageKey, at reader: Address, _ complain: (Complaint.Kind, String) -> Void
    ) {
        guard !liars.contains(message.from.server) else { return }
        guard let text = message.text else {
            // Whose node was put back has no keys there until they log in again.
            guard !restores.contains(where: { $0.server == message.from.server }) else { return }
            return complain(.notShown, "\(reader) cannot read \(message.id)")
        }
        if text != said[key]?.text { complain(.forged, "\(reader) saw other words in \(message.id)") }
    }

    /// Over all processes of a client: nothing that its node has was left out, but for what was there before its first
    /// login.
    func checkCoverage(_ histories: [ServerName: History], _ complain: (Complaint.Kind, String) -> Void) {
        for (client, all) in Dictionary(grouping: lives, by: \.client).sorted(by: { $0.key < $1.key }) {
            guard let address = all.first?.address, let old = old[client], let history = histories[address.server]
            else { continue }
            for (place, entries) in history.places {
                guard let conversation = place.conversation(of: address) else { continue }
                var seen = old[conversation] ?? []
                for life in all {
                    for shown in life.shown(in: conversation) { seen.insert(MessageKey(shown.from, shown.id)) }
                }
                for entry in entries where !seen.contains(MessageKey(entry.envelope)) {
                    complain(.notShown, "\(address) never saw \(entry.seq) of \(conversation), \(entry.envelope.id)")
                }
            }
        }
    }
}

extension Place {
    /// As one of its people names it; nil for everybody else.
    fileprivate func conversation(of address: Address) -> Conversation? {
        switch self {
        case .everyone: .everyone
        case .direct(address, let other): .direct(other)
        case .direct(let other, address): .direct(other)
        case .direct: nil
        }
    }
}
