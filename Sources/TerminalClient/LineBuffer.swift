/// Text with a cursor in it, which always stands between two grapheme clusters.
struct LineBuffer: Sendable {
    private(set) var text: String
    /// Bytes of UTF-8 before the cursor: unlike an index it outlives a change of the text.
    private(set) var cursorBytes: Int

    /// The cursor stands at the end.
    init(_ text: String = "") {
        self.text = text
        cursorBytes = text.utf8.count
    }

    var cursor: String.Index { text.utf8.index(text.startIndex, offsetBy: cursorBytes) }
    var isAtEnd: Bool { cursorBytes == text.utf8.count }
    var left: String.Index { cursorBytes == 0 ? text.startIndex : text.index(before: cursor) }
    var right: String.Index { isAtEnd ? text.endIndex : text.index(after: cursor) }

    mutating func move(to index: String.Index) {
        place(after: text.utf8.distance(from: text.startIndex, to: index))
    }

    /// A cursor that would stand inside a cluster goes to its end: what was put in may have joined its neighbours.
    mutating func place(after bytes: Int) {
        cursorBytes = min(max(0, bytes), text.utf8.count)
        guard String.Index(cursor, within: text) == nil else { return }
        cursorBytes = text.utf8.distance(from: text.startIndex, to: text.index(after: cursor))
    }

    mutating func insert(_ addition: String) {
        text.insert(contentsOf: addition, at: cursor)
        place(after: cursorBytes + addition.utf8.count)
    }

    /// Takes out a part; the cursor stands where it was.
    mutating func remove(_ range: Range<String.Index>) -> String {
        let removed = String(text[range])
        let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
        text.removeSubrange(range)
        place(after: start)
        return removed
    }

    /// Where the word before the cursor begins; words are what `isPart` says.
    func wordStart(_ isPart: (Character) -> Bool = LineBuffer.isWordPart) -> String.Index {
        var index = cursor
        var isInside = false
        while index > text.startIndex {
            let before = text.index(before: index)
            if isPart(text[before]) { isInside = true } else if isInside { break }
            index = before
        }
        return index
    }

    /// Where what follows the last `separator` before the cursor begins.
    func wordStart(after separator: Character) -> String.Index {
        text[..<cursor].lastIndex(of: separator).map(text.index(after:)) ?? text.startIndex
    }

    /// Where the word after the cursor ends.
    var wordEnd: String.Index {
        var index = cursor
        var isInside = false
        while index < text.endIndex {
            if LineBuffer.isWordPart(text[index]) { isInside = true } else if isInside { break }
            index = text.index(after: index)
        }
        return index
    }

    /// Exchanges the clusters around the cursor, at the end the last two; false if there are none.
    mutating func transpose() -> Bool {
        let middle = isAtEnd ? left : cursor
        guard middle > text.startIndex, middle < text.endIndex else { return false }
        let range = text.index(before: middle)..<text.index(after: middle)
        let exchanged = "\(text[middle])\(text[range.lowerBound])"
        move(to: range.lowerBound)
        _ = remove(range)
        insert(exchanged)
        return true
    }

    static func isWordPart(_ character: Character) -> Bool { character.isLetter || character.isNumber }
}
