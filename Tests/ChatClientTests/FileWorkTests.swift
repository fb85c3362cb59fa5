import ChatClient
import Files
import Testing
import Wire

private let chunk = Int64(FileChunk.bytesMax)

@Suite struct FileWorkTests {
    private let path = "/home/alice/notes.txt"

    private func online() -> Play {
        var play = Play()
        play.sizes = [path: 2 * chunk + 5]
        play.login()
        play.answerKeys(of: alice, [key(alice)])
        return play
    }

    @discardableResult
    private func send(_ play: inout Play, _ number: UInt64 = 1, to: Conversation = .everyone) -> CommandToken {
        play.command(.file(id: id(number), to: to, path: path, at: 7))
    }

    private func status(_ number: UInt64, held: Int64, _ outcome: FileOutcome? = nil) -> FileStatus {
        FileStatus(id: id(number), held: held, chunks: 3, outcome: outcome)
    }

    /// Answers all questions about files that have not been answered, as a node would that holds all it is given.
    private func serve(_ play: inout Play, from start: Int = 0, refusing refusal: Refusal? = nil) -> Int {
        var next = start
        while next < play.sent.count {
            let line = play.sent[next]
            next += 1
            let answer: NodeLine? =
                switch line {
                case .file(let ref, let file):
                    .file(ref: ref, FileStatus(id: file.id, held: 0, chunks: file.chunks))
                case .chunk(let ref, let id, let index, _):
                    .file(ref: ref, FileStatus(id: id, held: index + 1, chunks: 3))
                case .fetch(let ref, let place): .chunk(ref: ref, data: [UInt8(place.index)])
                case .outcome(let ref, _, _, _): .outcome(ref: ref)
                default: nil
                }
            guard let answer else { continue }
            if let refusal, case .fetch(let ref, _) = line {
                play.give(.line(.refused(refusal, ref: ref, id: nil)))
            } else {
                play.give(.line(answer))
            }
        }
        return next
    }

    private func offered(_ seq: Int64, id number: UInt64, from: Address = bob, to: Conversation = .direct(alice))
        -> Entry
    {
        let content = MessageContent.file(Play.offer(2 * chunk + 5))
        let body: Envelope.Body = to == .everyone ? Envelope.Body(content) : .sealed(sealed(content, by: key(from)))
        return Entry(seq: seq, envelope: Envelope(id: id(number), from: from, to: to, at: 5, body: body))
    }

    private func receive(_ play: inout Play, id number: UInt64 = 9, seq: Int64 = 1) {
        play.give(.line(.message(offered(seq, id: number), in: .direct(bob))))
        play.answerKeys(of: bob, [key(bob)])
    }

    // MARK: Sending

    @Test func aFileIsOnRecordThenUploadedThenOffered() throws {
        var play = online()
        let token = send(&play)
        #expect(play.events.suffix(2).last == .done(token))
        guard case .file(let first, token)? = play.events.suffix(2).first else {
            Issue.record("no answer")
            return
        }
        #expect(first.state == .sending && first.number == 1 && first.of == 2 * chunk + 5 && first.path == path)
        #expect(play.files[id(1)]?.state == .sending)
        #expect(play.drafts.isEmpty)
        #expect(play.machine.pendingCount == 1 && !play.machine.isIdle)
        _ = serve(&play)
        #expect(play.drafts.map(\.id) == [id(1)])
        #expect(play.drafts.first?.body == .file(Play.offer(2 * chunk + 5)))
        #expect(play.drafts.first?.at == 7)
        #expect(play.progresses.last?.state == .offered)
        #expect(play.progresses.last?.bytes == 2 * chunk + 5)
        #expect(play.files[id(1)]?.isOffered == true)
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 1)))))
        #expect(play.machine.isIdle && play.machine.pendingCount == 0)
        play.give(.line(.file(ref: nil, status(1, held: 3, .expired))))
        #expect(play.progresses.last?.state == .cancelled)
    }

    @Test func anOfferToOnePersonIsSealedForThem() throws {
        var play = online()
        send(&play, to: .direct(bob))
        _ = serve(&play)
        #expect(play.drafts.isEmpty)
        #expect(play.progresses.last?.state == .offered, "its message is kept, whatever happens")
        play.answerKeys(of: bob, [key(bob)])
        guard case .sealed(let sealed)? = play.drafts.first?.body else {
            Issue.record("not sealed")
            return
        }
        #expect(opened(sealed) == .file(Play.offer(2 * chunk + 5)))
        for case .seal(_, let to, let content, let at, let keys) in play.actions {
            #expect(to == bob && at == 7 && keys == [key(bob), key(alice)])
            #expect(content == .file(Play.offer(2 * chunk + 5)))
        }
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 1)))))
        play.give(.line(.file(ref: nil, status(1, held: 3, .received))))
        #expect(play.progresses.last?.state == .complete)
    }

    /// A crash between any two things that reach the disk: the offer is sent in the end, and it is one.
    @Test func aCrashAtAnyPointNeitherLosesNorDoublesTheOffer() {
        var play = online()
        send(&play, to: .direct(bob))
        _ = serve(&play)
        play.answerKeys(of: bob, [key(bob)])
        play.give(.line(.state(MessageState(id: id(1), state: .accepted(seq: 1)))))
        let all = play.actions
        for end in 0...all.count {
            var stored = StoredState()
            stored.keys = [bob: [key(bob)], alice: [key(alice)]]
            stored.pins = stored.keys.mapValues { $0.map(\.account) }
            stored.cursors = [.everyone: 0]
            var pending: [PendingMessage] = []
            for action in all[..<end] {
                switch action {
                case .saveFile(let transfer): stored.files = [transfer]
                case .savePending(let message): pending = [message]
                case .saveDraft(let draft):
                    pending = [
                        PendingMessage(id: draft.id, to: draft.to, at: draft.at, place: 1, content: .draft(draft))
                    ]
                case .saveAccepted(let id, _, _):
                    pending = []
                    stored.accepted = [
                        AcceptedMessage(
                            id: id, to: .direct(bob), place: 1, text: nil, isOld: false, isUnconfirmed: false,
                            waiting: [])
                    ]
                default: break
                }
            }
            stored.pending = pending
            guard !stored.files.isEmpty else { continue }
            var next = Play(stored)
            next.sizes = [path: 2 * chunk + 5]
            next.login()
            _ = serve(&next)
            let isAccepted = !stored.accepted.isEmpty
            #expect(next.drafts.map(\.id) == (isAccepted ? [] : [id(1)]))
            #expect(next.files[id(1)].map { $0.state == .offered } ?? (stored.files.first?.state == .offered))
            if case .draft(let draft)? = pending.first?.content { #expect(next.drafts == [draft], "the same bytes") }
        }
    }

    @Test func anOfferThatIsRefusedTakesTheFileBack() {
        var play = online()
        send(&play)
        let place = serve(&play)
        let refusal = Refusal(.unknownUser, "nobody")
        play.give(.line(.refused(refusal, ref: nil, id: id(1))))
        #expect(play.progresses.last?.state == .failed)
        #expect(play.progresses.last?.reason == refusal)
        _ = serve(&play, from: place)
        #expect(play.sent.contains { if case .outcome(_, alice, id(1), .cancelled) = $0 { true } else { false } })
    }

    @Test func aFileThatIsNotThereIsRefused() {
        var play = online()
        let token = play.command(.file(id: id(1), to: .everyone, path: "/nowhere", at: 7))
        #expect(play.errors == ["bad-value"])
        #expect(play.events.last == .done(token))
        #expect(play.machine.isIdle && play.machine.isKept)
    }

    @Test func aDiskThatFailsIsTold() {
        var play = online()
        play.saves = false
        let token = send(&play)
        #expect(!play.machine.isKept)
        play.give(.fileSaveFailed(id(1), reason: "full"))
        #expect(play.errors == ["store-failed"])
        #expect(play.events.last == .done(token))
        #expect(play.machine.isKept && play.machine.isIdle)
    }

    @Test func idsOfMessagesAndFilesAreTheSame() {
        var play = online()
        play.say(1)
        send(&play, 1)
        send(&play, 2)
        play.say(2)
        #expect(play.errors == ["id-reused", "id-reused"])
    }

    @Test func aNodeOfAnEarlierVersionTakesNoFiles() {
        var play = Play()
        play.sizes = [path: 5]
        play.login(fileBytesMax: nil)
        send(&play)
        #expect(play.errors == ["file-too-large"])
    }

    @Test func oneThatIsTakenBackBeforeItWasSentIsNotOffered() {
        var play = online()
        play.saves = false
        send(&play)
        play.give(.fileSaved(id(1)))
        let place = serve(&play)
        #expect(play.drafts.isEmpty)
        let token = play.command(.cancel(id(1)))
        #expect(!play.events.contains(.done(token)), "not before it is on record")
        #expect(
            play.events.contains { if case .file(let file, token) = $0 { file.state == .cancelled } else { false } })
        #expect(play.actions.contains(.removePending(id(1))))
        play.give(.saved(id(1)))
        play.give(.fileSaved(id(1)))
        #expect(play.events.last == .done(token))
        _ = serve(&play, from: place)
        #expect(play.drafts.isEmpty)
        #expect(play.sent.contains { if case .outcome(_, alice, id(1), .cancelled) = $0 { true } else { false } })
    }

    // MARK: Receiving

    @Test func anOfferIsShownThenFetchedWhereItIsWanted() throws {
        var play = online()
        receive(&play)
        guard case .message(let message, nil)? = play.events.dropLast().last,
            case .file(let file, nil)? = play.events.last
        else {
            Issue.record("not message, then file")
            return
        }
        #expect(message.content == .file(Play.offer(2 * chunk + 5)))
        #expect(file.state == .offered && file.number == 1 && file.from == bob && file.name == "notes.txt")
        let before = play.sent.count
        let token = play.command(.accept(id(9), path: "/home/alice"))
        #expect(play.events.suffix(2).last == .done(token))
        #expect(play.progresses.last?.state == .receiving)
        let place = serve(&play, from: before)
        #expect(play.progresses.last?.state == .complete)
        #expect(play.progresses.last?.path == "/home/alice/got")
        #expect(play.sent.contains { if case .outcome(_, bob, id(9), .received) = $0 { true } else { false } })
        #expect(place == play.sent.count)
        #expect(play.files[id(9)]?.outcome == nil)
        play.command(.accept(id(9), path: "/home/alice"))
        #expect(play.errors == ["bad-value"])
        #expect(play.machine.isIdle)
    }

    @Test func whatCannotBeAcceptedStaysOffered() {
        var play = online()
        receive(&play)
        let token = play.command(.accept(id(9), path: nil))
        #expect(play.errors == ["bad-value"])
        #expect(play.events.last == .done(token))
        #expect(play.files[id(9)]?.state == .offered)
        play.command(.accept(id(77), path: nil))
        #expect(play.errors == ["bad-value", "no-file"])
        play.command(.accept(id(9), path: "/home/alice"))
        #expect(play.progresses.last?.state == .receiving)
        play.command(.accept(id(9), path: "/home/alice"))
        #expect(play.errors.count == 2)
        #expect(play.progresses.last?.state == .receiving)
    }

    @Test func anAcceptanceIsAnsweredOnceItIsOnRecord() {
        var play = online()
        receive(&play)
        play.saves = false
        let token = play.command(.accept(id(9), path: "/home/alice"))
        #expect(play.progresses.last?.state == .receiving)
        #expect(!play.events.contains(.done(token)))
        #expect(!play.machine.isKept)
        play.give(.fileSaved(id(9)))
        #expect(play.events.last == .done(token))
        #expect(play.machine.isKept)
    }

    @Test func aFileThatHasEndedFailsAndCanBeTriedAgain() {
        var play = online()
        receive(&play)
        play.command(.accept(id(9), path: "/home/alice"))
        let place = serve(&play, refusing: Refusal(.noFile, "gone"))
        #expect(play.progresses.last?.state == .failed)
        #expect(play.progresses.last?.reason?.code == .noFile)
        play.command(.accept(id(9), path: "/home/alice"))
        _ = serve(&play, from: place)
        #expect(play.progresses.last?.state == .complete)
    }

    @Test func afterAReconnectItGoesOn() {
        var play = online()
        receive(&play)
        play.command(.accept(id(9), path: "/home/alice"))
        guard case .fetch(let ref, _)? = play.sent.first(where: { $0.tag == "fetch" }) else {
            Issue.record("nothing fetched")
            return
        }
        play.give(.line(.chunk(ref: ref, data: [0])))
        play.give(.closed(reason: "cut"))
        play.advance(by: .seconds(90))
        let before = play.sent.count
        play.login([(.direct(bob), 1)])
        _ = serve(&play, from: before)
        let again = play.sent[before...].compactMap { if case .fetch(_, let place) = $0 { place.index } else { nil } }
        #expect(again == [1, 2])
        #expect(play.progresses.last?.state == .complete)
    }

    @Test func anotherPersonsFileUnderTheSameIDIsRefused() {
        var play = online()
        receive(&play)
        play.give(.line(.message(offered(1, id: 9, from: carol, to: .everyone), in: .everyone)))
        #expect(play.errors == ["id-reused"])
        #expect(play.files[id(9)]?.from == bob)
    }

    @Test func anOfferOfAnotherDeviceOfOursCanBeFetchedAndTakenBack() {
        var play = online()
        play.give(.line(.message(offered(1, id: 9, from: alice, to: .everyone), in: .everyone)))
        #expect(play.progresses.last?.state == .offered)
        #expect(play.progresses.last?.from == alice)
        let before = play.sent.count
        play.command(.accept(id(9), path: "/home/alice"))
        _ = serve(&play, from: before)
        #expect(play.progresses.last?.state == .complete)
        #expect(!play.sent.contains { $0.tag == "outcome" })
        play.give(.line(.message(offered(2, id: 10, from: alice, to: .everyone), in: .everyone)))
        play.command(.cancel(id(10)))
        #expect(play.sent.contains { if case .outcome(_, alice, id(10), .cancelled) = $0 { true } else { false } })
    }

    @Test func ourOwnOfferComingBackIsNoOfferToUs() {
        var play = online()
        send(&play)
        _ = serve(&play)
        let body = Envelope.Body.file(Play.offer(2 * chunk + 5))
        let count = play.progresses.count
        let envelope = Envelope(id: id(1), from: alice, to: .everyone, at: 7, body: body)
        play.give(.line(.message(Entry(seq: 1, envelope: envelope), in: .everyone)))
        #expect(play.progresses.count == count)
        play.command(.accept(id(1), path: nil))
        #expect(play.errors == ["bad-value"])
    }

    @Test func offersInAnswersToHistoryAreNotKept() {
        var play = Play()
        play.login([(.everyone, 5)])
        play.command(.history(.everyone, count: 1, before: nil))
        play.answerHistory([offered(5, id: 9, from: carol, to: .everyone)], last: 5)
        #expect(play.progresses.isEmpty)
        #expect(play.files.isEmpty)
    }

    @Test func decliningIsToldTheAuthorsNode() {
        var play = online()
        receive(&play)
        let token = play.command(.cancel(id(9)))
        #expect(play.events.last == .done(token))
        #expect(play.sent.contains { if case .outcome(_, bob, id(9), .declined) = $0 { true } else { false } })
        play.command(.cancel(id(9)))
        #expect(play.errors == ["bad-value"])
    }

    @Test func allAreListed() {
        var play = online()
        send(&play)
        receive(&play)
        let token = play.command(.files)
        let listed = play.events.compactMap { if case .file(let file, token) = $0 { file.number } else { nil } }
        #expect(listed == [1, 2])
        #expect(play.events.last == .done(token))
    }

    @Test func anEarlierRunsFilesKeepTheirNumbers() {
        var play = online()
        receive(&play)
        var stored = StoredState()
        stored.files = Array(play.files.values)
        stored.lastFileNumber = 7
        var next = Play(stored)
        next.sizes = [path: 5]
        next.command(.file(id: id(1), to: .everyone, path: path, at: 7))
        next.command(.files)
        #expect(next.progresses.suffix(2).map(\.number) == [1, 8])
    }
}
