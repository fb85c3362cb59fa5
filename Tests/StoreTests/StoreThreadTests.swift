import Glibc
import Store
import Synchronization
import Testing
import Wire

/// Gathers replies; a test waits on it with a bound.
private final class Collector<Reply: Sendable>: Sendable {
    private let replies = Mutex<[[(UInt64, Reply)]]>([])
    private nonisolated(unsafe) let arrivals = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(arrivals, 0, 0) }
    deinit {
        sem_destroy(arrivals)
        arrivals.deallocate()
    }

    func add(_ batch: [(UInt64, Reply)]) {
        replies.withLock { $0.append(batch) }
        sem_post(arrivals)
    }

    var all: [(UInt64, Reply)] { replies.withLock { $0.flatMap { $0 } } }
    var batchSizes: [Int] { replies.withLock { $0.map(\.count) } }

    func wait(for count: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += 60
        while all.count < count {
            if sem_timedwait(arrivals, &deadline) != 0, errno == ETIMEDOUT { return false }
        }
        return true
    }
}

private func accept(_ number: UInt64, from: String = "alice@north") throws -> NodeRequest {
    .accept(try message(number, from: from), peers: [south], local: north, at: 1, deadline: 9)
}

private func submitter(_ thread: StoreThread<NodeStore>, _ index: UInt64, count: UInt64) throws -> pthread_t {
    let requests = try (0..<count).map { try accept(index * 10_000 + $0) }
    final class Work {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let work = Work {
        for (offset, request) in requests.enumerated() {
            while !thread.submit([(tag: index * 10_000 + UInt64(offset), request)]) { sched_yield() }
        }
    }
    var handle = pthread_t()
    let code = pthread_create(
        &handle, nil,
        { context in
            if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, Unmanaged.passRetained(work).toOpaque())
    try #require(code == 0)
    return handle
}

@Test func manySubmittersShareCommits() throws {
    let folder = try TemporaryFolder()
    let collector = Collector<NodeReply>()
    let thread = try StoreThread(try openStore(folder.file())) { collector.add($0) }
    let (submitters, each) = (8, UInt64(250))
    let handles = try (0..<submitters).map { try submitter(thread, UInt64($0), count: each) }
    for handle in handles { pthread_join(handle, nil) }
    #expect(collector.wait(for: submitters * Int(each)))
    thread.close()
    #expect(thread.queuedCount == 0)

    let replies = collector.all
    #expect(Set(replies.map(\.0)).count == submitters * Int(each))
    #expect(replies.count == submitters * Int(each), "one reply each")
    for index in 0..<UInt64(submitters) {
        let tags = replies.map(\.0).filter { $0 / 10_000 == index }
        #expect(tags == tags.sorted(), "nobody is overtaken by himself")
    }
    // Replies come in the order of commits.
    let seqs = replies.map { reply -> Int64 in
        if case .accepted(let acceptance) = reply.1 { acceptance.seq } else { 0 }
    }
    #expect(seqs == seqs.indices.map { Int64($0 + 1) })
    let again = try openStore(folder.file())
    #expect(try again.page(count: 1).last == Int64(replies.count))
}

@Test func whatWaitsIsCommittedTogether() throws {
    let folder = try TemporaryFolder()
    let collector = Collector<NodeReply>()
    let gate = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(gate, 0, 0)
    defer { gate.deallocate() }
    let address = UInt(bitPattern: gate)
    let thread = try StoreThread(try openStore(folder.file())) { batch in
        collector.add(batch)
        // The first reply holds the thread until the others are queued.
        if batch.first?.0 == 0, let gate = UnsafeMutablePointer<sem_t>(bitPattern: address) { sem_wait(gate) }
    }
    #expect(thread.submit([(tag: 0, try accept(0))]))
    #expect(collector.wait(for: 1))
    let count = UInt64(NodeStore.batchRequestsMax + 5)
    for number in 1...count { #expect(thread.submit([(tag: number, try accept(number))])) }
    #expect(thread.queuedCount == Int(count))
    sem_post(gate)
    thread.close()
    #expect(collector.batchSizes == [1, NodeStore.batchRequestsMax, 5])
    #expect(collector.all.map(\.0) == Array(0...count))
}

@Test func aThreadThatIsHeldUpIsLeftBehindInTime() throws {
    let gate = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(gate, 0, 0)
    let address = UInt(bitPattern: gate)
    let thread = try StoreThread(try NodeStore(path: ":memory:", epoch: Epoch(1), now: 1)) { _ in
        if let gate = UnsafeMutablePointer<sem_t>(bitPattern: address) { sem_wait(gate) }
    }
    #expect(thread.submit([(tag: 1, .accounts)]))
    #expect(!thread.close(withinSeconds: 0))
    #expect(!thread.submit([(tag: 2, .accounts)]))
    // The thread may still be about to wait, so its semaphore is left to it.
    sem_post(gate)
}

@Test func aThreadThatIsDoneIsNotLeftBehind() throws {
    let thread = try StoreThread(try NodeStore(path: ":memory:", epoch: Epoch(1), now: 1)) { _ in }
    #expect(thread.submit([(tag: 1, .accounts)]))
    #expect(thread.close(withinSeconds: 60))
}

@Test func closingFinishesWhatIsQueuedAndRefusesTheRest() throws {
    let folder = try TemporaryFolder()
    let collector = Collector<NodeReply>()
    let thread = try StoreThread(try openStore(folder.file())) { collector.add($0) }
    #expect(thread.submit(try (1...50).map { (tag: $0, try accept($0)) }))
    #expect(thread.submit([]))
    thread.close()
    thread.close()
    #expect(collector.all.count == 50)
    #expect(!thread.submit([(tag: 51, try accept(51))]))
    #expect(try openStore(folder.file()).page().last == 50)
}

@Test func theQueueIsBounded() throws {
    let thread = try StoreThread(try openStore()) { _ in }
    let request = (tag: UInt64(0), NodeRequest.accounts)
    #expect(!thread.submit(Array(repeating: request, count: StoreThread<NodeStore>.queuedRequestsMax + 1)))
    #expect(thread.submit([request]))
}

@Test func aDroppedThreadCloses() throws {
    let folder = try TemporaryFolder()
    let collector = Collector<NodeReply>()
    var thread: StoreThread<NodeStore>? = try StoreThread(try openStore(folder.file())) { collector.add($0) }
    #expect(thread?.submit([(tag: 7, try accept(1))]) == true)
    thread = nil
    #expect(collector.all.map(\.0) == [7])
    #expect(try openStore(folder.file()).page().last == 1)
}

@Test func aSpoolHasAThreadLikeAnyStore() throws {
    let folder = try TemporaryFolder()
    let collector = Collector<SpoolReply>()
    let thread = try StoreThread(try openSpool(folder.file("spool.db"))) { collector.add($0) }
    let count = Int64(2 * SpoolStore.batchRequestsMax + 3)
    let file = SpooledFile(id: id(1), to: .everyone, chunks: count)
    let writes = try (0..<count).map { (tag: UInt64($0) + 1, try SpoolRequest.write(1, $0)) }
    #expect(thread.submit([(tag: 0, .begin(owner: try user("alice"), file, at: 10))] + writes))
    thread.close()
    #expect(collector.batchSizes == [SpoolStore.batchRequestsMax, SpoolStore.batchRequestsMax, 4])
    #expect(collector.all.map(\.1) == (0...count).map { status(1, $0, of: count) })
}
