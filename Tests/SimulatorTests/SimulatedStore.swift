import Bytes
import Node
import Store
import Wire

/// The store of one node with its thread: what came in while a batch was under way is committed by the next, and each
/// step takes a while. The database survives its node.
final class SimulatedStore {
    enum CrashPoint: CaseIterable {
        /// The requests are lost.
        case beforeCommit
        /// They are on disk and nobody was told.
        case afterCommit
    }

    let disk: NodeStore
    private unowned let world: World
    private let name: ServerName
    private var random: SplitMix64
    private var waiting: [(tag: UInt64, NodeRequest)] = []
    private var isBusy = false
    private var life = 0
    /// Messages of this node's own people that are on disk.
    private var kept: Set<MessageKey> = []
    private var lastAnswer = Instant(nanoseconds: 0)
    private var answer: ([(tag: UInt64, reply: NodeReply)]) -> Void = { _ in }
    /// How long a commit takes.
    var commitMilliseconds: ClosedRange<Int64> = 0...4
    /// What the next commit runs into.
    var crashPoint: (point: CrashPoint, crash: () -> Void)?
    /// The disk takes no changes.
    var isFull = false

    init(_ world: World, name: ServerName, accounts: [UserName]) throws {
        self.world = world
        self.name = name
        random = world.random.fork()
        disk = try NodeStore(path: ":memory:", epoch: Epoch(random.next()), now: world.wall)
        _ = disk.perform(accounts.map { .saveAccount($0, verifier: "none", entryDigest: [1], at: world.wall) })
    }

    func begin(_ answer: @escaping ([(tag: UInt64, reply: NodeReply)]) -> Void) {
        life += 1
        isBusy = false
        self.answer = answer
    }

    func crash() {
        life += 1
        waiting = []
    }

    func submit(_ requests: [(tag: UInt64, NodeRequest)]) {
        waiting += requests
        if !isBusy { take() }
    }

    private func take() {
        guard !waiting.isEmpty else { return }
        isBusy = true
        let batch = Array(waiting.prefix(NodeStore.batchRequestsMax))
        waiting.removeFirst(batch.count)
        after(random.milliseconds(commitMilliseconds)) { [unowned self] in
            let point = crashPoint
            if let point, point.point == .beforeCommit {
                crashPoint = nil
                return point.crash()
            }
            let replies = isFull ? batch.map { refuse($0.1) } : disk.perform(batch.map(\.1))
            for (request, reply) in zip(batch, replies) { note(request.1, reply) }
            if let point {
                crashPoint = nil
                return point.crash()
            }
            lastAnswer = max(lastAnswer, world.now.advanced(by: random.milliseconds(0...2)))
            after(lastAnswer.since(world.now)) { [unowned self] in
                answer(zip(batch, replies).map { (tag: $0.tag, reply: $1) })
            }
            isBusy = false
            take()
        }
    }

    private func after(_ duration: Duration, _ body: @escaping () -> Void) {
        world.at(world.now.advanced(by: duration)) { [unowned self, life] in if life == self.life { body() } }
    }

    /// What a full disk answers: reads go on, and so do retries.
    private func refuse(_ request: NodeRequest) -> NodeReply {
        switch request {
        case .accept(let envelope, _, _, _, _) where kept.contains(MessageKey(envelope)):
            disk.perform([request]).first ?? .done
        case .refusals, .outbox, .streams, .accounts, .devices, .token, .history, .heads:
            disk.perform([request]).first ?? .done
        default: .failed(Refusal(.storeFailed, "the disk is full"))
        }
    }

    private func note(_ request: NodeRequest, _ reply: NodeReply) {
        guard world.impostor?.store !== self else { return }
        switch (request, reply) {
        case (.accept(let envelope, _, _, _, _), .accepted(let acceptance)):
            kept.insert(MessageKey(envelope))
            guard !acceptance.isDuplicate else { return }
            world.trace("\(name) commits \(envelope.id) of \(envelope.from) to \(envelope.to) at \(acceptance.seq)")
            world.ledger.committed(envelope, at: name)
        case (.receive(let peer, _, let seq, let envelope, _, _), .committed(let place, let isDuplicate)):
            guard !isDuplicate else { return }
            world.trace("\(name) commits \(envelope.id) of \(envelope.from), \(seq) of \(peer), at \(place)")
            world.ledger.committed(envelope, at: name)
        default: break
        }
    }
}
