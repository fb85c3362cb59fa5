import Bytes
import ChatClient
import Files
import Wire

/// Files: what a person does with them, and the orders of the machine.
extension SimulatedClient {
    /// What a person wants to do with a file of somebody else.
    enum Intent: CaseIterable {
        case accept, decline, ignore
        /// Accepts it and thinks better of it.
        case abandon
    }

    /// What belongs to the present life, or its connection.
    struct FileDesk {
        /// Orders are performed, and reports come, one after the other.
        var performedAt = Instant(nanoseconds: 0)
        var reportedAt = Instant(nanoseconds: 0)
        /// Chunks asked of the node, or given to it, by their refs; nil for those given.
        var chunks: [Int64: ChunkPlace?] = [:]
    }

    private static var retriesMax: Int { 5 }

    // MARK: The person

    /// Returns nil while the program does not run.
    @discardableResult func offer(_ content: SimulatedDisk.Content, as name: String, to: Conversation) -> MessageID? {
        guard machine != nil else { return nil }
        let id = makeID()
        let path = "/home/\(name)"
        files.sources[path] = content
        world.counts.files += 1
        let servers = (world.neighbours[address.server] ?? []).union([address.server])
        world.files.offered(
            FileLedger.File(id: id, from: address, to: to, name: name, content: content, servers: servers))
        world.ledger.said(Said(id: id, from: address, to: to, text: name, device: number, isOffer: true))
        command(.file(id: id, to: to, path: path, at: wall))
        return id
    }

    func takeBack(_ id: MessageID) {
        guard machine != nil else { return }
        world.trace("\(address) takes back \(id)")
        world.files.takenBack(id)
        command(.cancel(id))
    }

    /// Writes something else into a file that is being sent.
    func change(_ id: MessageID, _ name: String) {
        guard var content = files.sources["/home/\(name)"], !content.words.isEmpty else { return }
        content.words[content.words.count - 1] ^= 1
        files.sources["/home/\(name)"] = content
        world.files.changed(id, to: content)
    }

    func saw(_ progress: FileProgress) {
        world.trace("\(address) sees \(progress.id) \(progress.state), \(progress.bytes) of \(progress.of)")
        world.files.told(progress, at: self)
        guard progress.from != address else { return }
        react(to: progress.id, isFailed: progress.state == .failed, progress.state == .offered, progress.reason)
    }

    /// What an earlier life left undone.
    func lookThroughFiles() {
        for transfer in disk.files.sorted(by: { $0.number < $1.number }) where !transfer.isOutgoing {
            let isFailed = transfer.state == .failed
            react(to: transfer.id, isFailed: isFailed, transfer.state == .offered, transfer.reason)
        }
    }

    private func react(to id: MessageID, isFailed: Bool, _ isOffered: Bool, _ reason: Refusal?) {
        let known = intents[id]
        let intent = known ?? habit ?? random.pick([.accept, .accept, .accept, .decline, .ignore, .abandon]) ?? .accept
        intents[id] = intent
        if isOffered {
            let isSoon = random.chance(0.6)
            after(random.milliseconds(isSoon ? 0...200 : 200...15_000)) { [unowned self] in act(intent, on: id) }
        } else if isFailed, reason?.code != .noFile, intent == .accept, retries[id, default: 0] < Self.retriesMax {
            after(random.milliseconds(500...3000)) { [unowned self] in
                guard machine != nil else { return }
                retries[id, default: 0] += 1
                act(intent, on: id)
            }
        }
    }

    private func act(_ intent: Intent, on id: MessageID) {
        switch intent {
        case .accept: command(.accept(id, path: nil))
        case .decline: command(.cancel(id))
        case .ignore: break
        case .abandon:
            command(.accept(id, path: nil))
            after(random.milliseconds(20...1000)) { [unowned self] in command(.cancel(id)) }
        }
    }

    // MARK: The disk

    func perform(_ order: FileOrder) {
        desk.performedAt = max(desk.performedAt, world.now.advanced(by: random.milliseconds(0...3)))
        after(desk.performedAt.since(world.now)) { [unowned self] in
            guard let report = files.perform(order) else { return }
            desk.reportedAt = max(desk.reportedAt, world.now.advanced(by: random.milliseconds(0...2)))
            after(desk.reportedAt.since(world.now)) { [unowned self] in feed(.file(report)) }
        }
    }

    // MARK: What goes over the wire

    func countSent(_ line: ClientLine) {
        switch line {
        case .chunk(let ref, let id, let index, let data):
            desk.chunks.updateValue(nil, forKey: ref)
            world.files.sealed(id, index, data, by: address)
        case .fetch(let ref, let place): desk.chunks.updateValue(place, forKey: ref)
        default: return
        }
        guard desk.chunks.count > Transfers.chunksMax else { return }
        world.ledger.complain(.invariant, "\(address) has \(desk.chunks.count) chunks under way")
    }

    func countAnswered(_ line: NodeLine) {
        switch line {
        case .file(let ref?, _), .refused(_, let ref?, _): desk.chunks[ref] = nil
        case .chunk(let ref, let data):
            if case let place?? = desk.chunks.removeValue(forKey: ref) { world.files.fetched(place, data, by: address) }
        default: break
        }
    }
}
