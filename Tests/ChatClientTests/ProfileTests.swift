import ChatClient
import Glibc
import Store
import Testing
import Wire

@Suite(.serialized) struct ProfileTests {
    /// A folder of its own, removed afterwards.
    private func inFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/postroad-profile-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        let path = String(cString: made)
        defer { remove(folder: path) }
        try body(path)
    }

    private func remove(folder path: String) {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            if unlink("\(path)/\(name)") != 0 { remove(folder: "\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    @Test func makesWhatIsMissingForItsOwnerOnlyAndFindsItAgain() throws {
        try inFolder { folder in
            var fingerprint: Fingerprint?
            for _ in 0..<2 {
                let profile = try Profile(address: alice, dataPath: folder + "/data")
                #expect(profile.path == folder + "/data/postroad/alice@s1")
                for path in ["/data", "/data/postroad", "/data/postroad/alice@s1"] {
                    #expect(mode(folder + path) == 0o700)
                }
                for name in ["device.pem", "account.pem", "client.db", "lock"] {
                    #expect(mode(profile.path + "/" + name) == 0o600)
                }
                #expect(Sealing.isGenuine(profile.device, of: alice))
                #expect(!profile.hasToken)
                if let fingerprint { #expect(profile.device.fingerprint == fingerprint) }
                fingerprint = profile.device.fingerprint
                try profile.store.close()
            }
        }
    }

    @Test func isOneProgramsAtATime() throws {
        try inFolder { folder in
            let profile = try Profile(address: alice, dataPath: folder)
            let fault = #expect(throws: ProfileError.self) { try Profile(address: alice, dataPath: folder) }
            #expect(fault?.text.contains("another client is running as alice@s1") == true)
            withExtendedLifetime(profile) {}
        }
    }

    @Test func aDamagedKeyIsNotReplaced() throws {
        try inFolder { folder in
            try Profile(address: alice, dataPath: folder).store.close()
            let path = folder + "/postroad/alice@s1/account.pem"
            #expect(truncate(path, 20) == 0)
            #expect(throws: ProfileError.self) { try Profile(address: alice, dataPath: folder) }
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_size == 20)
        }
    }

    @Test(
        arguments: [
            (["XDG_DATA_HOME": "/x", "HOME": "/h"], "/x"), (["XDG_DATA_HOME": "x", "HOME": "/h"], "/h/.local/share"),
            (["HOME": "/h"], "/h/.local/share"), ([:], nil),
        ] as [([String: String], String?)])
    func findsWhereDataBelongs(_ environment: [String: String], _ path: String?) {
        #expect(Profile.dataPath { environment[$0] } == path)
    }
}
