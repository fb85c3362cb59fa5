import Store
import Wire

/// A conversation as nodes hold it; the two people of a direct one in the order of their addresses.
enum Place: Hashable {
    case everyone
    case direct(Address, Address)

    init(_ conversation: Conversation, of owner: Address) {
        switch conversation {
        case .everyone: self = .everyone
        case .direct(let other): self = owner < other ? .direct(owner, other) : .direct(other, owner)
        }
    }

    init(_ envelope: Envelope) { self.init(envelope.to, of: envelope.from) }
}

/// All that one node holds.
struct History {
    var places: [Place: [Entry]] = [:]
    /// What the node says of its own people's messages when they are sent again.
    private(set) var states: [MessageKey: MessageState] = [:]

    /// One that a test makes up.
    init(_ places: [Place: [Entry]]) { self.places = places }

    init(_ store: NodeStore, of people: [Address]) {
        for owner in people {
            guard case .heads(let heads, _)? = store.perform([.heads(owner: owner, countMax: 1000)]).first else {
                continue
            }
            for head in heads { read(store, owner, head.conversation) }
        }
        for entry in places.values.joined() where people.contains(entry.envelope.from) {
            let envelope = entry.envelope
            let again = NodeRequest.accept(envelope, peers: [], local: envelope.from.server, at: 0, deadline: 0)
            guard case .accepted(let acceptance)? = store.perform([again]).first, acceptance.isDuplicate else {
                continue
            }
            states[MessageKey(envelope)] = acceptance.state
        }
    }

    private mutating func read(_ store: NodeStore, _ owner: Address, _ conversation: Conversation) {
        let place = Place(conversation, of: owner)
        guard places[place] == nil else { return }
        var entries: [Entry] = []
        while true {
            let range = HistoryRange(conversation: conversation, after: entries.last?.seq ?? 0, count: 100)
            guard case .history(let page)? = store.perform([.history(owner: owner, range, bytesMax: 1 << 20)]).first
            else { break }
            entries += page.entries
            guard page.hasMore, !page.entries.isEmpty else { break }
        }
        places[place] = entries
    }

    func count(_ key: MessageKey, in place: Place) -> Int {
        places[place, default: []].count { MessageKey($0.envelope) == key }
    }
}

extension Ledger {
    /// What is wrong, besides what was noticed on the way.
    func check(_ histories: [ServerName: History]) -> [Complaint] {
        var found = complaints
        func complain(_ kind: Complaint.Kind, _ text: String) { found.append(Complaint(kind: kind, text: text)) }
        let honest = histories.filter { !liars.contains($0.key) }
        let positions = Dictionary(order.enumerated().map { ($1, $0) }) { first, _ in first }
        for (server, history) in honest.sorted(by: { $0.key < $1.key }) {
            check(history, of: server, positions, complain)
        }
        for key in order where !liars.contains(key.from.server) { check(key, honest, complain) }
        for life in lives where !liars.contains(life.address.server) {
            if let history = honest[life.address.server] { check(life, history, complain) }
        }
        checkCoverage(honest, complain)
        checkRestores(complain)
        return found
    }

    /// P4, P6, and that each entry is there once.
    private func check(
        _ history: History, of server: ServerName, _ positions: [MessageKey: Int],
        _ complain: (Complaint.Kind, String) -> Void
    ) {
        for (place, entries) in history.places.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            var seen: Set<MessageKey> = []
            var lastOfDevice: [Int: Int] = [:]
            var lastPlaceOfDevice: [Int: (life: Int, place: Int64)] = [:]
            for (index, entry) in entries.enumerated() {
                let key = MessageKey(entry.envelope)
                if entry.seq != Int64(index + 1) {
                    complain(.gap, "\(server) has \(entry.seq) at \(index + 1) of \(place)")
                }
                if !seen.insert(key).inserted { complain(.doubled, "\(server) has \(key.id) twice") }
                guard !liars.contains(key.from.server) else { continue }
                guard let message = said[key], message.to == entry.envelope.to, Place(entry.envelope) == place,
                    message.text == StandIn.text(in: entry.envelope)
                else {
                    complain(.forged, "\(server) has \(key.id) of \(key.from), which nobody wrote")
                    continue
                }
                // A node that lost it gets it again in the order of its home, which may have gone back to another past.
                if lastLoss(of: key, at: server) != nil, isPutBackAgain(key.from.server) { continue }
                // Whoever sends what was lost again, behind the machine's back, sends it late.
                if repeated.contains(key), lastLoss(of: key, at: key.from.server) != nil { continue }
                if let place = places[key] {
                    if let last = lastPlaceOfDevice[message.device], last > place {
                        complain(.overtaken, "\(key.id) of \(key.from) lost its place at \(server) in \(place)")
                    }
                    lastPlaceOfDevice[message.device] = place
                }
                guard !message.isOffer, let position = positions[key] else { continue }
                if let last = lastOfDevice[message.device], last > position {
                    complain(.overtaken, "\(key.id) of \(key.from) came late at \(server) in \(place)")
                }
                lastOfDevice[message.device] = position
            }
        }
    }

    /// P1 and P2 for one message.
    private func check(
        _ key: MessageKey, _ histories: [ServerName: History], _ complain: (Complaint.Kind, String) -> Void
    ) {
        guard let message = said[key] else { return }
        let home = key.from.server
        let place = Place(message.to, of: key.from)
        let others = servers(of: message).filter { $0 != home && histories[$0] != nil }
        func isMissing(_ server: ServerName) -> Bool { histories[server]?.count(key, in: place) == 0 }
        for server in histories.keys.sorted() where isOnDisk(key, at: server) && isMissing(server) {
            complain(.lost, "\(key.id) was committed and is not at \(server)")
        }
        let isToLiar = servers(of: message).contains { liars.contains($0) }
        if promised.contains(key), accepted[key] == nil, failed[key] == nil, !delivered.contains(key), !isToLiar {
            complain(.unsettled, "\(key.id) of \(key.from) was never answered")
        }
        // Its node was put back to a time before it, and nobody sent it again: what became of it elsewhere stays so.
        let isGone = isMissing(home) && lastLoss(of: key, at: home) != nil
        if accepted[key] != nil {
            checkAccepted(key, isMissing(home), at: place, histories[home], complain)
            for server in others where failed[key] == nil && isMissing(server) {
                let isForgiven = lastLoss(of: key, at: server) != nil && forgotten.contains(key)
                if !isGone, !isForgiven { complain(.lost, "\(key.id) was accepted and did not reach \(server)") }
            }
        }
        for server in others where delivered.contains(key) && isMissing(server) {
            let isForgiven = lastLoss(of: key, at: server) != nil && (isGone || forgotten.contains(key))
            if !isForgiven { complain(.untruthful, "\(key.id) was delivered and is not at \(server)") }
        }
        guard failed[key] != nil else { return }
        for server in others where !isMissing(server) { complain(.untruthful, "\(key.id) failed and is at \(server)") }
        if accepted[key] == nil, !isMissing(home) {
            complain(.untruthful, "\(key.id) failed before it was accepted and is at \(home)")
        }
    }

    private func checkAccepted(
        _ key: MessageKey, _ isMissing: Bool, at place: Place, _ history: History?,
        _ complain: (Complaint.Kind, String) -> Void
    ) {
        if isMissing, !isExcused(key) { complain(.lost, "\(key.id) was accepted and is not at \(key.from.server)") }
        let isInPlace = (history?.places[place] ?? []).contains {
            $0.seq == accepted[key] && MessageKey($0.envelope) == key
        }
        if !isInPlace, !displaced.contains(key) {
            complain(.lost, "\(key.id) was accepted at \(accepted[key] ?? 0) and is not there")
        }
        if recommitted.contains(key) {
            complain(.unsettled, "\(key.id) was accepted again, and its author does not know")
        }
        if liars.isEmpty, let last = history?.states[key] { check(last, key, complain) }
    }

    /// What the node answers in the end to a client that sends the message again (P3): it has been told how it ended.
    private func check(
        _ last: MessageState, _ key: MessageKey, _ complain: (Complaint.Kind, String) -> Void
    ) {
        switch last.state {
        case .delivered where failed[key] == nil: break
        case .failed(let refusal) where failed[key] == nil || failed[key] == refusal: break
        default: complain(.unsettled, "\(key.id) of \(key.from) ends as \(last.state)")
        }
    }
}
