import Bytes
import ChatClient
import Store
import Wire

/// Something a person wrote.
struct Said {
    let id: MessageID
    let from: Address
    let to: Conversation
    let text: String
    /// Which client.
    let device: Int
    /// `text` is the name of a file, which takes its place among the messages only once it has been uploaded.
    var isOffer = false
}

struct Complaint: CustomStringConvertible {
    enum Kind: String {
        case lost, doubled, forged, overtaken, gap, notShown, untruthful, unsettled, presence, invariant
        case leaked, notWhole, disagreeing, spool, restore
    }

    let kind: Kind
    let text: String

    var description: String { "\(kind.rawValue): \(text)" }
}

/// Who wrote a message, and its id.
struct MessageKey: Hashable {
    let from: Address
    let id: MessageID

    init(_ envelope: Envelope) { (from, id) = (envelope.from, envelope.id) }
    init(_ from: Address, _ id: MessageID) { (self.from, self.id) = (from, id) }
}

/// What everybody wrote, was told and was shown, to be compared with what the nodes hold in the end.
final class Ledger {
    struct Shown {
        let seq: Int64
        let id: MessageID
        let from: Address
        let text: String?
        /// The life of the node that said so.
        let nodeLife: Int
    }

    enum Reading {
        case shown(Shown)
        /// The client has been told that its node went back, and reads on from here.
        case wentBack(to: Int64)
    }

    /// One client process.
    struct Life {
        let client: Int
        let number: Int
        let address: Address
        /// Where the life before it had stored that it had read to.
        let cursors: [Conversation: Int64]
        var read: [Conversation: [Reading]] = [:]
        /// Where it stands.
        var reached: [Conversation: Int64]
        /// The last life of its node in which it was told that the node went back.
        var toldBackIn: Int?

        func shown(in conversation: Conversation) -> [Shown] {
            read[conversation, default: []].compactMap { if case .shown(let shown) = $0 { shown } else { nil } }
        }
    }

    private(set) var said: [MessageKey: Said] = [:]
    /// In the order of writing.
    private(set) var order: [MessageKey] = []
    /// Kept on the client's disk, so that it must come to an end.
    private(set) var promised: Set<MessageKey> = []
    private(set) var accepted: [MessageKey: Int64] = [:]
    private(set) var delivered: Set<MessageKey> = []
    private(set) var failed: [MessageKey: Refusal] = [:]
    private(set) var lives: [Life] = []
    /// When each message took its place in its client's queue: the life, and the place.
    private(set) var places: [MessageKey: (life: Int, place: Int64)] = [:]
    /// What was there before each client's first login, and is not shown to it.
    private(set) var old: [Int: [Conversation: Set<MessageKey>]] = [:]
    /// Sent again although their ends were known.
    private(set) var repeated: Set<MessageKey> = []
    private(set) var complaints: [Complaint] = []
    /// What each node has.
    private(set) var books: [ServerName: Books] = [:]
    private var commits = 0
    private(set) var restores: [Restore] = []
    /// In which lives each node gave itself a new epoch.
    private(set) var renewals: [ServerName: [Int]] = [:]
    /// In which lives of its node each client was told that the node went back.
    private(set) var toldBack: [Int: [Int]] = [:]
    /// In which lives of its author's node the end of a message was told.
    private(set) var endTold: [MessageKey: [Int]] = [:]
    /// Their nodes lost them, so that they have no place until they are accepted again, or have an older one.
    private(set) var displaced: Set<MessageKey> = []
    /// Those of them that were accepted again since, which their authors have not heard.
    private(set) var recommitted: Set<MessageKey> = []
    /// By the clock of its author's node, the earliest moment at which a message may have been acknowledged.
    private var acceptedWall: [MessageKey: Int64] = [:]
    /// Their authors' nodes do not keep them any longer for those who lost them.
    private(set) var forgotten: Set<MessageKey> = []
    /// Their clocks have jumped.
    private(set) var jumped: Set<ServerName> = []
    /// Servers whose word is worth nothing.
    var liars: Set<ServerName> = []
    var neighbours: [ServerName: Set<ServerName>] = [:]

    private static let complaintsMax = 20

    func complain(_ kind: Complaint.Kind, _ text: String) {
        if complaints.count < Ledger.complaintsMax { complaints.append(Complaint(kind: kind, text: text)) }
    }

    // MARK: What clients do

    func said(_ message: Said) {
        let key = MessageKey(message.from, message.id)
        said[key] = message
        order.append(key)
    }

    func began(_ client: Int, life: Int, at address: Address, cursors: [Conversation: Int64]) {
        lives.append(Life(client: client, number: life, address: address, cursors: cursors, reached: cursors))
    }

    func stored(_ client: Int, of address: Address, isFirst: Bool, _ changes: [ClientAction]) {
        let isWelcome = changes.contains { if case .saveToken = $0 { true } else { false } }
        for change in changes {
            guard case .saveCursor(let conversation, let seq) = change, isFirst, isWelcome else { continue }
            let entries = books[address.server]?.places[Place(conversation, of: address)] ?? []
            old[client, default: [:]][conversation] = Set(entries.prefix(Int(seq)))
        }
    }

    func repeated(_ key: MessageKey) { repeated.insert(key) }

    func placed(_ key: MessageKey, life: Int, place: Int64) {
        if places[key] == nil { places[key] = (life, place) }
    }

    /// Whether a client was ever shown it, and could read it.
    func isShown(_ id: MessageID, to address: Address) -> Bool {
        lives.contains { life in
            life.address == address
                && life.read.keys.contains { life.shown(in: $0).contains { $0.id == id && $0.text != nil } }
        }
    }

    private func index(of client: Int, _ life: Int) -> Int? {
        lives.lastIndex { $0.client == client && $0.number == life }
    }

    /// - Parameter nodeLife: of the node, when the client's connection to it began.
    func emitted(_ event: ClientEvent, _ client: Int, _ life: Int, nodeLife: Int) {
        guard let index = index(of: client, life) else { return }
        let address = lives[index].address
        switch event {
        case .message(let message, answering: nil):
            let shown = Shown(
                seq: message.seq, id: message.id, from: message.from, text: message.content?.label, nodeLife: nodeLife)
            lives[index].read[message.conversation, default: []].append(.shown(shown))
            lives[index].reached[message.conversation] = message.seq
        case .gap(let conversation, let range, _): complain(.gap, "\(address) lacks \(range) of \(conversation)")
        case .state(let id, .pending, _): promised.insert(MessageKey(address, id))
        case .state(let id, .failed(let refusal), _):
            let key = MessageKey(address, id)
            if failed[key] == nil { failed[key] = refusal }
            endTold[key, default: []].append(nodeLife)
        case .error(let code, _, _) where code == ClientFault.nodeWentBack.rawValue:
            toldBack[client, default: []].append(nodeLife)
            lives[index].toldBackIn = nodeLife
        default: break
        }
    }

    /// The client goes on reading from somewhere.
    func reads(_ conversation: Conversation, from cursor: Int64, _ client: Int, _ life: Int, nodeLife: Int) {
        guard let index = index(of: client, life), let reached = lives[index].reached[conversation], cursor < reached
        else { return }
        if lives[index].toldBackIn != nodeLife {
            complain(
                .doubled, "\(lives[index].address) reads \(conversation) again from \(cursor), and nobody told why")
        }
        lives[index].read[conversation, default: []].append(.wentBack(to: cursor))
        lives[index].reached[conversation] = cursor
    }

    /// The node does not know a message that it had accepted.
    func recalled(_ key: MessageKey) {
        if lastLoss(of: key, at: key.from.server) == nil, !liars.contains(key.from.server) {
            complain(.lost, "\(key.id) was accepted and its node does not know it")
        }
    }

    // MARK: What nodes do

    func committed(_ envelope: Envelope, _ seq: Int64, at server: ServerName, wall: Int64) {
        let key = MessageKey(envelope)
        commits += 1
        if !books[server, default: Books()].add(envelope, at: seq, commit: commits) {
            complain(.doubled, "\(server) commits \(key.id) at \(seq), out of turn or again")
        }
        guard key.from.server == server else { return }
        acceptedWall[key] = wall
        if displaced.contains(key), accepted[key] != nil { recommitted.insert(key) }
    }

    func isOnDisk(_ key: MessageKey, at server: ServerName) -> Bool { books[server]?.entries[key] != nil }

    func restored(
        _ server: ServerName, to backup: Books?, life: Int, at now: Instant, isMarked: Bool, witnesses: [ServerName]
    ) {
        let (before, after) = (books[server]?.entries ?? [:], backup?.entries ?? [:])
        let changed = before.filter { after[$0.key] != $0.value }.keys
        books[server] = backup
        recommitted = recommitted.filter { $0.from.server != server }
        for key in Set(before.keys).union(after.keys) where key.from.server == server {
            place(key, at: after[key]?.seq)
        }
        restores.append(
            Restore(
                server: server, life: life, at: now, lost: Set(changed.filter { after[$0] == nil }),
                moved: Set(changed.filter { after[$0] != nil }), isMarked: isMarked, witnesses: witnesses,
                isFresh: backup == nil))
    }

    /// Where its author's node has a message since it was put back, which its author need not know.
    private func place(_ key: MessageKey, at seq: Int64?) {
        if seq == nil || accepted[key].map({ $0 != seq }) ?? false {
            displaced.insert(key)
        } else {
            displaced.remove(key)
        }
    }

    func renewed(_ server: ServerName, life: Int) { renewals[server, default: []].append(life) }

    /// What has been acknowledged for longer than that is not kept for those who come back from a backup.
    func purged(at wall: Int64, by server: ServerName) {
        for (key, accepted) in acceptedWall
        where key.from.server == server && wall - accepted > NodeStore.retainedMillisecondsMax {
            forgotten.insert(key)
        }
    }

    func clockMoved(of server: ServerName, to wall: Int64) {
        jumped.insert(server)
        for (key, accepted) in acceptedWall where key.from.server == server && wall < accepted {
            acceptedWall[key] = wall
        }
    }

    /// The node's word, checked against the disks as they are at this moment (promises P1, P2, P3). What an earlier life
    /// of the node said before it was put back was true then.
    func told(_ state: MessageState, to author: Address, nodeLife: Int) {
        let key = MessageKey(author, state.id)
        guard let message = said[key], !liars.contains(author.server) else { return }
        switch state.state {
        case .accepted(let seq): accepted(key, at: seq, nodeLife: nodeLife)
        case .delivered:
            delivered.insert(key)
            endTold[key, default: []].append(nodeLife)
            for server in servers(of: message) where !isOnDisk(key, at: server) && !liars.contains(server) {
                // It was there once, and the node of its author still has it, or had it.
                guard lastLoss(of: key, at: server) == nil else { continue }
                complain(.untruthful, "\(key.id) is delivered and not on the disk of \(server)")
            }
        case .failed(let refusal): failed[key] = refusal
        case .unconfirmed: break
        }
    }

    private func accepted(_ key: MessageKey, at seq: Int64, nodeLife: Int) {
        let server = key.from.server
        if isDisplaced(key, at: server, after: nodeLife) {
            if accepted[key] == nil {
                accepted[key] = seq
                place(key, at: books[server]?.entries[key]?.seq)
            }
            return
        }
        if let known = accepted[key], known != seq, !displaced.contains(key) {
            complain(.untruthful, "\(key.id) is at \(known) and at \(seq)")
        }
        if !isOnDisk(key, at: server) { complain(.untruthful, "\(key.id) is accepted and not on disk") }
        displaced.remove(key)
        recommitted.remove(key)
        accepted[key] = seq
    }

    /// Where a message belongs besides its author's node.
    func servers(of message: Said) -> [ServerName] {
        switch message.to {
        case .everyone: neighbours[message.from.server, default: []].sorted()
        case .direct(let recipient): [recipient.server]
        }
    }
}
