import Files
import Store
import Testing
import Wire

/// The books of files must notice each kind of damage, too.
struct FileLedgerTests {
    /// A file from s1 to s2, one for everybody, one taken back and one declined, all of them as they should be.
    private struct Peace {
        let world: World
        var holdings: FileHoldings
        let direct: MessageID
        let open: MessageID
        let takenBack: MessageID
        let declined: MessageID

        func complaints() -> [Complaint] { world.ledger.complaints + world.files.check(holdings) }
        func kinds() -> [Complaint.Kind] { complaints().map(\.kind) }
    }

    private static func peace() throws -> Peace {
        let world = try World(seed: 1, World.Shape())
        let play = Play(world)
        try world.start()
        world.advance(by: .seconds(5))
        var random = SplitMix64(seed: 7)
        for client in world.clients { client.habit = .accept }
        let (alice, carol, dave) = (world.clients[0], world.clients[2], world.clients[3])
        let content = Play.content(of: 3 * Int64(FileChunk.bytesMax), &random)
        let direct = try #require(alice.offer(content, as: "direct", to: .direct(carol.address)))
        let open = try #require(alice.offer(content, as: "open", to: .everyone))
        dave.habit = .ignore
        let takenBack = try #require(alice.offer(content, as: "taken back", to: .direct(dave.address)))
        world.advance(by: .seconds(20))
        alice.takeBack(takenBack)
        dave.habit = .decline
        let declined = try #require(alice.offer(content, as: "declined", to: .direct(dave.address)))
        play.settle()
        return Peace(
            world: world, holdings: FileHoldings(world), direct: direct, open: open, takenBack: takenBack,
            declined: declined)
    }

    private static func kinds(_ damage: (inout Peace) throws -> Void) throws -> [Complaint.Kind] {
        var peace = try peace()
        defer { peace.world.end() }
        try damage(&peace)
        return peace.kinds()
    }

    @Test func hasNothingToSayOfARunWithoutFaults() throws {
        let peace = try FileLedgerTests.peace()
        defer { peace.world.end() }
        #expect(peace.complaints().map(\.description) == [])
        let author = peace.holdings.machines[0].rows
        #expect(author[peace.direct]?.state == .complete)
        #expect(author[peace.open]?.state == .offered)
        #expect(author[peace.takenBack]?.state == .cancelled)
        #expect(author[peace.declined]?.state == .cancelled)
        #expect(peace.holdings.machines[1].rows[peace.open]?.state == .complete)
        #expect(peace.holdings.machines[2].received.map(\.id).sorted() == [peace.direct, peace.open].sorted())
    }

    @Test func noticesAFileThatIsNotThere() throws {
        let kinds = try FileLedgerTests.kinds { $0.holdings.machines[2].received = [] }
        #expect(kinds == [.notWhole, .notWhole])
    }

    @Test func noticesAFileWithOtherBytes() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            peace.holdings.machines[2].received = peace.holdings.machines[2].received.map { received in
                var content = received.content
                content.words[1] = 0
                return SimulatedDisk.Received(id: received.id, content: content)
            }
        }
        #expect(kinds == [.notWhole, .notWhole])
    }

    @Test func noticesAFileInTheWrongHands() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            peace.holdings.machines[3].received = peace.holdings.machines[2].received
        }
        #expect(kinds.contains(.leaked))
    }

    @Test func noticesThatAnAcceptedFileDidNotCome() throws {
        for state in [Transfer.State.offered, .receiving, .failed] {
            let kinds = try FileLedgerTests.kinds { peace in
                peace.holdings.machines[2].rows[peace.open]?.state = state
            }
            #expect(kinds.contains(.unsettled))
        }
        let kinds = try FileLedgerTests.kinds { $0.holdings.machines[2].rows[$0.open] = nil }
        #expect(kinds == [.lost])
    }

    @Test func noticesThatAuthorAndRecipientDisagree() throws {
        for (author, recipient) in [(Transfer.State.offered, Transfer.State.complete), (.complete, .failed)] {
            let kinds = try FileLedgerTests.kinds { peace in
                peace.holdings.machines[0].rows[peace.direct]?.state = author
                peace.holdings.machines[2].rows[peace.direct]?.state = recipient
            }
            #expect(kinds.contains(.disagreeing))
        }
        let untold = try FileLedgerTests.kinds { $0.holdings.machines[0].rows[$0.takenBack]?.state = .offered }
        #expect(untold == [.disagreeing])
        let unsaid = try FileLedgerTests.kinds { $0.holdings.machines[0].rows[$0.direct]?.state = .cancelled }
        #expect(unsaid == [.disagreeing])
    }

    @Test func noticesAnUploadThatNeverEnds() throws {
        let kinds = try FileLedgerTests.kinds { $0.holdings.machines[0].rows[$0.open]?.state = .sending }
        #expect(kinds == [.unsettled])
    }

    @Test func noticesWhatASpoolKeepsInVain() throws {
        let kinds = try FileLedgerTests.kinds { $0.holdings.spools[0].bytes += 1 }
        #expect(kinds == [.spool])
    }

    @Test func noticesAPartThatIsKeptInVain() throws {
        let kinds = try FileLedgerTests.kinds { $0.holdings.machines[2].parts.insert($0.open) }
        #expect(kinds == [.spool])
    }

    @Test func noticesAChunkInTheWrongHands() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            let alice = peace.world.clients[0].address
            let place = ChunkPlace(from: alice, id: peace.direct, index: 0)
            peace.world.files.fetched(place, [1], by: peace.world.clients[3].address)
            peace.world.files.spooled(
                .read(place, reader: peace.world.clients[3].address, local: alice.server), .chunk([1]), at: alice.server
            )
        }
        #expect(kinds == [.leaked, .forged, .leaked, .leaked])
    }

    /// Of what lay in a spool that was put back anything may become, but nothing wrong.
    @Test func aSpoolThatWentBackPromisesOnlyThatNothingIsFalse() throws {
        let lost = try FileLedgerTests.kinds { peace in
            peace.world.files.wentBack(peace.world.clients[0].address.server)
            peace.holdings.spools[0].statuses[peace.open] = nil
            peace.holdings.spools[0].fileCount -= 1
            peace.holdings.spools[0].bytes -= 3 * Int64(FileChunk.sealedBytesMax)
            peace.holdings.machines[1].rows[peace.open]?.state = .failed
        }
        #expect(lost == [])
        let wrong = try FileLedgerTests.kinds { peace in
            peace.world.files.wentBack(peace.world.clients[0].address.server)
            peace.holdings.machines[3].received = peace.holdings.machines[2].received
        }
        #expect(wrong.contains(.leaked))
    }

    @Test func noticesAFileThatExpiresAtOnce() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            let server = peace.world.clients[0].address.server
            let user = peace.world.clients[0].address.user
            let status = FileStatus(id: peace.open, held: 3, chunks: 3, outcome: .expired)
            peace.world.files.spooled(
                .purge(at: 1), .purged([SpoolChange(owner: user, status: status)], hasMore: false), at: server)
        }
        #expect(kinds.contains(.untruthful))
    }

    @Test func noticesAPlaceThatIsSealedTwice() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            peace.world.files.sealed(peace.direct, 0, [1], by: peace.world.clients[0].address)
        }
        #expect(kinds == [.invariant])
    }

    @Test func noticesAnotherEnd() throws {
        let kinds = try FileLedgerTests.kinds { peace in
            let (alice, dave) = (peace.world.clients[0].address, peace.world.clients[3].address)
            let status = FileStatus(id: peace.direct, held: 3, chunks: 3, outcome: .declined)
            peace.world.files.spooled(
                .end(owner: alice.user, id: peace.direct, by: dave, .declined, local: alice.server, at: 0),
                .ended(status, isNew: true), at: alice.server)
        }
        #expect(kinds == [.forged, .untruthful])
    }
}
