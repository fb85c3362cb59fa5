import CLinux
import Glibc
import Synchronization

extension EventLoop {
    /// Starts a thread with a loop of its own. `setUp` runs there and builds everything that lives on the loop; make
    /// the inboxes in it and hand them out through what it captures. Throws if the system has no descriptors or
    /// threads left.
    package static func spawn(
        name: String, _ setUp: @escaping @Sendable (EventLoop) -> Void
    ) throws(NetError) -> LoopThread {
        let descriptors = try LoopDescriptors()
        return LoopThread(try Thread.start(name: name) { EventLoop.run(on: descriptors, setUp) })
    }
}

/// A thread that runs an event loop.
package final class LoopThread: Sendable {
    private let thread: Mutex<pthread_t?>

    init(_ thread: pthread_t) { self.thread = Mutex(thread) }

    /// An unjoined thread that ended would keep its stack.
    deinit {
        thread.withLock { thread in
            if let thread { pthread_detach(thread) }
        }
    }

    /// Waits until the loop has ended; something else must stop it. A second call returns at once.
    package func join() {
        let joined = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let joined { pthread_join(joined, nil) }
    }
}

enum Thread {
    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// The caller joins or detaches the thread. Only the first 15 bytes of `name` show in the system's tools.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(NetError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackBytes)
        let start = Unmanaged.passRetained(Start(body))
        var thread = pthread_t()
        let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
            if let pointer { Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue().body() }
            return nil
        }
        let failure = pthread_create(&thread, &attributes, entry, start.toOpaque())
        guard failure == 0 else {
            start.release()
            throw .system(operation: "pthread_create", errno: failure)
        }
        pthread_setname_np(thread, String(decoding: name.utf8.prefix(15), as: UTF8.self))
        return thread
    }

    /// What a main thread usually has, so that code behaves alike on both. Only touched pages take memory.
    private static let stackBytes = 8 << 20
}
