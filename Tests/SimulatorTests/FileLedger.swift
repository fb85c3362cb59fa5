import ChatClient
import Store
import Wire

/// What everybody offered and wanted, and who was given what, to be compared with what machines and spools hold in the
/// end. What is wrong at once is told to the ledger of messages.
final class FileLedger {
    struct File {
        let id: MessageID
        let from: Address
        let to: Conversation
        let name: String
        let content: SimulatedDisk.Content
        /// Whose people may have it, if it is for everybody.
        let servers: Set<ServerName>

        func isFor(_ reader: Address) -> Bool {
            to == .everyone ? servers.contains(reader.server) : to == .direct(reader)
        }
    }

    private struct Place: Hashable {
        let id: MessageID
        let index: Int64
    }

    private unowned let world: World
    private(set) var files: [MessageID: File] = [:]
    /// In the order of their offers.
    private(set) var order: [MessageID] = []
    /// Their authors wanted them back at some time.
    private(set) var takenBack: Set<MessageID> = []
    /// What their authors wrote into them later.
    private(set) var changed: [MessageID: SimulatedDisk.Content] = [:]
    /// How each ended, as the spool of its author's node has committed it.
    private(set) var outcomes: [MessageID: FileOutcome] = [:]
    /// Spools that were put back, and what lay in them then.
    private(set) var setBack: [ServerName: Set<MessageID>] = [:]
    private var seals: [Place: [UInt8]] = [:]

    init(_ world: World) { self.world = world }

    private func complain(_ kind: Complaint.Kind, _ text: String) { world.ledger.complain(kind, text) }

    // MARK: What people do

    func offered(_ file: File) {
        files[file.id] = file
        order.append(file.id)
    }

    func takenBack(_ id: MessageID) { takenBack.insert(id) }
    func changed(_ id: MessageID, to content: SimulatedDisk.Content) { changed[id] = content }

    /// A file that was changed before it was offered is offered as it is then.
    func isWhole(_ content: SimulatedDisk.Content, _ file: File) -> Bool {
        content == file.content || content == changed[file.id]
    }

    /// Of what was in that spool anything may have become.
    func wentBack(_ server: ServerName) {
        setBack[server, default: []].formUnion(order.filter { files[$0]?.from.server == server })
    }

    // MARK: What clients do

    /// One key, one place, one content: anything else gives two plaintexts away.
    func sealed(_ id: MessageID, _ index: Int64, _ data: [UInt8], by author: Address) {
        world.counts.chunks += 1
        let place = Place(id: id, index: index)
        if let known = seals[place], known != data { complain(.invariant, "\(author) sealed \(index) of \(id) twice") }
        seals[place] = data
    }

    func fetched(_ place: ChunkPlace, _ data: [UInt8], by reader: Address) {
        world.counts.chunks += 1
        guard let file = files[place.id], !world.ledger.liars.contains(file.from.server) else { return }
        if !file.isFor(reader) { complain(.leaked, "\(reader) was given a chunk of \(place.id)") }
        // A liar changes what its own people ask for, and what they are given in answer; they find that it does not fit.
        if isHonest(reader.server), seals[Place(id: place.id, index: place.index)] != data {
            complain(.forged, "\(reader) was given another chunk of \(place.id)")
        }
    }

    /// Whoever is told that a file has arrived may delete it.
    func told(_ progress: FileProgress, at client: SimulatedClient) {
        guard progress.state == .complete, progress.from == client.address, let file = files[progress.id],
            case .direct(let recipient) = file.to, !isOfLiar(file)
        else { return }
        let isThere = world.clients.contains { other in
            other.address == recipient
                && other.files.received.contains { $0.id == file.id && isWhole($0.content, file) }
        }
        if !isThere { complain(.untruthful, "\(file.id) is complete and not on the disk of \(recipient)") }
    }

    // MARK: What nodes do

    func spooled(_ request: SpoolRequest, _ reply: SpoolReply, at server: ServerName) {
        switch (request, reply) {
        case (.read(let place, let reader, _), .chunk):
            if let file = files[place.id], !file.isFor(reader), reader != file.from {
                complain(.leaked, "\(server) gave \(reader) a chunk of \(place.id)")
            }
            if outcomes[place.id] != nil, !isSetBack(place.id, at: server) {
                complain(.leaked, "\(server) gave a chunk of \(place.id), which has ended")
            }
        case (.end(_, let id, let speaker, let outcome, _, _), .ended(let status, let isNew)):
            if isNew, let file = files[id] {
                let isTheirs = speaker == file.from ? outcome == .cancelled : file.to == .direct(speaker)
                if !isTheirs { complain(.forged, "\(speaker) ended \(id)") }
            }
            if let outcome = status.outcome { ended(id, outcome, at: server) }
        case (.purge, .purged(let changes, _)):
            for change in changes {
                if let outcome = change.status.outcome { ended(change.status.id, outcome, at: server) }
            }
        case (.begin, .status(let status)), (.write, .status(let status)):
            if let outcome = status.outcome { ended(status.id, outcome, at: server) }
        default: break
        }
    }

    private func ended(_ id: MessageID, _ outcome: FileOutcome, at server: ServerName) {
        guard files[id]?.from.server == server else { return }
        if outcome == .expired, !world.ledger.jumped.contains(server) { complain(.untruthful, "\(id) expired at once") }
        if let known = outcomes[id], known != outcome, !isSetBack(id, at: server) {
            complain(.untruthful, "\(id) was \(known) and is \(outcome)")
        }
        if outcomes[id] == nil { world.trace("\(server) ends \(id): \(outcome)") }
        outcomes[id] = outcome
    }

    // MARK: Whose word counts

    private func isSetBack(_ id: MessageID, at server: ServerName) -> Bool { setBack[server]?.contains(id) == true }

    /// Its spool was put back, or a clock jumped beyond its time: it may be gone, or there again, and nobody is promised
    /// to hear of it.
    func isUnsure(_ file: File) -> Bool {
        isSetBack(file.id, at: file.from.server) || outcomes[file.id] == .expired
    }

    func isOfLiar(_ file: File) -> Bool {
        let liars = world.ledger.liars
        if case .direct(let recipient) = file.to, liars.contains(recipient.server) { return true }
        return liars.contains(file.from.server)
    }

    func isHonest(_ server: ServerName) -> Bool { !world.ledger.liars.contains(server) }
    func isHonest(_ address: Address) -> Bool { isHonest(address.server) }

    func isShown(_ id: MessageID, to address: Address) -> Bool { world.ledger.isShown(id, to: address) }
    func isRefused(_ file: File) -> Bool { world.ledger.failed[MessageKey(file.from, file.id)] != nil }
    func isAccepted(_ file: File) -> Bool { world.ledger.accepted[MessageKey(file.from, file.id)] != nil }
}
