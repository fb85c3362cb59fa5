import Glibc
import Store
import Testing
import Wire

/// A database that was put back from a backup is known by the mark beside it.
@Suite struct LifeMarkTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(epoch: UInt64) throws -> NodeStore {
        let store = try NodeStore(path: folder.file(), epoch: Epoch(epoch), now: 1)
        for name in ["alice", "bob"] {
            _ = try store.perform(.saveAccount(try user(name), verifier: "v", entryDigest: [1], at: 1))
        }
        return store
    }

    private func epoch(_ store: NodeStore) throws -> Epoch { try store.allStreams().epoch }

    /// What is on the disk, as somebody copies it who makes a backup of a store that is closed.
    private func backUp() throws -> [UInt8] { try readFile(folder.file()) }

    private func putBack(_ bytes: [UInt8]) throws {
        for name in ["node.db-wal", "node.db-shm"] { unlink(folder.file(name)) }
        let file = try #require(fopen(folder.file(), "wb"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
    }

    @Test func aRestartChangesNothing() throws {
        for round in 1...3 {
            let store = try open(epoch: UInt64(round))
            #expect(!store.isRestored)
            #expect(try epoch(store) == Epoch(1))
            _ = try store.accepted(try message(UInt64(round), to: "bob@north"))
            try store.close()
        }
    }

    @Test func anOlderDatabaseGetsANewEpochAndTellsFromWhereOn() throws {
        var store = try open(epoch: 1)
        for number in UInt64(1)...3 { _ = try store.accepted(try message(number, to: "bob@north")) }
        try store.close()
        let backup = try backUp()
        store = try open(epoch: 2)
        for number in UInt64(4)...6 { _ = try store.accepted(try message(number, to: "bob@north")) }
        try store.close()
        try putBack(backup)

        store = try open(epoch: 3)
        #expect(store.isRestored)
        #expect(try epoch(store) == Epoch(3))
        _ = try store.accepted(try message(7, to: "bob@north"))
        try store.close()
        // From then on it is a store like any other.
        store = try open(epoch: 4)
        #expect(!store.isRestored)
        #expect(try epoch(store) == Epoch(3))
        try store.close()
        // The same backup a second time.
        try putBack(backup)
        store = try open(epoch: 5)
        #expect(store.isRestored)
        #expect(try epoch(store) == Epoch(5))
        try store.close()
    }

    /// A node that is killed has written its mark some seconds ago at most.
    @Test func theMarkFollowsWhatIsAccepted() throws {
        var store = try open(epoch: 1)
        try store.close()
        let backup = try backUp()
        store = try open(epoch: 2)
        let at = 1_000_000
        for number in UInt64(1)...3 {
            let envelope = try message(number, to: "bob@north")
            let request = NodeRequest.accept(
                envelope, peers: [], local: north, at: Int64(at) + 6000 * Int64(number), deadline: Int64.max)
            guard case .accepted = store.perform([request])[0] else {
                Issue.record("not accepted")
                return
            }
        }
        // As a kill leaves it.
        let mark = try readFile(folder.file("node.db.mark"))
        try store.close()
        try putBack(backup)
        let file = try #require(fopen(folder.file("node.db.mark"), "wb"))
        fwrite(mark, 1, mark.count, file)
        fclose(file)
        store = try open(epoch: 3)
        #expect(store.isRestored)
        try store.close()
    }

    @Test(arguments: ["", "nonsense", "0011223344556677 -1", "0011223344556677 x", "0011223344556677 1 1"])
    func aMarkThatCannotBeReadSaysNothing(_ text: String) throws {
        var store = try open(epoch: 1)
        try store.close()
        let file = try #require(fopen(folder.file("node.db.mark"), "wb"))
        fputs(text, file)
        fclose(file)
        store = try open(epoch: 2)
        #expect(!store.isRestored)
        try store.close()
    }

    /// Others show it: the next opening must not take the mark of the old epoch for a restore.
    @Test func aRenewalIsMarked() throws {
        let store = try open(epoch: 1)
        _ = try store.accepted(try message(1, to: "bob@north"))
        #expect(store.perform([.renewEpoch(Epoch(9))]) == [.done])
        #expect(try epoch(store) == Epoch(9))
        // As a kill leaves it.
        let mark = try readFile(folder.file("node.db.mark"))
        #expect(String(decoding: mark, as: UTF8.self) == "0000000000000009 1\n")
        try store.close()
        #expect(!(try open(epoch: 3).isRestored))
    }
}
