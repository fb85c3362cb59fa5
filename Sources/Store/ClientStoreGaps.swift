package import Wire

/// The ranges of each conversation that the client knows it lacks (design promise P5).
extension ClientStore {
    /// Ranges kept of one conversation. Where a node's numbers make more, the two oldest become one that covers both:
    /// asking again for what one has is harmless, forgetting a gap is not.
    package static let gapsPerConversationMax = 1000

    /// In ascending order, neither overlapping nor touching.
    package func gaps(_ conversation: Conversation) throws(StoreError) -> [ClosedRange<Int64>] {
        try database.rows("SELECT low, high FROM gap WHERE conversation = ? ORDER BY low", conversation.text) {
            ClientStore.range($0)
        }
    }

    package func addGap(_ conversation: Conversation, _ range: ClosedRange<Int64>) throws(StoreError) {
        try transaction { () throws(StoreError) in
            // Ranges that merely touch are joined as well.
            let below = range.lowerBound == .min ? .min : range.lowerBound - 1
            let above = range.upperBound == .max ? .max : range.upperBound + 1
            let touching = try take(conversation, from: below, to: above)
            let low = min(range.lowerBound, touching.first?.lowerBound ?? .max)
            let high = max(range.upperBound, touching.last?.upperBound ?? .min)
            try insert(conversation, low...high)
            try joinOldest(conversation)
        }
    }

    /// Everything in `range` is there, or known not to exist.
    package func fillGap(_ conversation: Conversation, _ range: ClosedRange<Int64>) throws(StoreError) {
        try transaction { () throws(StoreError) in
            for gap in try take(conversation, from: range.lowerBound, to: range.upperBound) {
                if gap.lowerBound < range.lowerBound {
                    try insert(conversation, gap.lowerBound...(range.lowerBound - 1))
                }
                if gap.upperBound > range.upperBound {
                    try insert(conversation, (range.upperBound + 1)...gap.upperBound)
                }
            }
        }
    }

    /// Removes and returns the gaps that share a number with `low...high`.
    private func take(
        _ conversation: Conversation, from low: Int64, to high: Int64
    ) throws(StoreError) -> [ClosedRange<Int64>] {
        let taken = try database.rows(
            "SELECT low, high FROM gap WHERE conversation = ? AND low <= ? AND high >= ? ORDER BY low",
            conversation.text, high, low
        ) { ClientStore.range($0) }
        for gap in taken {
            try database.run("DELETE FROM gap WHERE conversation = ? AND low = ?", conversation.text, gap.lowerBound)
        }
        return taken
    }

    private func insert(_ conversation: Conversation, _ range: ClosedRange<Int64>) throws(StoreError) {
        try database.run(
            "INSERT INTO gap (conversation, low, high) VALUES (?, ?, ?)",
            conversation.text, range.lowerBound, range.upperBound)
    }

    private func joinOldest(_ conversation: Conversation) throws(StoreError) {
        let count = try database.first("SELECT count(*) FROM gap WHERE conversation = ?", conversation.text) {
            $0.integer(0)
        }
        guard count ?? 0 > Int64(ClientStore.gapsPerConversationMax) else { return }
        let oldest = try database.rows(
            "SELECT low, high FROM gap WHERE conversation = ? ORDER BY low LIMIT 2", conversation.text
        ) { ClientStore.range($0) }
        guard let first = oldest.first, let second = oldest.last else { return }
        try addGap(conversation, first.lowerBound...second.upperBound)
    }

    /// nil where damage turned the ends around.
    private static func range(_ row: Row) -> ClosedRange<Int64>? {
        let (low, high) = (row.integer(0), row.integer(1))
        return low <= high ? low...high : nil
    }
}
