import Wire

/// Where in the history the line was taken from, and what had been typed before.
struct HistoryRecall: Sendable {
    private(set) var position: Int?
    private(set) var unsent = LineBuffer()

    mutating func enter(_ position: Int, leaving line: LineBuffer) {
        if self.position == nil { unsent = line }
        self.position = position
    }

    mutating func leave() { self = HistoryRecall() }
}

/// An incremental search backwards through the history.
struct HistorySearch: Sendable {
    /// Nobody types more to find a line.
    static let queryBytesMax = 256

    let original: LineBuffer
    var query = ""
    /// Of the line shown now; nil as long as that is the original.
    var position: Int?
    var isFailed = false

    init(original: LineBuffer) { self.original = original }

    var prompt: SafeText { SafeText("(\(isFailed ? "not found" : "search")) \(query): ") }

    /// Shows the newest line at or before `last` that contains the query; nothing changes if there is none.
    mutating func find(in history: [String], upTo last: Int, line: inout LineBuffer) {
        let wanted = Array(query.utf8)
        var index = min(last, history.count - 1)
        while index >= 0 {
            let text = history[index]
            if text.utf8.count <= LineEditor.lineBytesMax, let start = HistorySearch.start(of: wanted, in: text) {
                position = index
                isFailed = false
                line = LineBuffer(text)
                line.place(after: start)
                return
            }
            index -= 1
        }
        isFailed = true
    }

    /// Bytes before the first occurrence.
    private static func start(of wanted: [UInt8], in text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count >= wanted.count else { return nil }
        return (0...(bytes.count - wanted.count)).first { bytes[$0...].starts(with: wanted) }
    }
}

extension LineEditor {
    mutating func recallOlder() -> [Outcome] {
        var position = recall.position ?? history.count
        // Too long to be edited.
        repeat { position -= 1 } while position >= 0 && history[position].utf8.count > LineEditor.lineBytesMax
        guard position >= 0 else { return [.bell] }
        return show(position)
    }

    mutating func recallNewer() -> [Outcome] {
        guard var position = recall.position else { return [.bell] }
        repeat {
            position += 1
        } while position < history.count
            && history[position].utf8.count > LineEditor.lineBytesMax
        guard position >= history.count else { return show(position) }
        let unsent = recall.unsent
        recall.leave()
        return edit { line in
            line = unsent
            return true
        }
    }

    private mutating func show(_ position: Int) -> [Outcome] {
        recall.enter(position, leaving: line)
        let text = history[position]
        return edit { line in
            line = LineBuffer(text)
            return true
        }
    }

    // MARK: Search

    mutating func beginSearch() -> [Outcome] {
        search = HistorySearch(original: line)
        return [.changed]
    }

    /// Nil if the key is not the search's: the line found is taken, and the key applies to it.
    mutating func handleSearching(_ key: Key) -> [Outcome]? {
        guard var search else { return nil }
        switch key {
        case .character(let scalar):
            guard search.query.utf8.count < HistorySearch.queryBytesMax else { return [.bell] }
            search.query.unicodeScalars.append(scalar)
            search.find(in: history, upTo: search.position ?? history.count, line: &line)
        case .control("r"):
            guard !search.query.isEmpty else { return [.bell] }
            search.find(in: history, upTo: (search.position ?? history.count) - 1, line: &line)
        case .special(.backspace, []):
            guard search.query.popLast() != nil else { return [.bell] }
            search.position = nil
            search.isFailed = false
            line = search.original
            if !search.query.isEmpty { search.find(in: history, upTo: history.count, line: &line) }
        case .control("g"), .special(.escape, _):
            line = search.original
            self.search = nil
            return [.changed]
        default:
            take(search)
            return key == .special(.enter) ? [.changed] : nil
        }
        self.search = search
        return search.isFailed ? [.bell, .changed] : [.changed]
    }

    private mutating func take(_ search: HistorySearch) {
        self.search = nil
        guard let position = search.position else { return }
        let found = line
        line = search.original
        recall.enter(position, leaving: line)
        _ = edit { line in
            line = found
            return true
        }
    }
}
