package import Bytes

/// Names one scheduled timer. Never reused, so cancelling one that fired is harmless.
package struct TimerID: Hashable, Sendable {
    let number: UInt64

    /// Names no timer, so cancelling it is harmless, too. Takes half the room of an optional.
    package static let none = TimerID(number: 0)
}

/// Timers by deadline; those of one deadline in the order they were scheduled. Pure: time is an argument.
package struct TimerHeap<Body> {
    private struct Entry {
        let deadline: Instant
        let id: TimerID

        func isBefore(_ other: Entry) -> Bool {
            deadline == other.deadline ? id.number < other.id.number : deadline < other.deadline
        }
    }

    /// A binary heap. A cancelled timer's entry stays until it surfaces or the dead are the majority.
    private var entries: [Entry] = []
    private var bodies: [TimerID: Body] = [:]
    private var lastNumber: UInt64 = 0

    package init() {}

    /// Timers that are neither fired nor cancelled.
    package var count: Int { bodies.count }

    /// The earliest deadline, which may be of a timer since cancelled: then a caller wakes once for nothing.
    package var nextDeadline: Instant? { entries.first?.deadline }

    package mutating func schedule(at deadline: Instant, _ body: Body) -> TimerID {
        lastNumber += 1
        let id = TimerID(number: lastNumber)
        bodies[id] = body
        entries.append(Entry(deadline: deadline, id: id))
        siftUp(from: entries.count - 1)
        return id
    }

    /// Returns false if it had fired or was cancelled already.
    @discardableResult
    package mutating func cancel(_ id: TimerID) -> Bool {
        guard id != .none, bodies.removeValue(forKey: id) != nil else { return false }
        if entries.count > 2 * bodies.count + TimerHeap.deadEntriesKept { dropDeadEntries() }
        return true
    }

    /// The mark to hand to `popDue` so that timers scheduled from now on wait for the next round.
    package var mark: TimerID { TimerID(number: lastNumber) }

    /// Takes out the earliest timer due at `now` that was scheduled no later than `mark`; nil if there is none.
    package mutating func popDue(at now: Instant, scheduledBy mark: TimerID) -> Body? {
        while let first = entries.first, first.deadline <= now {
            if bodies[first.id] != nil, first.id.number > mark.number { return nil }
            removeFirst()
            if let body = bodies.removeValue(forKey: first.id) { return body }
        }
        return nil
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        siftDown(from: 0)
    }

    private mutating func dropDeadEntries() {
        entries.removeAll { bodies[$0.id] == nil }
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        while index > 0, entries[index].isBefore(entries[(index - 1) / 2]) {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func siftDown(from start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                if entries[child].isBefore(entries[least]) { least = child }
            }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }

    /// Sweeping for fewer dead entries than this is not worth the pass.
    private static var deadEntriesKept: Int { 64 }
}
