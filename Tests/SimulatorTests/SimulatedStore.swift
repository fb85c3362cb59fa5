import Bytes
import Store

enum CrashPoint: CaseIterable {
    /// The requests are lost.
    case beforeCommit
    /// They are on disk and nobody was told.
    case afterCommit
}

/// A store of one node with its thread: what came in while a batch was under way is committed by the next, and each
/// step takes a while. The database survives its node.
final class SimulatedStore<Disk: BatchStore> {
    /// Opened anew by each life of its node.
    var disk: Disk
    private unowned let world: World
    private var random: SplitMix64
    private var waiting: [(tag: UInt64, Disk.Request)] = []
    private var isBusy = false
    private var life = 0
    private var lastAnswer = Instant(nanoseconds: 0)
    private var answer: ([(tag: UInt64, reply: Disk.Reply)]) -> Void = { _ in }
    /// What a full disk answers; nil for what it does all the same.
    var refuse: (Disk.Request) -> Disk.Reply? = { _ in nil }
    /// Is told what has been committed.
    var note: (Disk.Request, Disk.Reply) -> Void = { _, _ in }
    /// How long a commit takes.
    var commitMilliseconds: ClosedRange<Int64> = 0...4
    /// What the next commit runs into.
    var crashPoint: (point: CrashPoint, crash: () -> Void)?
    /// The disk takes no changes.
    var isFull = false

    init(_ world: World, _ disk: Disk) {
        self.world = world
        self.disk = disk
        random = world.random.fork()
    }

    func begin(_ answer: @escaping ([(tag: UInt64, reply: Disk.Reply)]) -> Void) {
        life += 1
        isBusy = false
        self.answer = answer
    }

    func crash() {
        life += 1
        waiting = []
    }

    func submit(_ requests: [(tag: UInt64, Disk.Request)]) {
        waiting += requests
        if !isBusy { take() }
    }

    private func take() {
        guard !waiting.isEmpty else { return }
        isBusy = true
        let batch = Array(waiting.prefix(Disk.batchRequestsMax))
        waiting.removeFirst(batch.count)
        after(random.milliseconds(commitMilliseconds)) { [unowned self] in
            let point = crashPoint
            if let point, point.point == .beforeCommit {
                crashPoint = nil
                return point.crash()
            }
            let replies = isFull ? batch.compactMap { performOnFullDisk($0.1) } : disk.perform(batch.map(\.1))
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

    private func performOnFullDisk(_ request: Disk.Request) -> Disk.Reply? {
        refuse(request) ?? disk.perform([request]).first
    }

    private func after(_ duration: Duration, _ body: @escaping () -> Void) {
        world.at(world.now.advanced(by: duration)) { [unowned self, life] in if life == self.life { body() } }
    }
}
