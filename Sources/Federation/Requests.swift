package import Bytes
package import Wire

/// Questions of one kind on one link, both ways. Each of ours gets exactly one answer.
package struct Requests<Question: Hashable & Sendable>: Sendable {
    package struct Limits: Sendable {
        /// Questions that are on their way, in each direction.
        package let countMax: Int
        /// Questions of ours that wait until one of those is answered. With 0 what is too much is refused at once.
        package let waitingMax: Int
        /// A question waits no longer than this to be sent, and again no longer for its answer.
        package let durationMax: Duration

        package init(countMax: Int, waitingMax: Int, durationMax: Duration) {
            self.countMax = countMax
            self.waitingMax = waitingMax
            self.durationMax = durationMax
        }
    }

    package struct Request: Hashable, Sendable {
        package let ref: Int64
        /// The caller's name for it.
        package let token: UInt64
        package let question: Question
        package let answerBy: Instant
    }

    private struct Waiting {
        let token: UInt64
        let question: Question
        let sendBy: Instant
    }

    private let limits: Limits
    /// Both in the order asked, which is that of their deadlines.
    private var asked: [Request] = []
    private var waiting: [Waiting] = []
    private var lastRef: Int64 = 0
    private var wanted: Set<Int64> = []

    package init(_ limits: Limits) { self.limits = limits }

    /// When `expired` has something to tell.
    package var deadline: Instant? { [asked.first?.answerBy, waiting.first?.sendBy].compactMap { $0 }.min() }

    /// Takes a question, for `next` to send. False if too many wait already.
    package mutating func ask(_ question: Question, token: UInt64, at now: Instant) -> Bool {
        guard asked.count + waiting.count < limits.countMax + limits.waitingMax else { return false }
        waiting.append(Waiting(token: token, question: question, sendBy: now.advanced(by: limits.durationMax)))
        return true
    }

    /// The next question to send; nil if there is none or enough are on their way.
    package mutating func next(at now: Instant) -> Request? {
        guard !waiting.isEmpty, asked.count < limits.countMax else { return nil }
        let first = waiting.removeFirst()
        lastRef += 1
        let answerBy = now.advanced(by: limits.durationMax)
        let request = Request(ref: lastRef, token: first.token, question: first.question, answerBy: answerBy)
        asked.append(request)
        return request
    }

    /// The question that an answer belongs to; nil if its time is over. One that the answer does not fit stays, to be
    /// answered at the end of the link.
    package mutating func answered(
        _ ref: Int64, fits: (Question) -> Bool
    ) throws(Refusal) -> Request? {
        guard let index = asked.firstIndex(where: { $0.ref == ref }) else { return nil }
        guard fits(asked[index].question) else {
            throw Refusal(.badValue, "the answer is not one to the question with this ref")
        }
        return asked.remove(at: index)
    }

    /// Nobody waits for these answers any more. Returns those that were not sent yet and now never will be.
    package mutating func withdraw(_ tokens: Set<UInt64>) -> [UInt64] {
        let withdrawn = waiting.map(\.token).filter(tokens.contains)
        waiting.removeAll { tokens.contains($0.token) }
        return withdrawn
    }

    /// Tokens of questions whose time is over, with the questions.
    package mutating func expired(at now: Instant) -> [(token: UInt64, question: Question)] {
        let late = asked.prefix { $0.answerBy <= now }.map { ($0.token, $0.question) }
        asked.removeFirst(late.count)
        let unsent = waiting.prefix { $0.sendBy <= now }.map { ($0.token, $0.question) }
        waiting.removeFirst(unsent.count)
        return late + unsent
    }

    /// The link is gone: all questions that have no answer.
    package mutating func end() -> [(token: UInt64, question: Question)] {
        defer { (asked, waiting, wanted) = ([], [], []) }
        return asked.map { ($0.token, $0.question) } + waiting.map { ($0.token, $0.question) }
    }

    /// The peer asks. False if it asks too much.
    package mutating func wants(_ ref: Int64) throws(Refusal) -> Bool {
        guard !wanted.contains(ref) else { throw Refusal(.badID, "this ref is still waiting for its answer") }
        guard wanted.count < limits.countMax else { return false }
        wanted.insert(ref)
        return true
    }

    /// False if the question is not of this link.
    package mutating func answers(_ ref: Int64) -> Bool { wanted.remove(ref) != nil }
}

extension Requests.Limits where Question == UserName {
    /// Whose device keys? People write to few others at a time; what they know already they do not ask.
    package static let keys = Self(countMax: 64, waitingMax: 0, durationMax: .seconds(10))
}

extension Requests.Limits where Question == FileQuestion {
    /// 16 chunks take about 1 MiB of a link, as much as a window of envelopes, so that no message waits long behind
    /// them. 256 that wait are 12 MiB; whoever wants more finds the link busy.
    package static let files = Self(countMax: 16, waitingMax: 256, durationMax: .seconds(20))
}
