import Bytes
import ChatClient
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
        case leaked, notWhole, disagreeing, spool
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
    }

    /// One client process.
    struct Life {
        let client: Int
        let number: Int
        let address: Address
        /// Where the life before it had stored that it had read to.
        let cursors: [Conversation: Int64]
        var shown: [Conversation: [Shown]] = [:]
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
    /// Where each client began to read at its first login.
    private(set) var beginnings: [Int: [Conversation: Int64]] = [:]
    private(set) var complaints: [Complaint] = []
    private var onDisk: [ServerName: Set<MessageKey>] = [:]
    /// Servers whose word is worth nothing.
    var liars: Set<ServerName> = []

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
        lives.append(Life(client: client, number: life, address: address, cursors: cursors))
    }

    func stored(_ client: Int, isFirst: Bool, _ changes: [ClientAction]) {
        let isWelcome = changes.contains { if case .saveToken = $0 { true } else { false } }
        for change in changes {
            guard case .saveCursor(let conversation, let seq) = change, isFirst, isWelcome else { continue }
            beginnings[client, default: [:]][conversation] = seq
        }
    }

    func placed(_ key: MessageKey, life: Int, place: Int64) {
        if places[key] == nil { places[key] = (life, place) }
    }

    /// Whether a client was ever shown it.
    func isShown(_ id: MessageID, to address: Address) -> Bool {
        lives.contains { life in
            life.address == address && life.shown.values.contains { $0.contains { $0.id == id } }
        }
    }

    func emitted(_ event: ClientEvent, _ client: Int, _ life: Int) {
        guard let index = lives.lastIndex(where: { $0.client == client && $0.number == life }) else { return }
        let address = lives[index].address
        switch event {
        case .message(let message, answering: nil):
            let shown = Shown(seq: message.seq, id: message.id, from: message.from, text: message.content?.label)
            lives[index].shown[message.conversation, default: []].append(shown)
        case .gap(let conversation, let range, _): complain(.gap, "\(address) lacks \(range) of \(conversation)")
        case .state(let id, .pending, _): promised.insert(MessageKey(address, id))
        case .state(let id, .failed(let refusal), _):
            let key = MessageKey(address, id)
            if failed[key] == nil { failed[key] = refusal }
        default: break
        }
    }

    // MARK: What nodes do

    func committed(_ envelope: Envelope, at server: ServerName) {
        onDisk[server, default: []].insert(MessageKey(envelope))
    }

    private func isOnDisk(_ key: MessageKey, at server: ServerName) -> Bool {
        liars.contains(server) || onDisk[server]?.contains(key) == true
    }

    /// The node's word, checked against the disks as they are at this moment (promises P1, P2, P3).
    func told(_ state: MessageState, to author: Address) {
        let key = MessageKey(author, state.id)
        guard let message = said[key], !liars.contains(author.server) else { return }
        switch state.state {
        case .accepted(let seq):
            if let known = accepted[key], known != seq {
                complain(.untruthful, "\(key.id) is at \(known) and at \(seq)")
            }
            if !isOnDisk(key, at: author.server) { complain(.untruthful, "\(key.id) is accepted and not on disk") }
            accepted[key] = seq
        case .delivered:
            delivered.insert(key)
            let servers = message.to.servers(from: author, among: Array(onDisk.keys))
            for server in servers where !isOnDisk(key, at: server) {
                complain(.untruthful, "\(key.id) is delivered and not on the disk of \(server)")
            }
        case .failed(let refusal): failed[key] = refusal
        case .unconfirmed: break
        }
    }
}

extension Conversation {
    /// Where a message belongs besides its author's node.
    func servers(from author: Address, among all: [ServerName]) -> [ServerName] {
        switch self {
        case .everyone: all.filter { $0 != author.server }
        case .direct(let recipient): [recipient.server]
        }
    }
}
