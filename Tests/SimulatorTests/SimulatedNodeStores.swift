import Node
import Store
import Wire

/// The disks of a node: what they answer when they are full, and what the books hear of them.
extension SimulatedNode {
    func beginStores() {
        store.begin { [unowned self, life] in if life == self.life, isUp { stored($0) } }
        spool.begin { [unowned self, life] in if life == self.life, isUp { handle(.spooled($0)) } }
    }

    func watchStores() {
        let full = Refusal(.storeFailed, "the disk is full")
        store.refuse = { [unowned self] request in
            switch request {
            // Reads go on, and so do retries.
            case .accept(let envelope, _, _, _, _) where world.ledger.isOnDisk(MessageKey(envelope), at: name): nil
            case .refusals, .outbox, .streams, .accounts, .devices, .token, .states, .history, .heads, .recognise: nil
            default: .failed(full)
            }
        }
        spool.refuse = { request in
            switch request {
            case .read, .usage: nil
            case .begin, .write, .end, .purge: .failed(full)
            }
        }
        // The impostor's disks are nobody's business.
        store.note = { [unowned self] in if world.impostor !== self { noted($0, $1) } }
        spool.note = { [unowned self] in if world.impostor !== self { world.files.spooled($0, $1, at: name) } }
    }

    func storesAreFast() {
        store.commitMilliseconds = 0...4
        spool.commitMilliseconds = 0...4
    }

    private func noted(_ request: NodeRequest, _ reply: NodeReply) {
        switch (request, reply) {
        case (.accept(let envelope, _, _, _, _), .accepted(let acceptance)):
            guard !acceptance.isDuplicate else { return }
            world.trace("\(name) commits \(envelope.id) of \(envelope.from) to \(envelope.to) at \(acceptance.seq)")
            world.ledger.committed(envelope, acceptance.seq, at: name, wall: wall)
        case (.receive(let peer, _, let seq, let envelope, _, _), .committed(let place, let isDuplicate)):
            guard !isDuplicate else {
                world.counts.replays += 1
                return
            }
            world.trace("\(name) commits \(envelope.id) of \(envelope.from), \(seq) of \(peer), at \(place)")
            world.ledger.committed(envelope, place, at: name, wall: wall)
        case (.renewEpoch, .done): renewed(atOpening: false)
        case (.purge(let at), .purged): world.ledger.purged(at: at, by: name)
        default: break
        }
    }
}
