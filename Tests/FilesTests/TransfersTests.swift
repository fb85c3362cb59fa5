import Bytes
import Files
import Testing
import Wire

private let chunk = Int64(FileChunk.bytesMax)

@Suite struct TransfersTests {
    private func online(_ seed: UInt64 = 1) -> TransferStage {
        var stage = TransferStage(seed: seed)
        stage.connect(0)
        stage.connect(1)
        return stage
    }

    private func refusal(_ body: () throws -> Void) -> Refusal.Code? {
        do { try body() } catch let refusal as Refusal { return refusal.code } catch {}
        return nil
    }

    @Test(arguments: [0, 1, chunk - 1, chunk, chunk + 1, 11 * chunk])
    func aFileGoesFromOneToTheOther(_ bytes: Int64) throws {
        var stage = online()
        try stage.send(id(1), bytes)
        stage.run()
        #expect(stage.state(0, id(1)) == .offered)
        #expect(stage.clients[0].settled == [id(1): [nil]])
        stage.deliver()
        #expect(stage.state(1, id(1)) == .offered)
        try stage.accept(id(1))
        stage.run()
        #expect(stage.state(1, id(1)) == .complete)
        #expect(stage.state(0, id(1)) == .complete)
        #expect(stage.clients[1].settled == [id(1): [nil]])
        #expect(stage.clients[0].told[id(1)]?.last == .complete)
        #expect(stage.clients[1].transfers.progress(of: id(1))?.bytes == bytes)
        #expect(stage.clients[0].transfers.isIdle)
        #expect(stage.clients[1].transfers.isIdle)
        #expect(stage.clients[1].rows[id(1)]?.outcome == nil)
    }

    /// Cuts, crashes, refusals and answers in any order: in the end everything has arrived, each chunk written once.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func endsWholeWhateverHappens(_ seed: UInt64) throws {
        var stage = online(seed)
        stage.refusalPercent = Int.random(in: 0...30, using: &stage.random)
        let count = UInt64.random(in: 1...12, using: &stage.random)
        let numbers = 1...count
        for number in numbers {
            try stage.send(id(number), chunk * Int64.random(in: 0...9, using: &stage.random) + 5)
        }
        var wishes = Set(numbers.map { id($0) })
        var troubles = Int.random(in: 0...40, using: &stage.random)
        for _ in 0..<20_000 {
            let isMoving = stage.step()
            stage.deliver()
            for wish in wishes where stage.state(1, wish) == .offered {
                wishes.remove(wish)
                try stage.accept(wish)
            }
            if troubles > 0, Int.random(in: 0..<25, using: &stage.random) == 0 {
                troubles -= 1
                let number = Int.random(in: 0..<2, using: &stage.random)
                // What a command has not heard of is not promised to survive a crash.
                let mayCrash = stage.clients[number].transfers.isKept && stage.clients[number].unsaved.isEmpty
                if mayCrash, Bool.random(using: &stage.random) { stage.crash(number) } else { stage.cut(number) }
            }
            if troubles == 0 { stage.refusalPercent = 0 }
            if !isMoving {
                stage.connect(0)
                stage.connect(1)
                stage.advance(by: .seconds(16))
                if wishes.isEmpty, numbers.allSatisfy({ stage.state(0, id($0)) == .complete }) { break }
            }
        }
        for number in numbers {
            #expect(stage.state(0, id(number)) == .complete)
            #expect(stage.state(1, id(number)) == .complete)
            #expect(stage.clients[0].settled[id(number)] == [nil])
            #expect(stage.clients[1].settled[id(number)] == [nil])
            #expect(stage.clients[0].told[id(number)]?.contains(.failed) == false)
        }
    }

    @Test func aSecondFileMovesBesideTheFirst() throws {
        var stage = online()
        try stage.send(id(1), 1000 * chunk)
        try stage.send(id(2), 4 * chunk)
        for _ in 0..<10_000 where stage.state(0, id(2)) != .offered { _ = stage.step() }
        let first = try #require(stage.clients[0].transfers.progress(of: id(1)))
        #expect(stage.state(0, id(2)) == .offered)
        #expect(first.bytes < 100 * chunk)
    }

    @Test func tellsAtMostOnceASecondWhileItMoves() throws {
        var stage = online()
        try stage.send(id(1), 1000 * chunk)
        for _ in 0..<600 {
            stage.now = stage.now.advanced(by: .milliseconds(25))
            _ = stage.step()
        }
        let times = try #require(stage.clients[0].tellTimes[id(1)])
        #expect(times.count > 5)
        for (one, next) in zip(times, times.dropFirst()).dropLast() { #expect(next.since(one) >= .seconds(1)) }
        #expect(stage.clients[0].transfers.progress(of: id(1))?.bytesPerSecond ?? 0 > 0)
    }

    // MARK: Ends

    @Test func aDeclinedFileEndsForBoth() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        _ = try stage.clients[1].transfers.cancel(id(1), now: stage.now)
        stage.perform(1)
        stage.run()
        #expect(stage.state(0, id(1)) == .cancelled)
        #expect(stage.state(1, id(1)) == .cancelled)
        #expect(stage.clients[1].settled[id(1)] == [nil])
        #expect(stage.spool[id(1)]?.outcome == .declined)
        #expect(refusal { _ = try stage.accept(id(1)) } == .badValue)
    }

    @Test func aFileTakenBackCannotBeFetched() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        _ = try stage.clients[0].transfers.cancel(id(1), now: stage.now)
        stage.perform(0)
        stage.run()
        try stage.accept(id(1))
        stage.run()
        #expect(stage.state(1, id(1)) == .failed)
        #expect(stage.clients[1].transfers.progress(of: id(1))?.transfer.reason?.code == .noFile)
        #expect(refusal { _ = try stage.clients[0].transfers.cancel(id(1), now: stage.now) } == .badValue)
    }

    @Test func whoeverTakesBackWhatHasArrivedHearsThatItHas() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        stage.cut(0)
        try stage.accept(id(1))
        stage.run()
        _ = try stage.clients[0].transfers.cancel(id(1), now: stage.now)
        stage.perform(0)
        #expect(stage.state(0, id(1)) == .cancelled)
        stage.connect(0)
        stage.run()
        #expect(stage.state(1, id(1)) == .complete)
        #expect(stage.state(0, id(1)) == .complete)
        #expect(stage.clients[0].rows[id(1)]?.state == .complete)
        #expect(stage.clients[0].rows[id(1)]?.outcome == nil)
    }

    @Test func anOutcomeIsRepeatedUntilTheNodeHasIt() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        stage.cut(1)
        _ = try stage.clients[1].transfers.cancel(id(1), now: stage.now)
        stage.perform(1)
        #expect(stage.clients[1].rows[id(1)]?.outcome == .declined)
        stage.crash(1)
        stage.refusalPercent = 100
        stage.connect(1)
        stage.run()
        #expect(stage.spool[id(1)]?.outcome == nil)
        stage.refusalPercent = 0
        stage.advance(by: .seconds(14))
        stage.run()
        #expect(stage.spool[id(1)]?.outcome == nil, "not before its time")
        stage.advance(by: .seconds(1))
        stage.run()
        #expect(stage.spool[id(1)]?.outcome == .declined)
        #expect(stage.clients[1].rows[id(1)]?.outcome == nil)
    }

    @Test func theAuthorsServerComesBack() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        stage.refusalPercent = 100
        try stage.accept(id(1))
        stage.run()
        stage.refusalPercent = 0
        #expect(stage.state(1, id(1)) == .receiving)
        #expect(stage.clients[1].transfers.progress(of: id(1))?.transfer.reason != nil)
        #expect(stage.clients[1].transfers.wakeAt == stage.now.advanced(by: .seconds(15)))
        stage.clients[1].transfers.came(bob.server, at: stage.now)
        stage.perform(1)
        stage.run()
        #expect(stage.state(1, id(1)) == .complete)
    }

    @Test func aNodeThatLostTheFileHasItUploadedAnew() throws {
        var stage = online()
        try stage.send(id(1), 3 * chunk)
        stage.run()
        stage.deliver()
        stage.spool = [:]
        stage.cut(0)
        stage.connect(0)
        stage.run()
        #expect(stage.state(0, id(1)) == .offered)
        #expect(stage.spool[id(1)]?.held == 3)
        #expect(stage.clients[0].offers[id(1)] == 1)
    }

    @Test func aFileThatChangedIsNotSealedUnderTheSameKey() throws {
        var stage = online()
        try stage.send(id(1), 30 * chunk)
        for _ in 0..<20 { _ = stage.step() }
        stage.crash(0)
        for path in Array(stage.sizes.keys) { stage.sizes[path] = 29 * chunk }
        stage.connect(0)
        stage.run()
        #expect(stage.state(0, id(1)) == .failed)
        #expect(stage.clients[0].transfers.progress(of: id(1))?.transfer.reason?.code == .damaged)
        #expect(stage.spool[id(1)]?.outcome == .cancelled)
    }

    // MARK: Refusals

    @Test func sizesAreCheckedBeforeAnythingIsRead() throws {
        var stage = TransferStage(seed: 1)
        stage.connect(0, fileBytesMax: 100)
        try stage.send(id(1), 101)
        #expect(stage.clients[0].orders == [.hash(job: 1, path: "/home/alice/\(id(1)).bin", bytesMax: 100)])
        stage.cut(0)
        stage.connect(0, fileBytesMax: 0)
        #expect(refusal { try stage.send(id(2), 0) } == .fileTooLarge)
        stage.cut(0)
        stage.connect(0, fileBytesMax: nil)
        #expect(refusal { try stage.send(id(3), 0) } == .fileTooLarge)
    }

    @Test func aNodeThatTakesLessIsNoticedAtTheLogin() throws {
        var stage = TransferStage(seed: 1)
        try stage.send(id(1), 5000)
        stage.run()
        #expect(stage.state(0, id(1)) == .sending)
        stage.connect(0, fileBytesMax: 4999)
        #expect(stage.state(0, id(1)) == .failed)
        let reason = stage.clients[0].transfers.progress(of: id(1))?.transfer.reason
        #expect(reason == Transfers.tooLarge(5000, 4999))
        #expect(reason?.text.contains("5000") == true && reason?.text.contains("4999") == true)
    }

    @Test func anIDBelongsToOneFile() throws {
        var stage = online()
        try stage.send(id(1), 10)
        stage.run()
        #expect(refusal { try stage.send(id(1), 10) } == .idReused)
        stage.deliver()
        let offer = TransferStage.offer("other", 10)
        let eve = address("eve@s1")
        let isTaken = [eve, alice].map {
            stage.clients[1].transfers.offered(offer, id: id(1), from: $0, to: .direct(bob), at: 1, now: stage.now)
        }
        #expect(isTaken == [false, true])
        #expect(stage.clients[1].transfers.progress(of: id(1))?.transfer.offer.name == "file", "the first one counts")
    }

    @Test func onlySoManyAreOpen() throws {
        var stage = TransferStage(seed: 1)
        for number in 1...256 as ClosedRange<UInt64> { try stage.send(id(number), 10) }
        #expect(refusal { try stage.send(id(257), 10) } == .busy)
        for number in 1...1025 as ClosedRange<UInt64> {
            _ = stage.clients[1].transfers.offered(
                TransferStage.offer("a", 10), id: id(number), from: alice, to: .everyone, at: 1, now: stage.now)
        }
        #expect(stage.state(1, id(1)) == .failed)
        #expect(stage.clients[1].transfers.progresses.count { !$0.transfer.isOver } == 1024)
    }

    @Test func onlyTheLastThatAreOverAreKept() throws {
        var stage = online()
        for number in 1...30 as ClosedRange<UInt64> {
            try stage.send(id(number), 10)
            stage.run()
            _ = try stage.clients[0].transfers.cancel(id(number), now: stage.now)
            stage.perform(0)
            stage.run()
        }
        #expect(stage.clients[0].transfers.progresses.map(\.transfer.number) == Array(11...30))
        #expect(stage.clients[0].rows.count == 20)
    }

    /// Files that are over are forgotten in the end, but none of which a command waits to hear.
    @Test func everyCommandIsAnsweredHoweverManyThereAre() throws {
        var stage = online()
        let ids = (1...UInt64(3 * Transfers.overMax)).map { id($0) }
        for each in ids {
            _ = stage.clients[1].transfers.offered(
                TransferStage.offer("a", 5), id: each, from: alice, to: .everyone, at: 7, now: stage.now)
        }
        stage.run()
        for each in ids { _ = try stage.clients[1].transfers.cancel(each, now: stage.now) }
        stage.perform(1)
        stage.run()
        for each in ids { #expect(stage.clients[1].settled[each] == [nil], "\(each)") }
        #expect(stage.clients[1].transfers.progresses.count == Transfers.overMax)
        #expect(stage.clients[1].rows.count == Transfers.overMax)
    }

    /// A file that failed is accepted once more while others end.
    @Test func aFileThatIsBeingAcceptedIsNotForgotten() throws {
        var stage = online()
        let ids = (1...UInt64(2 * Transfers.overMax)).map { id($0) }
        for each in ids {
            _ = stage.clients[1].transfers.offered(
                TransferStage.offer("a", 5), id: each, from: alice, to: .everyone, at: 7, now: stage.now)
        }
        stage.run()
        // The node knows nothing of it.
        try stage.accept(id(1))
        stage.run()
        #expect(stage.state(1, id(1)) == .failed)
        try stage.accept(id(1))
        for each in ids.dropFirst() { _ = try stage.clients[1].transfers.cancel(each, now: stage.now) }
        stage.perform(1)
        stage.run()
        #expect(stage.clients[1].settled[id(1)]?.count == 2)
    }

    /// The run before was killed when the file had its name and the record did not say so.
    @Test func aFileThatIsFoundWholeIsComplete() {
        let offer = TransferStage.offer("a", 3 * chunk)
        let stored = Transfer(
            number: 1, isOutgoing: false, id: id(1), from: alice, to: .direct(bob), at: 7, offer: offer,
            state: .receiving, done: 2, place: Transfer.Place(folder: "/home/bob", name: "a"))
        var transfers = Transfers(address: bob, stored: [stored])
        let now = Instant(nanoseconds: 0)
        transfers.connected(fileBytesMax: 1 << 30, at: now)
        guard case .order(.prepare(let job, _, _, _, 2, _))? = transfers.takeActions().first else {
            Issue.record("not prepared")
            return
        }
        transfers.report(FileReport(job: job, .reading(bytes: 0, of: offer.bytes)), at: now)
        #expect(transfers.takeActions() == [.order(.goOn(job: job))])
        transfers.report(FileReport(job: job, .finished(path: "/home/bob/a")), at: now)
        #expect(transfers.progress(of: id(1))?.transfer.state == .complete)
        transfers.saved(id(1), at: now)
        #expect(transfers.takeActions().contains(.ask(.outcome(from: alice, id: id(1), .received))))
    }

    @Test func aFileForEverybodyDoesNotFailByItsAge() throws {
        for (to, state) in [(Conversation.everyone, Transfer.State.cancelled), (.direct(bob), .failed)] {
            var stage = online()
            try stage.send(id(1), 10, to: to)
            stage.run()
            let status = FileStatus(id: id(1), held: 1, chunks: 1, outcome: .expired)
            stage.clients[0].transfers.ended(status, at: stage.now)
            stage.perform(0)
            #expect(stage.state(0, id(1)) == state)
        }
    }

    @Test func theSpeedIsThatOfTheConnection() throws {
        var stage = online()
        try stage.send(id(1), 100 * chunk)
        var speed: Int64? { stage.clients[0].transfers.progress(of: id(1))?.bytesPerSecond }
        for _ in 0..<60 where stage.step() { stage.now = stage.now.advanced(by: .milliseconds(50)) }
        #expect(speed != nil)
        stage.cut(0)
        stage.now = stage.now.advanced(by: .seconds(2))
        stage.connect(0)
        for _ in 0..<10_000 where speed == nil && stage.step() {
            stage.now = stage.now.advanced(by: .milliseconds(10))
        }
        // A chunk takes some steps of 10 ms: two seconds of silence would leave a fraction of that.
        #expect(try #require(speed) > 10 * chunk)
    }

    @Test func whatCannotBeReadIsNotBegun() throws {
        var stage = online()
        try stage.send(id(1), 10)
        stage.sizes = [:]
        stage.run()
        #expect(stage.clients[0].settled[id(1)]?.first??.code == .badValue)
        #expect(!stage.clients[0].transfers.contains(id(1)))
        #expect(stage.clients[0].rows.isEmpty)
        #expect(refusal { _ = try stage.accept(id(9)) } == .noFile)
    }
}
