import Glibc
import Net
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test func answersArriveOnTheLoop() throws {
        var answers: [Int] = []
        try withLoop { loop in
            let pool = try WorkerPool(name: "squares", threads: 3, jobsMax: 100)
            let inbox = loop.makeInbox { (numbers: [Int]) in
                answers += numbers
                if answers.count == 100 { loop.stop() }
            }
            for number in 0..<100 { #expect(pool.submit(answeringTo: inbox) { number * number }) }
            loop.schedule(after: .seconds(30)) { _ = pool }
        }
        #expect(answers.sorted() == (0..<100).map { $0 * $0 })
    }

    /// The only thread is held until the queue was filled, so what fits is exact.
    @Test func refusesWhatExceedsTheQueue() throws {
        var answers: [Int] = []
        var gate: [Int32] = [0, 0]
        #expect(pipe(&gate) == 0)
        let (reading, writing) = (gate[0], gate[1])
        defer {
            close(reading)
            close(writing)
        }
        try withLoop { loop in
            let pool = try WorkerPool(name: "held", threads: 1, jobsMax: 2)
            let finished = loop.makeInbox { (numbers: [Int]) in
                answers += numbers
                if answers.count == 3 { loop.stop() }
            }
            let started = loop.makeInbox { (_: [Bool]) in
                #expect(pool.submit(answeringTo: finished) { 1 })
                #expect(pool.submit(answeringTo: finished) { 2 })
                #expect(!pool.submit(answeringTo: finished) { 3 })
                #expect(write(writing, [0], 1) == 1)
            }
            let isTaken = pool.submit(answeringTo: finished) {
                started.post(true)
                var byte: UInt8 = 0
                _ = read(reading, &byte, 1)
                return 0
            }
            #expect(isTaken)
        }
        #expect(answers == [0, 1, 2])
    }

    @Test func aClosedPoolRefuses() throws {
        try withLoop { loop in
            let pool = try WorkerPool(name: "closed", threads: 2, jobsMax: 2)
            pool.close()
            #expect(!pool.submit(answeringTo: loop.makeInbox { (_: [Int]) in Issue.record("it ran") }) { 1 })
            loop.schedule(after: .milliseconds(5)) { loop.stop() }
        }
    }
}
