package import Wire

/// What a client remembers of its node's store, so that it finds out when that was put back from a backup.
package struct MetStore: Hashable, Sendable {
    package var epoch: Epoch?
    /// The runs that it has met, the last one first.
    package var runs: [MetRun] = []

    package init() {}

    package init(epoch: Epoch?, runs: [MetRun]) {
        self.epoch = epoch
        self.runs = runs
    }

    /// The node says which run it is in, and what is the last run that it has in common with this client, and how far.
    package mutating func meet(_ run: Run, known: MetRun?) {
        guard runs.first?.run != run else { return }
        let common = known.flatMap { known in runs.firstIndex { $0.run == known.run } }
        var past: [MetRun] = []
        if let known, let common { past = [known] + runs[(common + 1)...] }
        runs = Array(([MetRun(run: run)] + past).prefix(MetRun.countMax))
    }
}

extension MetStore {
    package var text: String {
        let runs = runs.map { run in run.run.text + (run.through.map { ":\($0)" } ?? "") }
        return ([epoch?.text ?? "-"] + runs).joined(separator: " ")
    }

    /// What cannot be read is as if it had not been met.
    package init(text: String) {
        let words = text.split(separator: " ")
        epoch = words.first.flatMap { Epoch(String($0)) }
        runs = words.dropFirst().compactMap { word in
            let parts = word.split(separator: ":")
            guard let run = parts.first.flatMap({ Run(String($0)) }) else { return nil }
            return MetRun(run: run, through: parts.count > 1 ? Int64(parts[1]) : nil)
        }
    }
}

extension ClientMachine {
    /// Where the node's store is not the one that this client knows, it was put back from a backup: from some place on,
    /// numbers mean other messages than those that were shown, so that is where reading goes on.
    mutating func meetStore(_ welcome: Welcome) {
        let isRenewed = store.epoch != nil && welcome.epoch != nil && store.epoch != welcome.epoch
        let before = store
        store.epoch = welcome.epoch ?? store.epoch
        if let run = welcome.run { store.meet(run, known: welcome.known) }
        let agreed = agreement(in: welcome)
        let passed = agreed.filter { conversation, seq in readings[conversation].map { $0.head > seq } ?? false }
        if isRenewed || !passed.isEmpty {
            let text =
                "\(address.server) was put back from a backup; what it took since then comes again where somebody else "
                + "has it, and the rest is missing"
            emit(.error(code: ClientFault.nodeWentBack.rawValue, text: text, answering: nil))
        }
        for (conversation, seq) in passed.sorted(by: { $0.key.text < $1.key.text }) {
            guard let cursor = readings[conversation]?.cursor else { continue }
            readings[conversation] = Reading(cursor: min(cursor, seq))
            guard cursor > seq else { continue }
            actions.append(.fillGap(conversation, (seq + 1)...cursor))
            actions.append(.saveCursor(conversation, seq))
        }
        if store != before { actions.append(.saveNodeStore(store)) }
    }

    /// The last number of each conversation that means what this client knows it to mean.
    private func agreement(in welcome: Welcome) -> [Conversation: Int64] {
        var agreed: [Conversation: Int64] = [:]
        // A welcome with fewer than all places names every conversation that has messages.
        if welcome.heads.count < Welcome.headsMax { agreed = readings.mapValues { _ in 0 } }
        for head in welcome.heads { agreed[head.conversation] = head.base ?? head.seq }
        return agreed
    }
}
