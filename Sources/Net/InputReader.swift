import Glibc

/// Reads a descriptor that epoll may refuse, such as standard input, which can be a file, a pipe or a terminal. A
/// thread of its own waits for it; the bytes arrive on the loop. Letting go of the reader stops it.
package final class InputReader {
    package enum Event: Equatable, Sendable {
        /// Never empty.
        case bytes([UInt8])
        /// The last event.
        case ended
        /// The last event.
        case failed(errno: Int32)
    }

    private let stopped: EventDescriptor

    /// The descriptor stays the caller's. At most `readBytes` are under way: the next read waits until `receive` has
    /// returned, so a fast writer is held back and not buffered.
    package init(loop: EventLoop, descriptor: Int32, receive: @escaping (Event) -> Void) throws(NetError) {
        let stopped = try EventDescriptor()
        let taken = try EventDescriptor()
        self.stopped = stopped
        let inbox = loop.makeInbox { (events: [Event]) in
            for event in events {
                receive(event)
                taken.signal()
            }
        }
        let thread = try Thread.start(name: "input") {
            while InputReader.wait(for: descriptor, orFor: stopped) {
                guard let event = InputReader.read(descriptor) else { continue }
                inbox.post(event)
                guard case .bytes = event, InputReader.wait(for: taken.number, orFor: stopped) else { return }
                taken.reset()
            }
        }
        pthread_detach(thread)
    }

    deinit { stopped.signal() }

    /// Reads no more. One more event may be under way.
    package func stop() { stopped.signal() }

    /// Nil if interrupted, or if somebody else read what was there.
    private static func read(_ descriptor: Int32) -> Event? {
        var result = 0
        var number: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: readBytes) { buffer, count in
            result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            number = errno
            count = max(0, result)
        }
        if result > 0 { return .bytes(bytes) }
        if result == 0 { return .ended }
        return number == EINTR || number == EAGAIN ? nil : .failed(errno: number)
    }

    /// Blocks until `descriptor` is readable; false if told to stop.
    private static func wait(for descriptor: Int32, orFor stopped: EventDescriptor) -> Bool {
        var waits = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stopped.number, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&waits, nfds_t(waits.count), -1) < 0 {
            guard errno == EINTR else { return false }
        }
        return waits[1].revents == 0
    }

    private static let readBytes = 16 << 10
}
