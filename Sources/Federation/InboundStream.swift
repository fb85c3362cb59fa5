package import Wire

/// The receiving half of one stream: checks that places come without gap or repetition, hands them to the store, and
/// acknowledges what the store has made durable, the refused places by name. Outlives links.
package struct InboundStream: Sendable {
    package enum Step: Hashable, Sendable {
        case begin(Epoch, first: Int64, Run?)
        /// Hand the place at hand to the store.
        case commit(Epoch, seq: Int64)
        case readRefusals(Epoch, after: Int64, through: Int64)
        case send(LinkMessage)
    }

    private enum Voice: Hashable, Sendable {
        /// No link, or the peer has not said resume.
        case silent
        /// The first acknowledgement of a link waits for the refusals that the last link may not have carried.
        case reading(after: Int64, through: Int64)
        case live
    }

    private struct Declared: Sendable {
        let epoch: Epoch
        let first: Int64
        let run: Run?
    }

    /// What the store holds.
    package private(set) var stored: StreamPosition.Received?
    /// What it will hold when all commits under way are done.
    private var handed: StreamPosition.Received?
    /// What the peer said in `resume` on the present link.
    private var declared: Declared?
    private var pending: [(seq: Int64, bytes: Int)] = []
    private var pendingBytes = 0
    private var refused: [StreamRefusal] = []
    private var voice = Voice.silent

    /// Places handed to the store or refused but not acknowledged: twice the window that a peer may use.
    package static let pendingCountMax = 512
    /// Four times that window, as both sides only estimate.
    package static let pendingBytesMax = 4 << 20
    package static let refusalsPerReadMax = 256

    package init(stored: StreamPosition.Received?) {
        self.stored = stored
        handed = stored
    }

    package var pendingCount: Int { pending.count }

    package mutating func resume(epoch: Epoch, first: Int64, run: Run? = nil) -> [Step] {
        declared = Declared(epoch: epoch, first: first, run: run)
        refused = []
        guard let stored, stored.epoch == epoch, first <= stored.through else {
            voice = .live
            return []
        }
        return [readRefusals(epoch, after: first - 1, through: stored.through)]
    }

    package mutating func end() {
        declared = nil
        voice = .silent
        refused = []
    }

    /// - Parameter bytes: its estimated size; 0 for a skipped place.
    package mutating func receive(seq: Int64, bytes: Int) throws(Refusal) -> [Step] {
        guard let declared else { throw Refusal(.outOfOrder, "resume comes before the first envelope") }
        guard seq >= 1, seq < Int64.max else { throw Refusal(.badValue, "a sequence number is out of range") }
        var steps: [Step] = []
        if let known = handed, known.epoch == declared.epoch {
            if seq <= known.through { return acknowledgement() }
            // Places that the peer no longer has, it announces as such by a higher `first`.
            if seq > known.through + 1 {
                steps = try begin(declared, at: seq)
            } else if known.run != declared.run {
                // The position stays what the store makes of the places before this one.
                steps = [.begin(declared.epoch, first: 1, declared.run)]
            }
        } else {
            steps = try begin(declared, at: seq)
        }
        guard pending.count + refused.count < InboundStream.pendingCountMax,
            pendingBytes + bytes <= InboundStream.pendingBytesMax
        else { throw Refusal(.busy, "more envelopes than the window allows wait for their acknowledgement") }
        handed = StreamPosition.Received(epoch: declared.epoch, through: seq, run: declared.run)
        pending.append((seq, bytes))
        pendingBytes += bytes
        return steps + [.commit(declared.epoch, seq: seq)]
    }

    package mutating func committed(_ epoch: Epoch, through: Int64, refused newlyRefused: [StreamRefusal]) -> [Step] {
        // Commits of an epoch that the peer has left behind since concern nobody.
        guard let handed, handed.epoch == epoch else { return [] }
        if let stored, stored.epoch == epoch, through <= stored.through { return [] }
        stored = StreamPosition.Received(epoch: epoch, through: through, run: handed.run)
        if through > handed.through { self.handed = stored }
        let done = pending.prefix { $0.seq <= through }
        pendingBytes -= done.reduce(0) { $0 + $1.bytes }
        pending.removeFirst(done.count)
        guard voice != .silent, declared?.epoch == epoch else { return [] }
        refused += newlyRefused
        return acknowledgement()
    }

    /// The store gave up at `seq`: what was handed over behind it will come again on the next link.
    package mutating func commitFailed(_ epoch: Epoch) {
        guard handed?.epoch == epoch else { return }
        handed = stored
        pending = []
        pendingBytes = 0
    }

    package mutating func refusalsRead(
        _ epoch: Epoch, after: Int64, through: Int64, _ stored: [StreamRefusal], hasMore: Bool
    ) -> [Step] {
        guard voice == .reading(after: after, through: through), declared?.epoch == epoch else { return [] }
        if hasMore, let last = stored.last, last.seq < through {
            let part = LinkMessage.acknowledgement(through: last.seq, refused: stored)
            return [.send(part), readRefusals(epoch, after: last.seq, through: through)]
        }
        voice = .live
        refused = stored + refused
        return acknowledgement()
    }

    private mutating func readRefusals(_ epoch: Epoch, after: Int64, through: Int64) -> Step {
        voice = .reading(after: after, through: through)
        return .readRefusals(epoch, after: after, through: through)
    }

    private mutating func begin(_ declared: Declared, at seq: Int64) throws(Refusal) -> [Step] {
        guard seq == declared.first else {
            throw Refusal(.sequenceGap, "an envelope is missing before this one; resume the stream")
        }
        if handed?.epoch != declared.epoch {
            pending = []
            pendingBytes = 0
        }
        return [.begin(declared.epoch, first: seq, declared.run)]
    }

    private mutating func acknowledgement() -> [Step] {
        guard voice == .live, let stored, stored.epoch == declared?.epoch else { return [] }
        defer { refused = [] }
        return [.send(.acknowledgement(through: stored.through, refused: refused))]
    }
}
