import Federation
import Testing
import Wire

/// A store in memory with a disk's habits: what it is asked to do is done later, in order, and what was not done when
/// the node crashed never was.
struct FakeStore {
    struct Streams {
        /// All rows ever, so that a rewind can go back to the first.
        var rows: [OutboxRow] = []
        var acknowledged: Int64 = 0
        var peerEpoch: Epoch?
        var received: StreamPosition.Received?
        var refusals: [StreamRefusal] = []
        /// Which of our places the peer refused, as far as it told.
        var refusedByPeer: Set<Int64> = []
        var delivered: [MessageID] = []
        var hasDelivered: Set<MessageID> = []
        var pin: KeyPin?
    }

    let name: ServerName
    var epoch: Epoch
    /// What each earlier run had given out when it ended.
    private var lastPlaces: [Run: [ServerName: Int64]] = [:]
    private(set) var run = Run(0)
    /// After a restore a message may come again; before, it must not.
    var expectsRepeats = false
    private(set) var streams: [ServerName: Streams] = [:]

    init(name: ServerName, epoch: Epoch, peers: [ServerName]) {
        self.name = name
        self.epoch = epoch
        for peer in peers { streams[peer] = Streams() }
    }

    var records: [ServerName: PeerRecord] {
        var records: [ServerName: PeerRecord] = [:]
        for (name, stream) in streams {
            records[name] = PeerRecord(
                pin: stream.pin, peerEpoch: stream.peerEpoch, acknowledged: stream.acknowledged,
                last: Int64(stream.rows.count), received: stream.received,
                lastPlaces: lastPlaces.compactMapValues { $0[name] })
        }
        return records
    }

    /// The node starts once more.
    mutating func beginRun(_ next: Run) {
        lastPlaces[run] = streams.mapValues { Int64($0.rows.count) }
        run = next
    }

    /// - Returns: the row's sequence number.
    mutating func append(_ envelope: Envelope?, to peer: ServerName) -> Int64 {
        let seq = Int64((streams[peer]?.rows.count ?? 0)) + 1
        streams[peer]?.rows.append(OutboxRow(seq: seq, envelope: envelope))
        return seq
    }

    /// Performs one action of a mesh. People whose name begins with `nobody` do not exist here.
    mutating func perform(_ action: MeshAction) -> MeshEvent? {
        switch action {
        case .pin(let peer, let key):
            streams[peer]?.pin = KeyPin(key)
            return .pinned(peer, key)
        case .repin(let peer, let pin):
            streams[peer]?.pin = pin
            return .pinned(peer, pin.key)
        case .beginInbound(let peer, let epoch, let first, let run):
            let known = streams[peer]?.received.flatMap { $0.epoch == epoch ? $0 : nil }
            if known == nil { streams[peer]?.refusals = [] }
            let through = max(first - 1, known?.through ?? 0)
            streams[peer]?.received = StreamPosition.Received(epoch: epoch, through: through, run: run)
            return nil
        case .commit(let peer, let epoch, let seq, let envelope, let refusal):
            return commit(peer, epoch, seq, envelope, refusal)
        case .commitSkip(let peer, let epoch, let seq, let refusal): return commit(peer, epoch, seq, nil, refusal)
        case .readOutbox(let peer, let after, let countMax, let bytesMax):
            return readOutbox(peer, after, countMax, bytesMax)
        case .acknowledge(let peer, let through, let refused):
            let before = streams[peer]?.acknowledged ?? 0
            streams[peer]?.acknowledged = max(before, through)
            streams[peer]?.refusedByPeer.formUnion(refused.map(\.seq))
            return nil
        case .rewind(let peer, let epoch):
            streams[peer]?.acknowledged = 0
            streams[peer]?.peerEpoch = epoch
            return .rewound(peer, epoch, first: 1)
        case .readRefusals(let peer, let epoch, let after, let through, let countMax):
            let all = streams[peer]?.refusals.filter { $0.seq > after && $0.seq <= through } ?? []
            // Small parts, so that parts are seen at all.
            let part = Array(all.prefix(min(countMax, 3)))
            return .refusalsRead(peer, epoch, after: after, through: through, part, hasMore: part.count < all.count)
        default: return nil
        }
    }

    private mutating func commit(
        _ peer: ServerName, _ epoch: Epoch, _ seq: Int64, _ envelope: Envelope?, _ refusal: Refusal?
    ) -> MeshEvent {
        var refused: [StreamRefusal] = []
        let before = streams[peer]?.received
        #expect(before?.epoch == epoch && before?.through == seq - 1)
        streams[peer]?.received = StreamPosition.Received(epoch: epoch, through: seq, run: before?.run)
        var refusal = refusal
        if case .direct(let address)? = envelope?.to, address.user.text.hasPrefix("nobody") {
            refusal = Refusal(.unknownUser, "")
        }
        if let refusal {
            refused = [StreamRefusal(seq: seq, refusal: refusal)]
            streams[peer]?.refusals += refused
        } else if let id = envelope?.id {
            if streams[peer]?.hasDelivered.insert(id).inserted ?? false {
                streams[peer]?.delivered.append(id)
            } else {
                #expect(expectsRepeats, "\(name) got \(id) twice")
            }
        }
        return .committed(peer, epoch, through: seq, refused: refused)
    }

    private func readOutbox(_ peer: ServerName, _ after: Int64, _ countMax: Int, _ bytesMax: Int) -> MeshEvent {
        let behind = (streams[peer]?.rows ?? []).dropFirst(Int(after))
        var bytes = 0
        let rows = behind.prefix(countMax).prefix { row in
            bytes += row.envelope?.linkBytes ?? 0
            return row.seq == after + 1 || bytes <= bytesMax
        }
        return .outboxRead(peer, after: after, Array(rows), hasMore: rows.count < behind.count)
    }
}
