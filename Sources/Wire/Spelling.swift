/// Finds what somebody probably meant by a word that is not known.
package enum Spelling {
    /// The known word that is nearest to `word`, or nil if none is near: at most a third of its letters may differ.
    package static func nearest(to word: String, among known: [String]) -> String? {
        let ranked = known.map { ($0, distance(Array(word.utf8.prefix(64)), Array($0.utf8))) }
        guard let (best, distance) = ranked.min(by: { $0.1 < $1.1 }), distance * 3 <= best.utf8.count else {
            return nil
        }
        return best
    }

    /// Letters to insert, remove or replace (Levenshtein), or neighbours to swap, until one word is the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(last[column] + (letter == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last.last ?? 0
    }
}
