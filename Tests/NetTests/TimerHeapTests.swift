import Bytes
import Net
import Testing

@Suite struct TimerHeapTests {
    @Test(arguments: UInt64(1)...20)
    func equalsASortedList(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var heap = TimerHeap<Int>()
        var model: [(deadline: Instant, name: Int, id: TimerID)] = []
        var now = Instant(nanoseconds: 0)
        for name in 0..<3_000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                let deadline = now.advanced(by: .nanoseconds(Int64.random(in: 0..<50, using: &generator)))
                model.append((deadline, name, heap.schedule(at: deadline, name)))
            case 2:
                guard let victim = model.indices.randomElement(using: &generator) else { continue }
                let results = [heap.cancel(model[victim].id), heap.cancel(model[victim].id)]
                #expect(results == [true, false])
                model.remove(at: victim)
            default:
                now = now.advanced(by: .nanoseconds(Int64.random(in: 0..<10, using: &generator)))
                // Stable: those of one deadline stay in the order they were scheduled.
                let due = model.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.name) < ($1.deadline, $1.name) }
                model.removeAll { $0.deadline <= now }
                let mark = heap.mark
                var fired: [Int] = []
                while let name = heap.popDue(at: now, scheduledBy: mark) { fired.append(name) }
                #expect(fired == due.map(\.name))
            }
            #expect(heap.count == model.count)
            if let earliest = model.map(\.deadline).min(), let next = heap.nextDeadline { #expect(next <= earliest) }
        }
    }

    @Test func aTimerScheduledMeanwhileWaitsForTheNextRound() {
        var heap = TimerHeap<String>()
        let now = Instant(nanoseconds: 5)
        _ = heap.schedule(at: now, "first")
        let mark = heap.mark
        var fired = [heap.popDue(at: now, scheduledBy: mark)]
        _ = heap.schedule(at: now, "second")
        fired.append(heap.popDue(at: now, scheduledBy: mark))
        fired.append(heap.popDue(at: now, scheduledBy: heap.mark))
        #expect(fired == ["first", nil, "second"])
    }

    @Test func cancelledTimersTakeNoLastingRoom() {
        var heap = TimerHeap<Int>()
        let keeper = heap.schedule(at: Instant(nanoseconds: 1_000), 0)
        for number in 0..<10_000 { heap.cancel(heap.schedule(at: Instant(nanoseconds: Int64(number)), number)) }
        #expect(heap.count == 1)
        #expect(heap.nextDeadline != nil)
        let wasThere = heap.cancel(keeper)
        #expect(wasThere)
    }
}
