import Glibc
import Synchronization

/// Runs a store on a thread of its own. Requests are performed in the order of submission; whatever came in
/// while one commit was under way is committed together by the next. Each admitted request gets exactly one reply.
package final class StoreThread<Store: BatchStore>: Sendable {
    /// Replies in the order of their requests, called on the store's thread: pass them on and return.
    package typealias Replies = @Sendable ([(UInt64, Store.Reply)]) -> Void

    /// Requests that may wait. Callers stop earlier, by `queuedCount` or by what their requests weigh; this only keeps
    /// memory finite.
    package static var queuedRequestsMax: Int { 100_000 }

    private let queue: StoreQueue<Store.Request>
    private let thread: Mutex<pthread_t?>

    /// Takes the store over and starts the thread. Throws only if the system gives no thread.
    package init(_ store: sending Store, replies: @escaping Replies) throws(StoreError) {
        let queue = StoreQueue<Store.Request>(requestsMax: StoreThread.queuedRequestsMax)
        let context = Unmanaged<ThreadWork>.passRetained(StoreWorker(store: store, queue: queue, replies: replies))
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, ThreadWork.main, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw StoreError(.misuse, code: code, "the system gives no thread: \(String(cString: strerror(code)))")
        }
        self.queue = queue
        thread = Mutex(handle)
    }

    deinit { end(by: nil) }

    /// Queues requests, each with a tag of the caller's that comes back with its reply; never blocks. Returns false,
    /// and takes none of them, if too many are waiting or the store is closed.
    package func submit(_ tagged: [(tag: UInt64, Store.Request)]) -> Bool { queue.append(tagged) }

    /// Requests that no batch has taken yet.
    package var queuedCount: Int { queue.count }

    /// Lets everything that is queued be done and answered, closes the database, and returns. Must not be called from
    /// `replies`. Again is harmless.
    package func close() { end(by: nil) }

    /// The same, but leaves the thread to itself after so long, for a program that ends: false says that this was so.
    /// What it has committed stays; what still waits is committed if the thread gets that far, and answered to nobody.
    package func close(withinSeconds seconds: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        return end(by: deadline)
    }

    @discardableResult
    private func end(by deadline: timespec?) -> Bool {
        queue.close()
        let handle = thread.withLock { handle -> pthread_t? in
            defer { handle = nil }
            return handle
        }
        guard let handle else { return true }
        if let deadline, !queue.waitForEnd(by: deadline) {
            pthread_detach(handle)
            return false
        }
        pthread_join(handle, nil)
        return true
    }
}

/// What waits for the store's thread.
private final class StoreQueue<Request: Sendable>: Sendable {
    private struct State {
        var waiting: [(tag: UInt64, Request)] = []
        var isClosed = false
    }

    private let requestsMax: Int
    private let state = Mutex(State())
    /// Counts wake-ups. Its address must not change, so it lives on the heap; the calls on it are thread-safe.
    private nonisolated(unsafe) let wakeUps = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    /// Posted once, when the thread has done all it ever will.
    private nonisolated(unsafe) let ends = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init(requestsMax: Int) {
        self.requestsMax = requestsMax
        sem_init(wakeUps, 0, 0)
        sem_init(ends, 0, 0)
    }

    deinit {
        for semaphore in [wakeUps, ends] {
            sem_destroy(semaphore)
            semaphore.deallocate()
        }
    }

    var count: Int { state.withLock { $0.waiting.count } }

    func append(_ tagged: [(tag: UInt64, Request)]) -> Bool {
        let (isAdmitted, wasEmpty) = state.withLock { state in
            guard !state.isClosed, state.waiting.count + tagged.count <= requestsMax else {
                return (false, false)
            }
            defer { state.waiting.append(contentsOf: tagged) }
            return (true, state.waiting.isEmpty)
        }
        if isAdmitted, wasEmpty { sem_post(wakeUps) }
        return isAdmitted
    }

    func close() {
        state.withLock { $0.isClosed = true }
        sem_post(wakeUps)
    }

    func end() { sem_post(ends) }

    /// False if the time came first; it is of the system's clock.
    func waitForEnd(by deadline: timespec) -> Bool {
        var deadline = deadline
        while sem_timedwait(ends, &deadline) != 0 {
            guard errno == EINTR else { return false }
        }
        return true
    }

    /// Waits for requests and takes them all; nil once the queue is closed and empty.
    func takeAll() -> [(tag: UInt64, Request)]? {
        while true {
            let (taken, isClosed) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isClosed)
            }
            if !taken.isEmpty { return taken }
            if isClosed { return nil }
            // A signal may end the wait early (EINTR), and a wake-up may be for requests already taken: look again.
            sem_wait(wakeUps)
        }
    }
}

/// What a new thread is given. A C function cannot be generic, a method that it calls can.
private class ThreadWork {
    static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        if let context { Unmanaged<ThreadWork>.fromOpaque(context).takeRetainedValue().run() }
        return nil
    }

    func run() {}
}

/// The thread's own side. It alone touches the store once the thread runs.
private final class StoreWorker<Store: BatchStore>: ThreadWork {
    private let store: Store
    private let queue: StoreQueue<Store.Request>
    private let replies: StoreThread<Store>.Replies

    init(store: sending Store, queue: StoreQueue<Store.Request>, replies: @escaping StoreThread<Store>.Replies) {
        self.store = store
        self.queue = queue
        self.replies = replies
    }

    override func run() {
        while let taken = queue.takeAll() {
            var rest = taken[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Store.batchRequestsMax)
                rest = rest.dropFirst(batch.count)
                // Closures and not key paths, which are slow into tuples.
                replies(Array(zip(batch.map { $0.tag }, store.perform(batch.map { $0.1 }))))
            }
        }
        // The log holds everything, so a failing checkpoint loses nothing.
        try? store.close()
        queue.end()
    }
}
