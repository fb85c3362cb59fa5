import Bytes
import Wire

/// What one node has committed, as far as nobody took it away again.
struct Books {
    /// In the order of their numbers.
    private(set) var places: [Place: [MessageKey]] = [:]
    private(set) var entries: [MessageKey: Entry] = [:]

    struct Entry: Equatable {
        let seq: Int64
        /// Which of all commits of the run: what is lost and comes again may get the same number.
        let commit: Int
    }

    var count: Int { entries.count }

    /// False if the number is not the next one, or the message is there already.
    mutating func add(_ envelope: Envelope, at seq: Int64, commit: Int) -> Bool {
        let key = MessageKey(envelope)
        let isNew = entries.updateValue(Entry(seq: seq, commit: commit), forKey: key) == nil
        places[Place(envelope), default: []].append(key)
        return isNew && places[Place(envelope)]?.count == Int(seq)
    }
}

/// One time that a node was put back from a backup.
struct Restore {
    let server: ServerName
    /// The life of the node that began with it.
    let life: Int
    let at: Instant
    /// What the node had, and has not any more.
    let lost: Set<MessageKey>
    /// What it has from an earlier commit.
    let moved: Set<MessageKey>
    /// Its mark is ahead of the database: the node cannot miss it.
    var isMarked: Bool
    /// Others who can show it, as they have, or acknowledged, more than the node knows.
    var witnesses: [ServerName]
    /// The store is a new one, with an epoch of its own.
    let isFresh: Bool
}

/// Restores, and what clients and nodes make of them.
extension Ledger {
    /// The last time that the node lost this message.
    func lastLoss(of key: MessageKey, at server: ServerName) -> Restore? {
        restores.last { $0.server == server && $0.lost.contains(key) }
    }

    /// Whether the node lost it, or had it elsewhere, between two of its lives.
    func isDisplaced(_ key: MessageKey, at server: ServerName, after life: Int, through last: Int = .max) -> Bool {
        restores.contains {
            $0.server == server && $0.life > life && $0.life <= last
                && ($0.lost.contains(key) || $0.moved.contains(key))
        }
    }

    func isPutBack(_ server: ServerName, after life: Int, through last: Int) -> Bool {
        restores.contains { $0.server == server && $0.life > life && $0.life <= last }
    }

    func isPutBackAgain(_ server: ServerName) -> Bool { restores.count { $0.server == server } > 1 }

    /// Somebody must have noticed each restore that anybody can know of, and nothing else may look like one.
    func checkRestores(_ complain: (Complaint.Kind, String) -> Void) {
        for (server, lives) in renewals.sorted(by: { $0.key < $1.key }) where !liars.contains(server) {
            for life in Set(lives) where lives.count(where: { $0 == life }) > 1 {
                complain(.restore, "\(server) began anew more than once in life \(life)")
            }
            guard liars.isEmpty else { continue }
            var before = 0
            for life in lives {
                let isFounded = restores.contains { $0.server == server && $0.life > before && $0.life <= life }
                if !isFounded { complain(.restore, "\(server) began anew in life \(life) for no reason") }
                before = life
            }
        }
        for (index, restore) in restores.enumerated() where !liars.contains(restore.server) {
            let later = restores[(index + 1)...]
            guard !later.contains(where: { $0.server == restore.server }), !restore.isFresh,
                !(renewals[restore.server] ?? []).contains(where: { $0 >= restore.life })
            else { continue }
            if restore.isMarked { complain(.restore, "\(restore.server) was put back, and did not see it by its mark") }
            let witnesses = restore.witnesses.filter { witness in
                !liars.contains(witness) && !later.contains { $0.server == witness }
            }
            guard let witness = witnesses.first else { continue }
            complain(.restore, "\(restore.server) was put back, and \(witness) knew more and did not show it")
        }
    }

    /// Whether a message of its author's node may be gone there: its end was known before, so that nobody sends it
    /// again, and its author's clients have been told since.
    func isExcused(_ key: MessageKey) -> Bool {
        guard let loss = lastLoss(of: key, at: key.from.server),
            endTold[key, default: []].contains(where: { $0 < loss.life })
        else { return false }
        return isTold(loss, to: key.from)
    }

    func isTold(_ restore: Restore, to address: Address) -> Bool {
        let clients = Set(lives.filter { $0.address == address }.map(\.client))
        return clients.allSatisfy { client in toldBack[client, default: []].contains { $0 >= restore.life } }
    }
}
