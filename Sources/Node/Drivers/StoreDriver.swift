import Bytes
import Net
import Store
import Wire

/// What a store answers where it could not do what it was asked.
protocol FallibleReply: Sendable {
    static func failed(_ refusal: Refusal) -> Self
    var failure: Refusal? { get }
}

extension NodeReply: FallibleReply {
    var failure: Refusal? { if case .failed(let refusal) = self { refusal } else { nil } }
}

extension SpoolReply: FallibleReply {
    var failure: Refusal? { if case .failed(let refusal) = self { refusal } else { nil } }
}

/// A store on a thread of its own, as the node's loop sees it. What one event asks is handed over together, so that one
/// commit can carry it; answers come back on the loop.
final class StoreDriver<Store: BatchStore> where Store.Reply: FallibleReply {
    private let name: String
    private let loop: EventLoop
    private let log: Log
    private var inbox: Inbox<[(UInt64, Store.Reply)]>?
    private var thread: StoreThread<Store>?
    private var requests: [(tag: UInt64, Store.Request)] = []
    /// Who waits for an answer, beside the hub.
    private var askers: [UInt64: (Store.Reply) -> Void] = [:]
    private var lastAsked: UInt64 = 0
    /// Failures since the log was told of some, which was at `toldAt`.
    private var untoldFailures = 0
    private var toldAt: Instant?
    /// Takes the answers to the hub's requests, in their order.
    private let answer: ([(tag: UInt64, reply: Store.Reply)]) -> Void

    /// Tags of the driver's own requests; the hub's count up from 1.
    private static var ownTags: UInt64 { 1 << 63 }
    /// A full disk fails every request, and gets no fuller by words about it.
    private static var tellInterval: Duration { .seconds(10) }

    /// - Parameter name: for the log.
    init(
        _ name: String, loop: EventLoop, log: Log,
        answer: @escaping ([(tag: UInt64, reply: Store.Reply)]) -> Void
    ) {
        self.name = name
        self.loop = loop
        self.log = log
        self.answer = answer
        inbox = loop.makeInbox { [weak self] batches in
            for batch in batches { self?.answered(batch) }
        }
    }

    /// Takes the store over. Until then nothing that is asked is done.
    func begin(_ store: sending Store) throws(StoreError) {
        guard let inbox else { return }
        thread = try StoreThread(store) { inbox.post($0) }
    }

    /// Of the hub; handed over with the next `submit`.
    func append(_ request: Store.Request, tag: UInt64) { requests.append((tag, request)) }

    /// Asks something that only the driver needs to know; handed over with the next `submit`.
    func ask(_ request: Store.Request, _ body: @escaping (Store.Reply) -> Void) {
        lastAsked += 1
        let tag = Self.ownTags | lastAsked
        askers[tag] = body
        requests.append((tag, request))
    }

    /// Hands over what came up since the last time.
    func submit() {
        guard !requests.isEmpty else { return }
        let batch = requests
        requests.removeAll(keepingCapacity: true)
        guard thread?.submit(batch) != true else { return }
        let refusal = Refusal(.busy, "the \(name) has too much to do; try again in a moment")
        answered(batch.map { ($0.tag, .failed(refusal)) })
    }

    private func answered(_ batch: [(UInt64, Store.Reply)]) {
        tell(batch.compactMap { $0.1.failure })
        var replies: [(tag: UInt64, reply: Store.Reply)] = []
        for (tag, reply) in batch {
            if tag < Self.ownTags {
                replies.append((tag, reply))
            } else {
                askers.removeValue(forKey: tag)?(reply)
            }
        }
        if !replies.isEmpty { answer(replies) }
    }

    private func tell(_ failures: [Refusal]) {
        guard let first = failures.first else { return }
        untoldFailures += failures.count
        if let toldAt, loop.now.since(toldAt) < Self.tellInterval { return }
        log.write(.alarm, "\(name) failed", [("reason", first.text), ("requests", String(untoldFailures))])
        untoldFailures = 0
        toldAt = loop.now
    }

    /// Requests that wait for the thread.
    var queuedCount: Int { thread?.queuedCount ?? 0 }

    /// What is committed is safe without the store's last tidying, and what is not was accepted to nobody.
    func close(withinSeconds seconds: Int) {
        if thread?.close(withinSeconds: seconds) == false {
            log.write(.warning, "the \(name) is still busy; leaving it")
        }
        thread = nil
    }
}
