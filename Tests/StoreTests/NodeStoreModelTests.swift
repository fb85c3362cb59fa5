import Store
import Testing
import Wire

/// The store in a page of plain values, without bounds or damage.
private struct Model {
    struct Row {
        let id: MessageID
        let envelope: Envelope
        var isSettled = false
        var isRefused = false
        var isReported = false
    }

    var conversations: [String: [Envelope]] = [:]
    var places: [String: (envelope: Envelope, seq: Int64)] = [:]
    var states: [MessageID: MessageState.State] = [:]
    var outboxes: [ServerName: [Row]] = [:]
    var acknowledged: [ServerName: Int64] = [:]
    var inbound: (epoch: Epoch, through: Int64)?
    var refusals: [Int64: Refusal.Code] = [:]

    static func key(_ envelope: Envelope) -> String {
        guard case .direct(let other) = envelope.to else { return "public" }
        return [envelope.from.text, other.text].sorted().joined(separator: " ")
    }

    static func name(_ envelope: Envelope) -> String { envelope.from.text + envelope.id.text }

    /// nil if the id belongs to another message.
    mutating func insert(_ envelope: Envelope) -> (seq: Int64, isDuplicate: Bool)? {
        if let known = places[Model.name(envelope)] {
            return known.envelope == envelope ? (known.seq, true) : nil
        }
        conversations[Model.key(envelope), default: []].append(envelope)
        let seq = Int64(conversations[Model.key(envelope), default: []].count)
        places[Model.name(envelope)] = (envelope, seq)
        return (seq, false)
    }

    func waiting(_ id: MessageID) -> [ServerName] {
        outboxes.filter { $0.value.contains { $0.id == id && !$0.isSettled } }.keys.sorted()
    }

    mutating func acknowledge(_ peer: ServerName, through: Int64, refused: Set<Int64>) -> [MessageID] {
        var rows = outboxes[peer, default: []]
        let start = acknowledged[peer, default: 0]
        guard through > start, through <= rows.count else { return [] }
        acknowledged[peer] = through
        let range = Int(start)..<Int(through)
        let settled = range.filter { !rows[$0].isSettled }
        for index in settled {
            rows[index].isSettled = true
            rows[index].isRefused = refused.contains(Int64(index + 1))
        }
        outboxes[peer] = rows
        return settled.compactMap { index in
            let row = rows[index]
            let old = states[row.id]
            if case .failed = old { return nil }
            if row.envelope.to == .everyone {
                if old == .delivered { return nil }
                if waiting(row.id).isEmpty { states[row.id] = .delivered }
                return row.id
            }
            if old == .delivered, !row.isRefused { return nil }
            states[row.id] = row.isRefused ? .failed(testRefusal) : .delivered
            return row.id
        }
    }
}

private let testRefusal = Refusal(.unknownUser, "no")

/// Performs random requests on a store and the model, and compares every answer.
private struct Play {
    var random: SplitMix64
    var model = Model()
    var store: NodeStore
    var clock: Int64 = 0
    var epochs: UInt64 = 1

    mutating func step() throws {
        clock += 1
        switch Int.random(in: 0..<12, using: &random) {
        case 0...4: try accept()
        case 5...7: try receive()
        case 8, 9: try acknowledge()
        case 10: try compareOutbox()
        default: try random.next() % 4 == 0 ? newEpochs() : expire()
        }
    }

    private mutating func number() -> UInt64 { UInt64.random(in: 0..<60, using: &random) }

    private mutating func accept() throws {
        let to =
            ["public", "bob@north", "alice@north", "dora@south", "will@west", "nobody@north"]
            .randomElement(using: &random) ?? "public"
        let from = Bool.random(using: &random) ? "alice@north" : "bob@north"
        // Ids are the author's own, in the model and in the store.
        let number = number() * 2 + (from == "bob@north" ? 1 : 0)
        let envelope = try message(number, from: from, to: to, "words \(random.next() % 2)")
        let reply = try store.perform(
            .accept(envelope, peers: [south, west], local: north, at: clock, deadline: clock + 30))
        let isKnown = model.places[Model.name(envelope)] != nil
        if !isKnown, to == "nobody@north" {
            #expect(reply.refusalCode == .unknownUser)
            return
        }
        guard let (seq, isDuplicate) = model.insert(envelope) else {
            #expect(reply.refusalCode == .idReused)
            return
        }
        var queued: [Acceptance.Queued] = []
        if !isDuplicate {
            let peers = to == "public" ? [south, west] : to == "dora@south" ? [south] : to == "will@west" ? [west] : []
            for peer in peers {
                model.outboxes[peer, default: []].append(Model.Row(id: envelope.id, envelope: envelope))
                let place = Int64(model.outboxes[peer, default: []].count)
                queued.append(Acceptance.Queued(peer: peer, seq: place))
            }
            model.states[envelope.id] = peers.isEmpty ? .delivered : .accepted(seq: seq)
        }
        let expected = Acceptance(
            seq: seq, isDuplicate: isDuplicate, state: try state(envelope.id), skipped: [], queued: queued)
        #expect(reply == .accepted(expected))
    }

    private func state(_ id: MessageID) throws -> MessageState {
        let state = try #require(model.states[id])
        let isOpen =
            switch state {
            case .accepted, .unconfirmed: true
            case .delivered, .failed: false
            }
        return MessageState(id: id, state: state, waiting: isOpen ? model.waiting(id) : [])
    }

    private mutating func receive() throws {
        let to = ["public", "bob@north", "alice@north", "nobody@north"].randomElement(using: &random) ?? "public"
        let envelope = try message(number(), from: "dora@south", to: to, "words \(random.next() % 2)")
        let inbound = model.inbound ?? (epoch: otherEpoch, through: 0)
        let seq = inbound.through + (random.next() % 4 == 0 ? Int64.random(in: -2...3, using: &random) : 1)
        let reply = try store.receive(envelope, seq: seq, epoch: inbound.epoch)
        if model.inbound == nil {
            #expect(reply == .gap(through: nil))
        } else if seq <= inbound.through {
            guard case .replay(inbound.through, let refusal) = reply else { throw Unexpected() }
            #expect(refusal?.code == model.refusals[seq])
        } else if seq > inbound.through + 1 {
            #expect(reply == .gap(through: inbound.through))
        } else {
            model.inbound = (inbound.epoch, seq)
            if to == "nobody@north" {
                model.refusals[seq] = .unknownUser
                #expect(reply.refusalCode == .unknownUser)
            } else if let (place, isDuplicate) = model.insert(envelope) {
                #expect(reply == .committed(seq: place, isDuplicate: isDuplicate))
            } else {
                model.refusals[seq] = .idReused
                #expect(reply.refusalCode == .idReused)
            }
        }
    }

    private mutating func acknowledge() throws {
        let peer = Bool.random(using: &random) ? south : west
        let last = Int64(model.outboxes[peer, default: []].count)
        let through = Int64.random(in: max(0, last - 6)...(last + 1), using: &random)
        let refused = Set((0..<2).map { _ in Int64.random(in: 0...(last + 1), using: &random) })
        let ids = model.acknowledge(peer, through: through, refused: refused)
        let settlement = try store.acknowledge(
            peer, through: through, refused: refused.map { StreamRefusal(seq: $0, refusal: testRefusal) })
        #expect(settlement.isBeyond == (through > last))
        #expect(settlement.through == model.acknowledged[peer, default: 0])
        #expect(settlement.changes.map(\.state.id) == ids)
        for (index, change) in settlement.changes.enumerated() where ids.lastIndex(of: change.state.id) == index {
            #expect(try change.state == state(change.state.id))
        }
    }

    func compareOutbox() throws {
        for peer in [south, west] {
            let rows = model.outboxes[peer, default: []].enumerated().dropFirst(
                Int(model.acknowledged[peer, default: 0]))
            let page = try store.outboxPage(peer, countMax: 100_000, bytesMax: .max)
            #expect(
                page.items
                    == rows.map { index, row in
                        OutboxPage.Item(seq: Int64(index + 1), envelope: row.isRefused ? nil : row.envelope)
                    })
        }
    }

    private mutating func newEpochs() throws {
        epochs += 1
        model.inbound = (Epoch(epochs), 0)
        model.refusals = [:]
        #expect(try store.perform(.beginInbound(from: south, epoch: Epoch(epochs), first: 1)) == .inbound(through: 0))
        #expect(try store.perform(.rewind(peer: west, epoch: Epoch(epochs))) == .rewound(first: 1))
        model.acknowledged[west] = 0
        model.outboxes[west] = model.outboxes[west, default: []].map { row in
            var row = row
            row.isSettled = row.isRefused
            return row
        }
    }

    private mutating func expire() throws {
        guard case .expired(let changes, false) = try store.perform(.expire(at: clock)) else { throw Unexpected() }
        for change in changes {
            guard case .accepted = try #require(model.states[change.state.id]) else { throw Unexpected() }
            #expect(!model.waiting(change.state.id).isEmpty)
            model.states[change.state.id] = .unconfirmed
        }
    }

    func compareAll() throws {
        try compareOutbox()
        for (key, envelopes) in model.conversations {
            let names = key.split(separator: " ").map(String.init)
            let page =
                try names.count == 2 ? store.page(names[1], of: names[0], count: 500) : store.page(count: 500)
            #expect(page.entries.map(\.envelope) == envelopes)
            #expect(page.entries.map(\.seq) == envelopes.indices.map { Int64($0 + 1) })
            #expect(page.damaged.isEmpty)
        }
    }
}

@Test(arguments: 1...12 as ClosedRange<UInt64>)
func theStoreBehavesAsItsModel(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    let isInMemory = seed.isMultiple(of: 2)
    var play = Play(
        random: SplitMix64(seed: seed), store: try openStore(isInMemory ? ":memory:" : folder.file()))
    for round in 0..<6 {
        for _ in 0..<60 { try play.step() }
        try play.compareAll()
        if !isInMemory {
            if round.isMultiple(of: 2) { try play.store.close() }
            play.store = try openStore(":memory:")
            play.store = try openStore(folder.file())
        }
    }
}
