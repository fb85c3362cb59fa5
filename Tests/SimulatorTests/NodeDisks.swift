import Node
import Store
import Wire

/// What lasts of a node: both databases and the mark beside the first.
struct NodeDisks {
    private(set) var messages: Database
    private(set) var spool: Database
    let marks = SimulatedMarks()
    /// To be given back when the run is over.
    private let lent: [EmptyDatabase]

    init() throws {
        let messages = try EmptyDatabase.take(.messages)
        let spool = try EmptyDatabase.take(.spool)
        (self.messages, self.spool) = (messages.database, spool.database)
        lent = [messages, spool]
    }

    func openStore(epoch: Epoch, now: Int64) throws -> NodeStore {
        try NodeStore(messages, marks: marks, epoch: epoch, now: now)
    }

    mutating func putMessages(_ contents: [UInt8]) throws { messages = try Database(contents: contents) }
    mutating func putSpool(_ contents: [UInt8]) throws { spool = try Database(contents: contents, isBulk: true) }

    /// Nobody uses any of them any more.
    func giveBack() { for database in lent { database.giveBack() } }
}

/// The file with the mark.
final class SimulatedMarks: LifeMarkKeeper {
    /// Oldest first; what stands behind the first one has not reached the disk for sure.
    private var written: [LifeMark] = []
    private static let unsureMax = 3

    func read() -> LifeMark? { written.last }

    func write(_ mark: LifeMark, isSynced: Bool) {
        written = isSynced ? [mark] : (written + [mark]).suffix(SimulatedMarks.unsureMax)
    }

    func losePower(using random: inout SplitMix64) {
        guard written.count > 1 else { return }
        written.removeLast(Int.random(in: 0..<written.count, using: &random))
    }

    func put(_ mark: LifeMark?) { written = mark.map { [$0] } ?? [] }
}

/// What somebody copied of a node's disks at one moment, and what the books said of it then.
struct Backup {
    let messages: [UInt8]
    let spool: [UInt8]
    let mark: LifeMark?
    let books: Books
    let streams: Streams

    /// What a mark would say of it.
    var position: LifeMark { LifeMark(epoch: streams.epoch, position: Int64(books.count)) }

    func stream(of peer: ServerName) -> Streams.Peer? { streams.peers.first { $0.server == peer } }
}

/// What becomes of one part of a node's disks when a backup is put back.
enum RestoredPart: CaseIterable {
    /// It is as it was before.
    case stays
    /// It goes back, too.
    case goesBack
    case isLost
}

extension SimulatedNode {
    /// What the driver does at each start.
    func openStores() throws {
        store.disk = try disks.openStore(epoch: Epoch(random.next()), now: wall)
        spool.disk = try SpoolStore(disks.spool)
        _ = store.disk.perform(setup.admin.map { .saveAccount($0.user, verifier: "none", entryDigest: [1], at: wall) })
        if store.disk.isRestored { renewed(atOpening: true) }
    }

    /// The store has a new epoch.
    func renewed(atOpening isAtOpening: Bool) {
        guard world.impostor !== self else { return }
        world.trace("\(name) finds its store put back\(isAtOpening ? "" : ", as others show")")
        world.counts.noticedByMark += isAtOpening ? 1 : 0
        world.counts.noticedByPeers += isAtOpening ? 0 : 1
        world.ledger.renewed(name, life: life)
    }

    func streams() -> Streams? {
        guard case .streams(let streams)? = store.disk.perform([.streams]).first else { return nil }
        return streams
    }

    func backUp() {
        do {
            let (messages, spool) = (try disks.messages.contents(), try disks.spool.contents())
            guard let streams = streams() else { return }
            let books = world.ledger.books[name] ?? Books()
            backups.append(
                Backup(messages: messages, spool: spool, mark: disks.marks.read(), books: books, streams: streams))
            world.counts.backups += 1
            world.trace("\(name) is backed up with \(books.count) messages")
        } catch { world.ledger.complain(.invariant, "\(name) cannot be backed up: \(error)") }
    }

    /// Puts a backup back, or an empty disk, while the node is down.
    func restore(_ backup: Backup?, mark: RestoredPart, spool: RestoredPart) throws {
        guard !isUp else { return }
        let count = backup?.books.count ?? 0
        world.trace("\(name) is put back to \(count) messages; its mark \(mark), its spool \(spool)")
        world.counts.restores += 1
        try disks.putMessages(backup?.messages ?? [])
        switch mark {
        case .stays: break
        case .goesBack: disks.marks.put(backup?.mark)
        case .isLost: disks.marks.put(nil)
        }
        if spool != .stays {
            try disks.putSpool(spool == .goesBack ? backup?.spool ?? [] : [])
            world.files.wentBack(name)
        }
        world.ledger.restored(
            name, to: backup?.books, life: life + 1, at: world.now, isMarked: isMarked(backup),
            witnesses: backup.map(witnesses) ?? [])
    }

    private func isMarked(_ backup: Backup?) -> Bool {
        guard let backup, let mark = disks.marks.read() else { return false }
        return mark.epoch != backup.position.epoch || backup.position.position < mark.position
    }

    /// Who has places that this node, as it is in the backup, did not give out. Whoever has less from it than was
    /// acknowledged sends the rest again, with or without an epoch of its own.
    private func witnesses(against backup: Backup) -> [ServerName] {
        world.honestNodes.filter { peer in
            let known = peer.streams()?.peers.first { $0.server == name }
            guard let inbound = known?.inbound, inbound.epoch == backup.streams.epoch else { return false }
            return inbound.through > backup.stream(of: peer.name)?.last ?? 0
        }.map(\.name)
    }
}
