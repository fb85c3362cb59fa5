import Glibc
import Synchronization

/// A few threads for work that takes long or blocks: key derivation, name lookup. The number of threads bounds what
/// runs at once, `jobsMax` what waits, so a crowd of requests is refused instead of piling up.
package final class WorkerPool: Sendable {
    private let queue: JobQueue

    /// Throws if no thread can be started; with fewer than asked it works on.
    package init(name: String, threads: Int, jobsMax: Int) throws(NetError) {
        let queue = JobQueue(jobsMax: jobsMax)
        self.queue = queue
        for index in 0..<max(1, threads) {
            do {
                let thread = try Thread.start(name: name) {
                    while let job = queue.next() { job() }
                }
                // Nobody waits for these: one may be stuck in the system for half a minute.
                pthread_detach(thread)
            } catch {
                if index == 0 { throw error }
            }
        }
    }

    deinit { queue.close() }

    /// Runs `work` on one of the threads and posts what it returns to `inbox`. Returns false, and never runs it, if
    /// the queue is full: refuse the request that asked for it.
    package func submit<Answer>(
        answeringTo inbox: Inbox<Answer>, _ work: @escaping @Sendable () -> Answer
    ) -> Bool {
        queue.append { inbox.post(work()) }
    }

    /// Drops what waits; what runs is finished. Threads end.
    package func close() { queue.close() }
}

/// Jobs in order for threads that wait for them.
private final class JobQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Counts the jobs, so that idle threads sleep on it.
    private let available = Semaphore()
    private let jobsMax: Int

    init(jobsMax: Int) { self.jobsMax = jobsMax }

    func append(_ job: @escaping Job) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.jobs.count < jobsMax else { return false }
            state.jobs.append(job)
            return true
        }
        if isTaken { available.signal() }
        return isTaken
    }

    /// Waits for a job; nil once closed.
    func next() -> Job? {
        available.wait()
        let job = state.withLock { state in
            state.jobs.isEmpty ? nil : state.jobs.removeFirst()
        }
        // Nothing there means closed, and the next thread wants to know it too.
        if job == nil { available.signal() }
        return job
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.jobs = []
        }
        available.signal()
    }
}

/// POSIX's counting semaphore, at an address that stays.
private final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}
