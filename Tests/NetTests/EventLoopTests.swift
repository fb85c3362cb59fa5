import Bytes
import Glibc
import Net
import Synchronization
import Testing

@Suite struct EventLoopTests {
    private struct Stop: Error {}

    @Test func timersFireInOrderAndNotEarly() throws {
        var fired: [Int] = []
        try withLoop { loop in
            let start = loop.now
            for milliseconds in [15, 5, 10, 0] {
                loop.schedule(after: .milliseconds(milliseconds)) {
                    #expect(loop.now.since(start) >= .milliseconds(milliseconds))
                    fired.append(milliseconds)
                }
            }
            let cancelled = loop.schedule(after: .milliseconds(7)) { fired.append(7) }
            loop.schedule(after: .milliseconds(5)) { loop.cancel(cancelled) }
            loop.schedule(after: .milliseconds(20)) { loop.stop() }
        }
        #expect(fired == [0, 5, 10, 15])
    }

    @Test func aTimerThatSchedulesItselfStarvesNobody() throws {
        var rounds = 0
        try withLoop { loop in
            func again() {
                rounds += 1
                loop.schedule(after: .zero, again)
            }
            again()
            loop.schedule(after: .milliseconds(5)) { loop.stop() }
        }
        #expect(rounds > 1)
    }

    @Test func endOfTurnComesAfterTheTurnAndOnce() throws {
        var order: [String] = []
        try withLoop { loop in
            loop.schedule(after: .zero) {
                loop.afterThisTurn {
                    order.append("end")
                    loop.afterThisTurn {
                        order.append("next end")
                        loop.stop()
                    }
                }
                order.append("first")
            }
            loop.schedule(after: .zero) { order.append("second") }
        }
        #expect(order == ["first", "second", "end", "next end"])
    }

    @Test func whatSetUpThrowsEndsTheLoop() {
        #expect(throws: Stop.self) { try EventLoop.run { _ in throw Stop() } }
    }

    @Test func manyThreadsPostToOneInbox() throws {
        let threads = 8
        let each = 2_000
        var received = [Int](repeating: 0, count: threads)
        var batches = 0
        try withLoop { loop in
            let inbox = loop.makeInbox { (messages: [(thread: Int, number: Int)]) in
                batches += 1
                for message in messages {
                    #expect(message.number == received[message.thread], "one thread's messages keep their order")
                    received[message.thread] += 1
                }
                if received.allSatisfy({ $0 == each }) { loop.stop() }
            }
            for thread in 0..<threads {
                _ = try EventLoop.spawn(name: "poster") { other in
                    for number in 0..<each { inbox.post((thread, number)) }
                    other.stop()
                }
            }
        }
        #expect(received == [Int](repeating: each, count: threads))
        #expect(batches <= threads * each)
    }

    @Test func postingToALoopThatEndedIsHarmless() throws {
        var kept: Inbox<Int>?
        var received: [Int] = []
        try EventLoop.run { loop in
            kept = loop.makeInbox { received += $0 }
            loop.stop()
        }
        kept?.post(1)
        #expect(received.isEmpty)
    }

    @Test func twoLoopsTalkBothWays() throws {
        // Sent out by the other loop; a box, for the closure runs on another thread.
        let address = Mutex<Inbox<Int>?>(nil)
        var answers: [Int] = []
        try withLoop { loop in
            let answered = loop.makeInbox { (numbers: [Int]) in
                answers += numbers
                if answers.count == 100 { address.withLock { $0 }?.post(-1) }
                if numbers.contains(-1) { loop.stop() }
            }
            let thread = try EventLoop.spawn(name: "doubler") { other in
                let questions = other.makeInbox { (numbers: [Int]) in
                    for number in numbers { answered.post(number < 0 ? number : 2 * number) }
                    if numbers.contains(-1) { other.stop() }
                }
                address.withLock { $0 = questions }
                answered.post(0)
            }
            _ = thread
            loop.schedule(after: .zero) {
                func ask() {
                    guard let questions = address.withLock({ $0 }) else { return _ = loop.schedule(after: .zero, ask) }
                    for number in 1..<100 { questions.post(number) }
                }
                ask()
            }
        }
        #expect(Array(answers.prefix(100)) == (0..<100).map { 2 * $0 })
    }

    @Test func joinWaitsForTheEnd() throws {
        let hasEnded = Atomic(false)
        let thread = try EventLoop.spawn(name: "brief") { loop in
            loop.schedule(after: .milliseconds(20)) {
                hasEnded.store(true, ordering: .sequentiallyConsistent)
                loop.stop()
            }
        }
        thread.join()
        let hadEnded = hasEnded.load(ordering: .sequentiallyConsistent)
        #expect(hadEnded)
        thread.join()
    }
}
