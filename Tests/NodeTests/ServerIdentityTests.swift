import Crypto
import Glibc
import Node
import Store
import Testing
import Wire

/// A server's key, and how it goes over to another: whole, or not at all.
@Suite struct ServerIdentityTests {
    /// A data folder that is gone when the test is over.
    private final class Folder {
        let folder: PrivateFolder

        init() throws {
            var template = Array("/tmp/postroad-identity-XXXXXX".utf8CString)
            try #require(mkdtemp(&template) != nil)
            folder = try PrivateFolder(
                path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }

        deinit {
            for name in ["server.key", "digest.key", "rotations.json"] { unlink("\(folder.path)/\(name)") }
            rmdir(folder.path)
        }

        func remove(_ name: String) { unlink("\(folder.path)/\(name)") }
    }

    private func server() throws -> ServerName { try ServerName("s1") }

    private func isGenuine(_ rotation: KeyRotation) throws -> Bool {
        rotation.checks(for: try server()).allSatisfy { check in
            (try? Ed25519PublicKey(bytes: check.key.bytes))?.verify(check.signature, of: check.transcript) ?? false
        }
    }

    @Test func bothKeysSignAndTheDigestKeyStays() throws {
        let place = try Folder()
        let first = try ServerIdentity(in: place.folder)
        #expect(first.rotations == [])
        let second = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 5)
        #expect(second.publicKey != first.publicKey)
        #expect(second.digestKey.exposed == first.digestKey.exposed)
        let statement = try #require(second.rotations.first)
        #expect(second.rotations.count == 1 && statement.at == 5)
        #expect(statement.old == first.publicKey && statement.new == second.publicKey)
        #expect(try isGenuine(statement))

        let again = try ServerIdentity(in: place.folder)
        #expect(again.publicKey == second.publicKey && again.rotations == second.rotations)
        #expect(again.digestKey.exposed == first.digestKey.exposed)
        for name in ["server.key", "digest.key", "rotations.json"] {
            var status = stat()
            #expect(stat("\(place.folder.path)/\(name)", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func theNewestStatementsAreKept() throws {
        let place = try Folder()
        var keys = [try ServerIdentity(in: place.folder).publicKey]
        for number in 0..<10 {
            keys.append(
                try ServerIdentity.rotate(in: place.folder, name: try server(), at: Int64(number)).publicKey)
        }
        let identity = try ServerIdentity(in: place.folder)
        #expect(identity.rotations.count == KeyRotation.countMax && identity.rotations.isChain)
        #expect(identity.rotations.map(\.new) == Array(keys.suffix(KeyRotation.countMax)))
        #expect(identity.rotations.path(from: keys[2], to: keys[10])?.count == 8)
        #expect(identity.rotations.path(from: keys[1], to: keys[10]) == nil)
        for rotation in identity.rotations { #expect(try isGenuine(rotation)) }
    }

    /// After each of the writes of a rotation, as a crash leaves them, the start finds the old key with what leads to it.
    @Test(arguments: [1, 2], [0, 1, 9]) func aCrashLeavesTheOldKeyWhole(writes: Int, before: Int) throws {
        let place = try Folder()
        for number in 0..<before {
            _ = try ServerIdentity.rotate(in: place.folder, name: try server(), at: Int64(number))
        }
        let old = try ServerIdentity(in: place.folder)
        let oldPEM = try #require(try place.folder.read("server.key"))
        let oldStatements = try place.folder.read("rotations.json")
        _ = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 99)
        // The key is written last, the statements before it.
        try place.folder.create("server.key", oldPEM)
        if writes == 1 {
            if let oldStatements {
                try place.folder.create("rotations.json", oldStatements)
            } else {
                place.remove("rotations.json")
            }
        }
        let found = try ServerIdentity(in: place.folder)
        #expect(found.publicKey == old.publicKey && found.digestKey.exposed == old.digestKey.exposed)
        // A statement about a key that never came to be takes the place of the oldest, no more.
        #expect(found.rotations == Array(old.rotations.suffix(found.rotations.count)))
        #expect(found.rotations.count >= min(before, KeyRotation.countMax - 1))

        let next = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 100)
        #expect(next.rotations.isChain && next.rotations.last?.old == old.publicKey)
        #expect(next.rotations.count == min(before + 1, KeyRotation.countMax))
        #expect(next.digestKey.exposed == old.digestKey.exposed)
    }

    @Test func aKeyFromAnOlderBackupShowsOnlyWhatLedToIt() throws {
        let place = try Folder()
        let second = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 1)
        let pem = try #require(try place.folder.read("server.key"))
        _ = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 2)
        try place.folder.create("server.key", pem)
        #expect(try ServerIdentity(in: place.folder).rotations == second.rotations)
        place.remove("rotations.json")
        #expect(try ServerIdentity(in: place.folder).rotations == [])
    }

    @Test func whatIsDamagedIsNamed() throws {
        let place = try Folder()
        _ = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 1)
        for (name, bytes) in [
            ("rotations.json", Array("{".utf8)), ("rotations.json", Array(#"{"rotations":[{}]}"#.utf8)),
            ("digest.key", [1, 2, 3]), ("server.key", [1]),
        ] {
            let good = try #require(try place.folder.read(name))
            try place.folder.create(name, bytes)
            let error = #expect(throws: StoreError.self) { try ServerIdentity(in: place.folder) }
            #expect(error?.text.contains(name) == true && error?.text.contains("backup") == true)
            #expect(throws: StoreError.self) {
                try ServerIdentity.rotate(in: place.folder, name: try server(), at: 2)
            }
            try place.folder.create(name, good)
        }
        #expect(try ServerIdentity(in: place.folder).rotations.count == 1)
    }

    @Test func oneRotationAtATime() throws {
        let place = try Folder()
        let error = #expect(throws: StoreError.self) {
            try place.folder.locked {
                _ = try ServerIdentity.rotate(in: place.folder, name: try server(), at: 1)
            }
        }
        #expect(error?.kind == .inUse)
        #expect(try ServerIdentity(in: place.folder).rotations == [])
    }
}
