import ChatClient
import Files
import Store
import Wire

/// What there is of files in the end.
struct FileHoldings {
    struct Row {
        var state: Transfer.State
        var reason: Refusal?
    }

    struct Machine {
        let address: Address
        /// On record.
        var rows: [MessageID: Row]
        /// On disk under a name.
        var received: [SimulatedDisk.Received]
        /// In part.
        var parts: Set<MessageID>
        let intents: [MessageID: SimulatedClient.Intent]
    }

    struct Spool {
        let name: ServerName
        var fileCount: Int64
        var bytes: Int64
        /// nil for what the spool does not know.
        var statuses: [MessageID: FileStatus]
    }

    var machines: [Machine]
    var spools: [Spool]

    /// Asking changes the spools: only for the end.
    init(_ world: World) {
        machines = world.clients.map { client in
            let rows = client.disk.files.map { ($0.id, Row(state: $0.state, reason: $0.reason)) }
            return Machine(
                address: client.address, rows: Dictionary(rows) { $1 }, received: client.files.received,
                parts: client.files.partIDs, intents: client.intents)
        }
        spools = world.nodes.map { node in
            let disk = node.spool.disk
            var spool = Spool(name: node.name, fileCount: 0, bytes: 0, statuses: [:])
            if case .usage(let files, let bytes)? = disk.perform([.usage]).first {
                (spool.fileCount, spool.bytes) = (files, bytes)
            }
            for file in world.files.order.compactMap({ world.files.files[$0] }) where file.from.server == node.name {
                spool.statuses[file.id] = FileHoldings.status(of: file, in: disk)
            }
            return spool
        }
    }

    private static func status(of file: FileLedger.File, in disk: SpoolStore) -> FileStatus? {
        let owner = file.from.user
        // What is not known answers so, and what is known is not changed by a place that it does not have.
        let probe = SpoolRequest.write(owner: owner, id: file.id, index: .max, data: [0], at: 0)
        if case .refused(let refusal)? = disk.perform([probe]).first, refusal.code == .noFile { return nil }
        let spooled = SpooledFile(id: file.id, to: file.to, chunks: Int64(file.content.words.count))
        guard case .status(let status)? = disk.perform([.begin(owner: owner, spooled, at: 0)]).first else { return nil }
        return status
    }

    func status(of file: FileLedger.File) -> FileStatus? {
        spools.first { $0.name == file.from.server }?.statuses[file.id]
    }

    func machine(of address: Address) -> Machine? { machines.first { $0.address == address } }
}

extension FileLedger {
    func check(_ holdings: FileHoldings) -> [Complaint] {
        var found: [Complaint] = []
        func complain(_ kind: Complaint.Kind, _ text: String) { found.append(Complaint(kind: kind, text: text)) }
        for machine in holdings.machines { check(machine, complain) }
        for spool in holdings.spools where isHonest(spool.name) { check(spool, complain) }
        for file in order.compactMap({ files[$0] }) where !isOfLiar(file) && !isUnsure(file) {
            let author = holdings.machine(of: file.from)?.rows[file.id]
            check(file, author, holdings.status(of: file), complain)
            for machine in holdings.machines where machine.address != file.from && isHonest(machine.address) {
                check(file, machine, author, holdings.status(of: file), complain)
            }
        }
        return found
    }

    /// Whatever lies under a name is whole, and is there for whom it was meant.
    private func check(_ machine: FileHoldings.Machine, _ complain: (Complaint.Kind, String) -> Void) {
        let address = machine.address
        for received in machine.received {
            guard let file = files[received.id] else {
                complain(.forged, "\(address) has \(received.id), which nobody offered")
                continue
            }
            if !isWhole(received.content, file) { complain(.notWhole, "\(address) has something else as \(file.id)") }
            if !file.isFor(address) { complain(.leaked, "\(address) has \(file.id), which is not for them") }
        }
        for (id, row) in machine.rows.sorted(by: { $0.key < $1.key }) {
            guard let file = files[id] else {
                complain(.forged, "\(address) knows \(id), which nobody offered")
                continue
            }
            // A part that a crash left behind its record is used, or replaced, by the next attempt.
            if row.state == .complete, machine.parts.contains(id) {
                complain(.spool, "\(address) has \(id) whole and keeps a part of it")
            }
            if row.state == .complete, file.from != address, !machine.received.contains(where: { $0.id == id }) {
                complain(.notWhole, "\(address) calls \(id) complete and does not have it")
            }
        }
    }

    /// What has ended takes no room.
    private func check(_ spool: FileHoldings.Spool, _ complain: (Complaint.Kind, String) -> Void) {
        let open = spool.statuses.values.filter { $0.outcome == nil }
        let bytes = open.reduce(0) { $0 + $1.chunks * Int64(FileChunk.sealedBytesMax) }
        if spool.fileCount != Int64(open.count) || spool.bytes != bytes {
            complain(.spool, "\(spool.name) has \(spool.fileCount) files in \(spool.bytes) bytes, not in \(bytes)")
        }
    }

    /// The author's word.
    private func check(
        _ file: File, _ author: FileHoldings.Row?, _ status: FileStatus?,
        _ complain: (Complaint.Kind, String) -> Void
    ) {
        guard let author else {
            if isAccepted(file) { complain(.lost, "\(file.id) is offered, and its author knows nothing of it") }
            if status != nil { complain(.spool, "\(file.id) is spooled, and its author knows nothing of it") }
            return
        }
        func disagree() { complain(.disagreeing, "\(file.id) is \(author.state), and spooled as \(status as Any)") }
        switch author.state {
        case .sending, .receiving: complain(.unsettled, "\(file.id) is still \(author.state): \(author.reason as Any)")
        case .offered:
            if !isAccepted(file) { complain(.unsettled, "\(file.id) is whole and was never offered") }
            if status?.outcome != nil || status?.held != status?.chunks || status == nil { disagree() }
        case .complete: if status?.outcome != .received || file.to == .everyone { disagree() }
        case .cancelled:
            let isTakenBack = takenBack.contains(file.id) && (status == nil || status?.outcome == .cancelled)
            if !isTakenBack, status?.outcome != .declined || file.to == .everyone { disagree() }
        case .failed:
            // So it does where its node refused the offer, as a full disk does.
            if changed[file.id] == nil, !isRefused(file) {
                complain(.unsettled, "\(file.id) failed: \(author.reason as Any)")
            }
            if status != nil, status?.outcome != .cancelled { disagree() }
        }
    }

    /// What became of it where it was offered.
    private func check(
        _ file: File, _ machine: FileHoldings.Machine, _ author: FileHoldings.Row?, _ status: FileStatus?,
        _ complain: (Complaint.Kind, String) -> Void
    ) {
        let (address, intent) = (machine.address, machine.intents[file.id])
        guard let row = machine.rows[file.id] else {
            if isShown(file.id, to: address) { complain(.lost, "\(address) was offered \(file.id) and forgot it") }
            return
        }
        if !file.isFor(address) { complain(.leaked, "\(address) was offered \(file.id), which is not for them") }
        let isEnded = author?.state == .cancelled || author?.state == .failed
        switch row.state {
        case .sending, .receiving: complain(.unsettled, "\(address) is still \(row.state) \(file.id)")
        case .complete, .cancelled: break
        case .offered:
            if intent != .ignore {
                complain(.unsettled, "\(address) wants to \(intent as Any) \(file.id), still offered")
            }
        case .failed:
            guard !isEnded else { break }
            complain(.unsettled, "\(address) failed to fetch \(file.id): \(row.reason as Any)")
        }
        if intent == .accept, row.state != .complete, !isEnded {
            complain(.unsettled, "\(address) wants \(file.id), and it is \(row.state)")
        }
        guard file.to == .direct(address) else { return }
        let outcomes: [FileOutcome?] =
            switch row.state {
            // Its author may have taken it back while it was on its last steps.
            case .complete: [.received, .cancelled]
            case .cancelled: [.declined, .cancelled]
            case .failed: [.cancelled]
            case .offered, .sending, .receiving: [nil, .cancelled]
            }
        if !outcomes.contains(status?.outcome) {
            complain(.disagreeing, "\(address) has \(file.id) as \(row.state), its node as \(status as Any)")
        }
        if author?.state == .complete, row.state != .complete {
            complain(.disagreeing, "\(file.id) is complete, and \(row.state) with \(address)")
        }
    }
}
