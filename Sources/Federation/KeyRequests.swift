package import Bytes
package import Wire

/// Questions for device keys on one link, both ways. Each of ours gets exactly one answer.
package struct KeyRequests: Sendable {
    package struct Request: Hashable, Sendable {
        package let ref: Int64
        package let token: UInt64
        package let user: UserName
        package let answerBy: Instant
    }

    /// In the order asked, which is that of their deadlines.
    private var asked: [Request] = []
    private var lastRef: Int64 = 0
    private var wanted: Set<Int64> = []

    /// In each direction. People write to few others at a time; what they know already they do not ask.
    package static let countMax = 64
    package static let durationMax: Duration = .seconds(10)

    package init() {}

    package var deadline: Instant? { asked.first?.answerBy }

    /// nil if too many wait already.
    package mutating func ask(_ user: UserName, token: UInt64, at now: Instant) -> LinkMessage? {
        guard asked.count < KeyRequests.countMax else { return nil }
        lastRef += 1
        let answerBy = now.advanced(by: KeyRequests.durationMax)
        asked.append(Request(ref: lastRef, token: token, user: user, answerBy: answerBy))
        return .keysWanted(ref: lastRef, user: user)
    }

    /// The question that an answer about `user` belongs to; nil if its time is over. One that an answer names wrongly
    /// stays, to be answered at the end of the link.
    package mutating func answered(_ ref: Int64, user: UserName) throws(Refusal) -> Request? {
        guard let index = asked.firstIndex(where: { $0.ref == ref }) else { return nil }
        guard asked[index].user == user else {
            throw Refusal(.badValue, "the answer names somebody else than the question")
        }
        return asked.remove(at: index)
    }

    package mutating func expired(at now: Instant) -> [Request] {
        let expired = Array(asked.prefix { $0.answerBy <= now })
        asked.removeFirst(expired.count)
        return expired
    }

    /// The link is gone.
    package mutating func end() -> [Request] {
        defer { self = KeyRequests() }
        return asked
    }

    /// The peer asks. False if it asks too much.
    package mutating func wants(_ ref: Int64) throws(Refusal) -> Bool {
        guard !wanted.contains(ref) else { throw Refusal(.badID, "this ref is still waiting for its answer") }
        guard wanted.count < KeyRequests.countMax else { return false }
        wanted.insert(ref)
        return true
    }

    /// False if the question is not of this link.
    package mutating func answers(_ ref: Int64) -> Bool { wanted.remove(ref) != nil }
}
