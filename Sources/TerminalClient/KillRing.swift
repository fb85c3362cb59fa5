/// What was killed last, to be put back in another place.
struct KillRing: Sendable {
    enum Side { case front, back }

    /// As in Readline and Emacs' early days; nobody goes back further.
    static let entriesMax = 16

    /// The one to yank is the last.
    private var entries: [String] = []

    var newest: String? { entries.last }

    mutating func add(_ text: String) {
        entries.append(text)
        if entries.count > KillRing.entriesMax { entries.removeFirst() }
    }

    /// One kill right after another continues it.
    mutating func extend(_ text: String, at side: Side) {
        guard let last = entries.popLast() else { return add(text) }
        entries.append(side == .front ? text + last : last + text)
    }

    /// Makes the next older one the newest.
    mutating func rotate() {
        guard let last = entries.popLast() else { return }
        entries.insert(last, at: 0)
    }
}
