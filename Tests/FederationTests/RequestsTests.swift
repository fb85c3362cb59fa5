import Bytes
import Federation
import Testing
import Wire

@Suite struct RequestsTests {
    private typealias Limits = Requests<UserName>.Limits

    private let one = Limits(countMax: 1, waitingMax: 2, durationMax: .seconds(10))

    private func answered(_ ref: Int64, _ requests: inout Requests<UserName>) throws -> UInt64? {
        try requests.answered(ref) { _ in true }?.token
    }

    @Test func eachQuestionHasOneAnswer() throws {
        var requests = Requests<UserName>(.keys)
        #expect(requests.ask(user("ann"), token: 7, at: seconds(0)) == true)
        #expect(requests.ask(user("ann"), token: 8, at: seconds(0)) == true)
        let refs = [requests.next(at: seconds(0)), requests.next(at: seconds(0)), requests.next(at: seconds(0))]
        #expect(refs.map { $0?.ref } == [1, 2, nil])
        #expect(throws: Refusal.self) { try requests.answered(2) { $0 == user("eve") } }
        let answers = [try answered(2, &requests), try answered(2, &requests)]
        #expect(answers == [8, nil])
        let rest = requests.end().map(\.token)
        #expect(rest == [7])
        #expect(try answered(1, &requests) == nil)
    }

    @Test func questionsExpire() throws {
        var requests = Requests<UserName>(.keys)
        for token: UInt64 in [1, 2] {
            let now = seconds(Double(token) - 1)
            #expect(requests.ask(user("ann"), token: token, at: now) == true)
            _ = requests.next(at: now)
        }
        #expect(requests.deadline == seconds(10))
        let expired = [9.9, 10].map { requests.expired(at: seconds($0)).map(\.token) }
        #expect(expired == [[], [1]])
        #expect(try answered(1, &requests) == nil)
        #expect(requests.deadline == seconds(11))
    }

    @Test func whatWaitsIsSentInItsOrderAsAnswersCome() throws {
        var requests = Requests<UserName>(one)
        for token: UInt64 in 1...3 { #expect(requests.ask(user("ann"), token: token, at: seconds(0)) == true) }
        #expect(requests.ask(user("ann"), token: 4, at: seconds(0)) == false)
        let first = [requests.next(at: seconds(0)), requests.next(at: seconds(0))]
        #expect(first.map { $0?.token } == [1, nil])
        #expect(requests.ask(user("ann"), token: 4, at: seconds(0)) == false)
        #expect(try answered(1, &requests) == 1)
        #expect(requests.ask(user("ann"), token: 4, at: seconds(1)) == true)
        let second = requests.next(at: seconds(2))
        #expect(second?.token == 2 && second?.ref == 2 && second?.answerBy == seconds(12))
        // The third has waited long enough, the fourth has not.
        #expect(requests.deadline == seconds(10))
        let expired = [10.0, 12].map { requests.expired(at: seconds($0)).map(\.token) }
        #expect(expired == [[3], [2, 4]])
        #expect(requests.next(at: seconds(12)) == nil)
        #expect(requests.deadline == nil)
    }

    @Test func whatNobodyWaitsForIsNotSent() {
        var requests = Requests<UserName>(one)
        for token: UInt64 in 1...3 { _ = requests.ask(user("ann"), token: token, at: seconds(0)) }
        _ = requests.next(at: seconds(0))
        #expect(requests.withdraw([1, 2, 9]) == [2])
        let rest = requests.end().map(\.token)
        #expect(rest == [1, 3])
    }

    @Test func bothDirectionsAreBounded() throws {
        var requests = Requests<UserName>(.keys)
        for number in 0..<64 {
            #expect(requests.ask(user("ann"), token: UInt64(number), at: seconds(0)) == true)
            #expect(requests.next(at: seconds(0)) != nil)
            #expect(try requests.wants(Int64(number)))
        }
        #expect(requests.ask(user("ann"), token: 99, at: seconds(0)) == false)
        #expect(try !requests.wants(99))
        #expect(requests.answers(99) == false)
        #expect(requests.answers(0) == true)
        #expect(requests.answers(0) == false)
        #expect(try requests.wants(99))
        #expect(throws: Refusal.self) { try requests.wants(99) }
    }
}
