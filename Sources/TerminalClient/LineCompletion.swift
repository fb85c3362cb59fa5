extension LineEditor {
    /// Tab: puts in what all candidates begin with, and offers them if there are several.
    mutating func complete(_ completing: (String) -> [String]) -> [Outcome] {
        let before = String(line.text[..<line.cursor])
        let start = line.wordStart(after: " ")
        let word = line.text[start..<line.cursor]
        let candidates = completing(before)
        guard let first = candidates.first else { return [.bell] }
        var common = candidates.dropFirst().reduce(first) { LineEditor.commonPrefix($0, $1) }
        if candidates.count == 1, line.isAtEnd || line.text[line.cursor] != " " { common += " " }
        guard fits(common, insteadOf: word.utf8.count) else { return [.bell] }
        var outcomes: [Outcome] = candidates.count > 1 ? [.candidates(candidates)] : []
        // A shorter one would take away what was typed.
        guard common != word, common.count >= word.count else { return outcomes.isEmpty ? [.bell] : outcomes }
        outcomes += edit { line in
            _ = line.remove(start..<line.cursor)
            line.move(to: start)
            line.insert(common)
            return true
        }
        return outcomes
    }

    private static func commonPrefix(_ a: String, _ b: String) -> String {
        String(zip(a, b).prefix { $0 == $1 }.map(\.0))
    }
}
