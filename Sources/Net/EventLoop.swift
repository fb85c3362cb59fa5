package import Bytes
import CLinux
import Glibc

/// One thread that waits for many descriptors and calls their owners. It is made on its thread and, not being Sendable,
/// stays there with everything made for it; other threads talk to it through an `Inbox` only. It never blocks but in
/// its wait, and neither may what it calls.
///
/// One turn: wait, hand out what is ready, fire due timers, report closed streams, run what was put off to the end of
/// the turn, and write once for each stream that has something to send.
package final class EventLoop {
    private struct InboxEntry {
        let deliver: () -> Void
        let close: () -> Void
    }

    /// The time of this turn; read once, after the wait.
    package private(set) var now: Instant
    let poller: Poller
    /// Shared by all streams, so that an idle one costs no buffer.
    let receiveBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.receiveBytes, alignment: 16)

    /// What streams under TLS decrypt into, shared likewise.
    let plaintextBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.plaintextBytes, alignment: 16)

    private let wakeup: Wakeup
    private var inboxes: [InboxEntry] = []
    private var timers = TimerHeap<() -> Void>()
    private var deferred: [() -> Void] = []
    private var unflushed: [Stream] = []
    /// Of the turn before; kept for its memory.
    private var flushed: [Stream] = []
    private var unreported: [Stream] = []
    private var isStopping = false

    /// Runs on the calling thread until `stop()`. `setUp` builds everything that lives on the loop; what it throws
    /// ends the loop and is thrown on.
    package static func run(_ setUp: (EventLoop) throws -> Void) throws {
        try run(on: LoopDescriptors(), setUp)
    }

    static func run<Failure>(
        on descriptors: LoopDescriptors, _ setUp: (EventLoop) throws(Failure) -> Void
    ) throws(Failure) {
        linux_keep_freed_memory(EventLoop.keptBytesMax)
        let loop = EventLoop(descriptors)
        defer { loop.end() }
        try setUp(loop)
        while !loop.isStopping { loop.turn() }
    }

    private init(_ descriptors: LoopDescriptors) {
        poller = Poller(descriptors.epoll)
        wakeup = descriptors.wakeup
        now = Clock.now
    }

    deinit {
        receiveBuffer.deallocate()
        plaintextBuffer.deallocate()
    }

    /// Ends the loop after this turn, which still flushes once. Then all its streams are closed (`.loopStopped`), their
    /// handlers told, and its inboxes go deaf. To part in order, close the streams first and stop when they have.
    package func stop() { isStopping = true }

    /// Runs `body` on the loop, once, not earlier than `duration` after `now` and about 1 ms late if nothing
    /// holds the loop up.
    @discardableResult
    package func schedule(after duration: Duration, _ body: @escaping () -> Void) -> TimerID {
        timers.schedule(at: now.advanced(by: max(.zero, duration)), body)
    }

    /// Harmless if it fired already.
    package func cancel(_ timer: TimerID) { timers.cancel(timer) }

    /// Runs `body` at the end of this turn, before streams are flushed. What it puts off itself comes a turn later.
    package func afterThisTurn(_ body: @escaping () -> Void) { deferred.append(body) }

    /// `receive` is called on the loop with all that was posted since the last time, oldest first. It stays until the
    /// loop ends, so make one inbox per purpose and not one per request.
    package func makeInbox<Message: Sendable>(_ receive: @escaping ([Message]) -> Void) -> Inbox<Message> {
        let inbox = Inbox<Message>(wakeup: wakeup)
        let deliver = {
            let messages = inbox.take()
            if !messages.isEmpty { receive(messages) }
        }
        inboxes.append(InboxEntry(deliver: deliver, close: { inbox.close() }))
        return inbox
    }

    /// The stream has bytes to send; once per stream and turn.
    func flushLater(_ stream: Stream) { unflushed.append(stream) }

    /// The stream has closed and its handler has not heard; once per stream.
    func reportLater(_ stream: Stream) { unreported.append(stream) }

    private func deliverInboxes() {
        wakeup.reset()
        for inbox in inboxes { inbox.deliver() }
    }

    private func turn() {
        poller.wait(milliseconds: waitMilliseconds)
        now = Clock.now
        if poller.dispatch() { deliverInboxes() }
        let mark = timers.mark
        while let body = timers.popDue(at: now, scheduledBy: mark) { body() }
        // Each list is taken whole: what is added meanwhile waits for the next turn, so nothing can starve the wait.
        reportClosed()
        let bodies = deferred
        deferred = []
        for body in bodies { body() }
        swap(&unflushed, &flushed)
        for stream in flushed { stream.flush() }
        flushed.removeAll(keepingCapacity: true)
    }

    private func reportClosed() {
        let streams = unreported
        unreported = []
        for stream in streams { stream.report() }
    }

    private var waitMilliseconds: Int32 {
        guard unreported.isEmpty, deferred.isEmpty, unflushed.isEmpty else { return 0 }
        guard let deadline = timers.nextDeadline else { return -1 }
        let nanoseconds = max(0, deadline.since(Clock.now).nanosecondsClamped)
        // Rounded up, for a wait that ends before the deadline would turn in circles.
        return Int32(clamping: nanoseconds / 1_000_000 + (nanoseconds.isMultiple(of: 1_000_000) ? 0 : 1))
    }

    private func end() {
        isStopping = true
        for inbox in inboxes { inbox.close() }
        for source in poller.sources { source.loopEnded() }
        reportClosed()
        // What a handler began in its last call ends unheard.
        for source in poller.sources { source.loopEnded() }
        inboxes = []
        // What a timer alone kept alive goes with it, and may cancel another.
        var ended = TimerHeap<() -> Void>()
        swap(&timers, &ended)
        deferred = []
        unflushed = []
        unreported = []
    }

    /// Freed memory that the process keeps at least. Every turn frees what it sent; given back to the system, as much
    /// would be asked for again in the next turn, and each page of it cleared.
    private static let keptBytesMax: Int32 = 8 << 20
    /// Of one read. Holds most messages whole, saves long ones system calls, and stays in a core's cache.
    private static let receiveBytes = 256 << 10
    /// RFC 8446 §5.1: a record carries no more, and one is decrypted at a time.
    private static let plaintextBytes = 16 << 10
}
