import Synchronization

/// The one way for other threads to talk to an event loop. Messages of one thread arrive in the order posted; all that
/// wait arrive as one batch in one turn. Not bounded: whoever posts bounds what it has under way.
package final class Inbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isOpen = true
    }

    private let state = Mutex(State())
    private let wakeup: Wakeup

    init(wakeup: Wakeup) { self.wakeup = wakeup }

    /// From any thread; never blocks for long. After the loop ended the message is dropped.
    package func post(_ message: Message) {
        let isOpen = state.withLock { state in
            if state.isOpen { state.messages.append(message) }
            return state.isOpen
        }
        if isOpen { wakeup.signal() }
    }

    /// All that waits, oldest first.
    func take() -> [Message] {
        state.withLock { state in
            guard !state.messages.isEmpty else { return [] }
            let messages = state.messages
            state.messages = []
            return messages
        }
    }

    func close() {
        state.withLock { state in
            state.isOpen = false
            state.messages = []
        }
    }
}

/// Wakes a loop; at most one write of the descriptor per batch, however many post.
final class Wakeup: Sendable {
    let descriptor: EventDescriptor
    private let isSignalled = Atomic(false)

    init() throws(NetError) { descriptor = try EventDescriptor() }

    func signal() {
        if !isSignalled.exchange(true, ordering: .acquiringAndReleasing) { descriptor.signal() }
    }

    /// By the loop, before it takes what waits: a message posted after that signals anew.
    func reset() {
        descriptor.reset()
        _ = isSignalled.exchange(false, ordering: .acquiringAndReleasing)
    }
}
