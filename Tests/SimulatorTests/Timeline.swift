import Bytes

/// Virtual time: what is to happen, in order. What falls on one instant happens in the order in which it was planned.
final class Timeline {
    private struct Entry {
        let at: Instant
        let number: UInt64
        let body: () -> Void

        func comes(before other: Entry) -> Bool { at == other.at ? number < other.number : at < other.at }
    }

    private(set) var now = Instant(nanoseconds: 0)
    private var heap: [Entry] = []
    private var lastNumber: UInt64 = 0

    func at(_ instant: Instant, _ body: @escaping () -> Void) {
        lastNumber += 1
        heap.append(Entry(at: max(instant, now), number: lastNumber, body: body))
        var child = heap.count - 1
        while child > 0, heap[child].comes(before: heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    func run(until end: Instant) {
        while let first = heap.first, first.at <= end {
            now = first.at
            removeFirst()
            first.body()
        }
        now = max(now, end)
    }

    /// Whatever is planned keeps its world alive.
    func clear() { heap = [] }

    private func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].comes(before: heap[least]) { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
