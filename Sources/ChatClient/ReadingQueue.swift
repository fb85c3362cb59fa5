import Wire

/// Entries of one conversation on their way to the user, in order: one that is still being opened holds back those
/// behind it.
struct ReadingQueue: Sendable {
    enum Item {
        case ready(Entry, MessageContent?)
        case opening(Entry, number: Int64)
        case gap(ClosedRange<Int64>)

        var lastSeq: Int64 {
            switch self {
            case .ready(let entry, _), .opening(let entry, _): entry.seq
            case .gap(let range): range.upperBound
            }
        }
    }

    private(set) var items: [Item] = []

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }
    var lastSeq: Int64? { items.last?.lastSeq }

    mutating func append(_ item: Item) { items.append(item) }

    mutating func resolve(_ number: Int64, _ content: MessageContent?) {
        for (index, item) in items.enumerated() {
            guard case .opening(let entry, number) = item else { continue }
            items[index] = .ready(entry, content)
            return
        }
    }

    /// Takes out what stands at the front and is not being opened.
    mutating func takeReady() -> [Item] {
        let ready = items.prefix { item in
            if case .opening = item { return false }
            return true
        }
        items.removeFirst(ready.count)
        return Array(ready)
    }
}
