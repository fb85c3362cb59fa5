import Bytes
import Files
import Net
import Synchronization

/// The files of a client, on a thread of their own, in the order of the orders; reports arrive on the loop.
final class FileWorker {
    /// Set before the first order.
    var receive: (FileReport) -> Void = { _ in }
    private let pool: WorkerPool
    private var inbox: Inbox<FileReport?>?
    private let disk: Shared

    /// Only the thread of the pool uses it; the lock tells the compiler so.
    private final class Shared: Sendable {
        let disk: Mutex<FileDisk>

        init(downloadsPath: String?) { disk = Mutex(FileDisk(downloadsPath: downloadsPath)) }
    }

    init(loop: EventLoop, downloadsPath: String?) throws(NetError) {
        disk = Shared(downloadsPath: downloadsPath)
        pool = try WorkerPool(name: "client-files", threads: 1, jobsMax: FileWorker.ordersMax)
        inbox = loop.makeInbox { [weak self] (reports: [FileReport?]) in
            for case let report? in reports { self?.receive(report) }
        }
    }

    func perform(_ order: FileOrder) {
        guard let inbox else { return }
        let disk = disk
        let isTaken = pool.submit(answeringTo: inbox) { disk.disk.withLock { $0.perform(order, at: Clock.now) } }
        // The machine bounds what it orders: a window of chunks, and a few words for each transfer.
        if !isTaken { inbox.post(disk.disk.withLock { $0.perform(order, at: Clock.now) }) }
    }

    private static let ordersMax = 8192
}
