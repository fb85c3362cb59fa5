import Federation
import Testing
import Wire

@Suite struct KeyRequestsTests {
    @Test func eachQuestionHasOneAnswer() throws {
        var requests = KeyRequests()
        #expect(requests.ask(user("ann"), token: 7, at: seconds(0)) == .keysWanted(ref: 1, user: user("ann")))
        #expect(requests.ask(user("ann"), token: 8, at: seconds(0)) == .keysWanted(ref: 2, user: user("ann")))
        #expect(throws: Refusal.self) { try requests.answered(2, user: user("eve")) }
        #expect(try requests.answered(2, user: user("ann"))?.token == 8)
        #expect(try requests.answered(2, user: user("ann")) == nil)
        #expect(requests.end().map(\.token) == [7])
        #expect(try requests.answered(1, user: user("ann")) == nil)
    }

    @Test func questionsExpire() throws {
        var requests = KeyRequests()
        _ = requests.ask(user("ann"), token: 1, at: seconds(0))
        _ = requests.ask(user("bob"), token: 2, at: seconds(1))
        #expect(requests.deadline == seconds(10))
        #expect(requests.expired(at: seconds(9.9)) == [])
        #expect(requests.expired(at: seconds(10)).map(\.token) == [1])
        #expect(try requests.answered(1, user: user("ann")) == nil)
        #expect(requests.deadline == seconds(11))
    }

    @Test func bothDirectionsAreBounded() throws {
        var requests = KeyRequests()
        for number in 0..<KeyRequests.countMax {
            #expect(requests.ask(user("ann"), token: UInt64(number), at: seconds(0)) != nil)
            #expect(try requests.wants(Int64(number)))
        }
        #expect(requests.ask(user("ann"), token: 99, at: seconds(0)) == nil)
        #expect(try !requests.wants(99))
        #expect(requests.answers(99) == false)
        #expect(requests.answers(0) == true)
        #expect(requests.answers(0) == false)
        #expect(try requests.wants(99))
        #expect(throws: Refusal.self) { try requests.wants(99) }
    }
}
