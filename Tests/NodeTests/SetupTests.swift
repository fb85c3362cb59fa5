import Federation
import Glibc
import Node
import Testing
import Wire

@Suite("setup.json") struct SetupTests {
    private func setup(_ text: String) throws(SetupError) -> Setup {
        try Setup(parsing: Array(text.utf8), file: "/etc/postroad/setup.json")
    }

    private func fault(_ text: String) -> SetupError? {
        do throws(SetupError) {
            _ = try setup(text)
            return nil
        } catch { return error }
    }

    @Test("the original network's file loads unchanged")
    func seedFile() throws {
        let setup = try setup(
            """
            {
                "server_name": "s3",
                "admin": {"client1@s3": "admin1", "client2@s3": "admin2"},
                "mailing_address": {"s8": "10.13.97.12:5555", "s4": "10.13.101.145:5555", "s1": "10.13.84.131:5555"}
            }
            """)
        #expect(setup.serverName.text == "s3")
        #expect(setup.admin.map(\.user.text) == ["client1", "client2"])
        #expect(setup.admin.map(\.password) == ["admin1", "admin2"])
        #expect(setup.peers.map(\.name.text) == ["s8", "s4", "s1"])
        #expect(setup.peers.map(\.transport) == [.tls, .tls, .tls])
        #expect(setup.peers.map(\.requiresTLS) == [false, false, false])
        #expect(setup.tls.certificatePath == nil && setup.tls.clientIssuersPath == nil && !setup.tls.requiresClientTLS)
        #expect(setup.clientAddress == "127.0.0.1:5001")
        #expect(setup.linkAddress == "127.0.0.1:5555")
        #expect(setup.dataFolder == "/etc/postroad/data")
        #expect(setup.passwordIterations == 600_000)
        #expect(!setup.allowsPlaintextLinks)
    }

    @Test(
        "what an entry of mailing_address means",
        arguments: [
            ("\"127.0.0.1:7000\"", "127.0.0.1:7000", "wss", true),
            ("\"localhost:7000\"", "localhost:7000", "wss", true),
            ("\"[::1]:7000\"", "[::1]:7000", "wss", true), ("\"ws://10.0.0.1:7000\"", "10.0.0.1:7000", "ws", false),
            ("\"ws://10.0.0.1:7000/\"", "10.0.0.1:7000", "ws", false),
            ("\"10.0.0.1:7000\"", "10.0.0.1:7000", "wss", false),
            ("\"chat.example\"", "chat.example:5555", "wss", false),
            ("\"wss://127.0.0.1:7000\"", "127.0.0.1:7000", "wss!", true),
            ("{\"address\": \"ws://chat.example\"}", "chat.example:5555", "ws", false),
        ])
    func entries(_ json: String, address: String, transport: String, isLoopback: Bool) throws {
        let peer = try #require(try setup("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":\(json)}}").peers.first)
        #expect(peer.address == address)
        #expect(peer.transport.rawValue + (peer.requiresTLS ? "!" : "") == transport)
        #expect(peer.isLoopback == isLoopback)
        #expect(peer.key == nil)
    }

    @Test("a key alone is a server that only dials us")
    func keyAlone() throws {
        let key = "ed25519:" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let setup = try setup("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":{\"key\":\"\(key)\"}}}")
        let peer = try #require(setup.peers.first)
        #expect(peer.address == nil)
        #expect(peer.key?.text == key)
        #expect(peer.transport == .tls && !peer.requiresTLS)
    }

    private static let known = """
        Known keys: server_name, admin, mailing_address, client_address, link_address, data, password_iterations, \
        allow_plaintext_links
        """
    private static let name = "{\"server_name\":\"s1\""

    @Test(
        "what is wrong is named with its line, its key, the reason and the nearest known key",
        arguments: [
            // Keys.
            ("{\n\"server_name\":\"s1\",\n\"admim\":{}}", 3, "unknown key \"admim\"; did you mean \"admin\"? \(known)"),
            ("\(name),\"zzzzzz\":1}", 1, "unknown key \"zzzzzz\". \(known)"),
            ("{\n\"server_nam\":\"s1\"}", 2, "unknown key \"server_nam\"; did you mean \"server_name\"? \(known)"),
            (
                "\(name),\n\"mailing_address\":{\n\"s2\":{\n\"adress\":\"h\"}}}", 4,
                "\"s2\": unknown key \"adress\"; did you mean \"address\"? Known keys: address, key"
            ),
            (
                "\(name),\n\"mailing_address\":{\n\"s2\":{\n\"address\":\"h\",\n\"colour\":1}}}", 5,
                "\"s2\": unknown key \"colour\". Known keys: address, key"
            ),
            ("\(name),\n\"server_name\":\"s2\"}", 2, "the key \"server_name\" is there twice"),
            ("\(name),\"admin\":{\n\"bob\":\"x\",\n\"bob\":\"y\"}}", 3, "the key \"bob\" is there twice"),
            (
                "{}", nil,
                "\"server_name\" is missing; it is the name behind the @: 1 to 64 of a-z 0-9 . _ -, beginning with a "
                    + "letter or digit"
            ),
            // Types.
            ("{\n\"server_name\":7}", 2, "\"server_name\" must be a string"),
            ("\(name),\n\"admin\":[]}", 2, "\"admin\" must be an object"),
            ("\(name),\"admin\":{\n\"bob\":\n7}}", 2, "\"bob\" must be a string"),
            ("\(name),\"admin\":{\n\"bob\":null}}", 2, "\"bob\" must be a string"),
            ("\(name),\n\"mailing_address\":\"s2\"}", 2, "\"mailing_address\" must be an object"),
            (
                "\(name),\"mailing_address\":{\n\"s2\":7}}", 2,
                "\"s2\" must be \"HOST:PORT\", or an object with these keys: address, key"
            ),
            (
                "\(name),\"mailing_address\":{\n\"s2\":null}}", 2,
                "\"s2\" must be \"HOST:PORT\", or an object with these keys: address, key"
            ),
            (
                "\(name),\"mailing_address\":{\"s2\":{\n\"address\":7}}}", 2,
                "\"s2\": \"address\" must be a string"
            ),
            ("\(name),\n\"client_address\":5001}", 2, "\"client_address\" must be a string"),
            ("\(name),\n\"data\":true}", 2, "\"data\" must be a string"),
            ("\(name),\n\"password_iterations\":\"many\"}", 2, "\"password_iterations\" must be a whole number"),
            ("\(name),\n\"allow_plaintext_links\":1}", 2, "\"allow_plaintext_links\" must be true or false"),
            // Values.
            (
                "{\n\"server_name\":\"S1\"}", 2,
                "\"server_name\": the server name must begin with a letter a-z or a digit"
            ),
            (
                "\(name),\"admin\":{\n\"Bob\":\"x\"}}", 2,
                "\"Bob\": the user name must begin with a letter a-z or a digit"
            ),
            ("\(name),\"admin\":{\n\"bob@s2\":\"x\"}}", 2, "\"bob@s2\": accounts here end in @s1, this one in @s2"),
            (
                "\(name),\"admin\":{\"bob\":\"x\",\n\"bob@s1\":\"y\"}}", 2,
                "\"bob@s1\": \"admin\" names bob@s1 twice"
            ),
            ("\(name),\"mailing_address\":{\n\"s1\":\"h:1\"}}", 2, "\"s1\" is this server itself"),
            ("\(name),\"mailing_address\":{\n\"a b\":\"h:1\"}}", 2, "\"a b\": the server name may hold only"),
            ("\(name),\"mailing_address\":{\n\"s2\":{}}}", 2, "\"s2\" needs an address or a key"),
            (
                "\(name),\"mailing_address\":{\n\"s2\":\"h:99999\"}}", 2,
                "\"s2\": \"h:99999\" is not an address: the port is not a number up to 65535"
            ),
            (
                "\(name),\"mailing_address\":{\"s2\":{\n\"address\":\"h:0\"}}}", 2,
                "\"s2\": \"address\": \"h:0\" is not an address: port 0 cannot be dialled"
            ),
            (
                "\(name),\"mailing_address\":{\"s2\":{\n\"key\":\"ed25519:short\"}}}", 2,
                "\"s2\": \"key\" must be ed25519: and the base64 of 32 bytes"
            ),
            (
                "\(name),\n\"client_address\":\"localhost:5001\"}", 2,
                "\"client_address\": \"localhost:5001\" is not an address: the host is not numeric"
            ),
            ("\(name),\n\"link_address\":\"127.0.0.1\"}", 2, "\"link_address\": \"127.0.0.1\" is not an address"),
            ("\(name),\n\"data\":\"a\\u0000b\"}", 2, "\"data\" holds a zero character"),
            (
                "\(name),\n\"password_iterations\":10}", 2,
                "\"password_iterations\" is 10; it must be from 4096 to 10000000"
            ),
            ("\(name),\n\"password_iterations\":10000001}", 2, "\"password_iterations\" is 10000001; it must be from"),
            // Too long.
            (
                "{\n\"server_name\":\"\(String(repeating: "s", count: 65))\"}", 2,
                "\"server_name\": the server name is longer than 64 bytes"
            ),
            (
                "\(name),\n\"data\":\"\(String(repeating: "d", count: 1025))\"}", 2,
                "\"data\" has 1025 bytes; at most 1024 are taken"
            ),
            (
                "\(name),\"admin\":{\n\"bob\":\"\(String(repeating: "x", count: 1025))\"}}", 2,
                "\"bob\" has 1025 bytes; at most 1024 are taken"
            ),
            (
                "\(name),\"mailing_address\":{\n\"s2\":\"\(String(repeating: "h", count: 513))\"}}", 2,
                "\"s2\" has 513 bytes; at most 512 are taken"
            ),
            (
                "\(name),\n\"\(String(repeating: "k", count: 257))\":1}", 2,
                "this is not the JSON it should be: a member's name has at most 256 bytes"
            ),
            // Not JSON.
            ("\(name),\n}", 2, "this is not the JSON it should be: a member begins with its name in quotes"),
            ("\(name)\n", 2, "this is not the JSON it should be: a comma or a closing brace is missing"),
            ("\(name),\n\n\"data\" \"x\"}", 3, "this is not the JSON it should be: a colon is missing"),
            ("\(name)}\n{}", 2, "this is not the JSON it should be: something follows the object"),
            ("", 1, "the file is empty; the least it can hold is {\"server_name\": \"s1\"}"),
            (" \n\n", 3, "the file is empty"),
            ("\n[]", 2, "a setup file is UTF-8 text and begins with {"),
            ("\u{FEFF}{}", 1, "a setup file is UTF-8 text and begins with {"),
        ] as [(String, Int?, String)])
    func refusals(_ text: String, line: Int?, words: String) throws {
        let fault = try #require(self.fault(text))
        #expect(fault.file == "/etc/postroad/setup.json")
        #expect(fault.line == line)
        #expect(fault.text.hasPrefix(words), "\(fault.text)")
        let place = "/etc/postroad/setup.json" + (line.map { ":\($0)" } ?? "")
        #expect(fault.description == "\(place): \(fault.text)")
    }

    @Test("a file that is not UTF-8 is refused with the line of the first wrong byte")
    func notUTF8() {
        let bytes = Array("{\"server_name\":\n\"".utf8) + [0xFF] + Array("\"}".utf8)
        let fault = #expect(throws: SetupError.self) { _ = try Setup(parsing: bytes, file: "setup.json") }
        #expect(fault?.line == 2)
        #expect(fault?.text.contains("the text is not valid UTF-8") == true)
    }

    @Test(
        "what the file holds cannot harm the terminal that is told of it",
        arguments: [
            "{\"server_name\":\"s1\",\"\u{202E}nimda\":{}}", "{\"server_name\":\"s1\",\"admin\":{\"\u{9B}2J\":\"x\"}}",
            "{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":\"\\u001b[2J:1\"}}",
            "{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":{\"\u{200B}\":1}}}",
            "{\"server_name\":\"s1\",\"client_address\":\"\\u001b]0;x\\u0007\"}",
            "{\"server_name\":\"s1\",\"\u{7F}\":1,\"\u{7F}\":2}",
        ])
    func harmless(_ text: String) throws {
        let fault = try #require(self.fault(text))
        #expect(!fault.text.unicodeScalars.contains(where: SafeText.isHarmful))
        #expect(fault.text.contains("\\u{"))
    }
}

@Suite("what check says of a setup file") struct SetupSummaryTests {
    private static let key = "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    private func summary(_ text: String, file: String = "x/setup.json", _ folder: SetupFolder = .exists) throws
        -> SetupSummary
    {
        SetupSummary(try Setup(parsing: Array(text.utf8), file: file), file: file, folder: folder)
    }

    @Test("every key has its row, in words")
    func words() throws {
        let verifier = "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$\(Self.digest):\(Self.digest)"
        let text = """
            {"server_name": "s1", "data": "/d", "allow_plaintext_links": true, "link_address": "0.0.0.0:5555",
             "admin": {"alice": "wonderland", "bob": "\(verifier)", "carol": "SCRAM-SHA-256$nonsense"},
             "mailing_address": {"s2": "127.0.0.1:5556", "s3": {"address": "ws://h:1", "key": "\(Self.key)"},
                                 "s4": {"key": "\(Self.key)"}, "s8": "10.13.97.12:5555"}}
            """
        #expect(
            try summary(text, .wouldBeMade).words == """
                x/setup.json is right. It says:

                server_name                 s1
                admin                       3 accounts; 1 password as typed, so close the file to others; \
                1 verifier that nobody can log in with
                mailing_address             4 servers
                  s2                        dialled at 127.0.0.1:5556 under TLS; the first key that it proves is pinned
                  s3                        dialled at h:1 in plaintext; it must prove \(Self.key)
                  s4                        not dialled: no address; it dials us, and it must prove \(Self.key)
                  s8                        dialled at 10.13.97.12:5555 under TLS; the first key that it proves is pinned
                client_address              127.0.0.1:5001 (the default)
                link_address                0.0.0.0:5555
                data                        /d, which would be made
                password_iterations         600000 (the default)
                allow_plaintext_links       true: other machines may link in plaintext
                require_client_tls          false: clients may do without TLS (the default)
                certificate                 tls.pem in the data folder (the default)
                client_certificate_issuers  no certificates are asked of clients (the default)
                file_bytes_max              104857600 (the default)
                spool_bytes_max             10737418240 (the default)
                spool_account_bytes_max     1073741824 (the default)
                file_keep_days              7 (the default)
                """)
    }

    private static let digest = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    @Test("the same as one JSON object, which holds nothing that could harm a terminal and no password")
    func json() throws {
        let text = """
            {"server_name": "s1", "admin": {"alice": "wonderland"},
             "mailing_address": {"s2": "127.0.0.1:5556", "s8": "ws://10.0.0.8:1", "s4": {"key": "\(Self.key)"}}}
            """
        let json = try summary(text, file: "\u{202E}/s", .unusable("no")).json
        #expect(
            json == """
                {"setup":"\\\\u{202e}/s","server_name":"s1","admin":{"accounts":1,"typed":1,"unreadable":0},\
                "mailing_address":[{"server":"s2","address":"127.0.0.1:5556","dialled":true,"transport":"wss","presence":"all"},\
                {"server":"s8","address":"10.0.0.8:1","dialled":true,"transport":"ws","presence":"all"},\
                {"server":"s4","key":"\(Self.key)","dialled":false,"reason":"no-address","transport":"wss","presence":"all"}],\
                "client_address":"127.0.0.1:5001","link_address":"127.0.0.1:5555",\
                "data":{"folder":"\\\\u{202e}/data","state":"unusable","reason":"no"},"password_iterations":600000,\
                "allow_plaintext_links":false,"require_client_tls":false,"file_bytes_max":104857600,"spool_bytes_max":10737418240,\
                "spool_account_bytes_max":1073741824,"file_keep_days":7,\
                "defaults":["client_address","link_address","data","password_iterations","allow_plaintext_links",\
                "require_client_tls","certificate","client_certificate_issuers",\
                "file_bytes_max","spool_bytes_max","spool_account_bytes_max","file_keep_days"]}
                """)
        _ = try JSONObject(parsing: Array(json.utf8))
        #expect(!(try summary(text).words.contains("wonderland")))
    }

    @Test("nothing but the name is needed")
    func least() throws {
        let words = try summary("{\"server_name\": \"s1\"}").words
        #expect(words.contains("admin                       nobody may log in (the default)\n"))
        #expect(words.contains("mailing_address             no servers (the default)\n"))
        #expect(words.contains("data                        x/data, which exists (the default)\n"))
    }

    @Test("the documentation names every key with the same default and the same meaning")
    func documentation() throws {
        let folder = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        let file = try #require(fopen("\(folder)/Docs/operating.md", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self).filter { $0 != "`" }
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map(String.init)
        for key in SetupKey.allCases {
            let row = "| \(key.rawValue) | \(key.row.standard ?? "–") | \(key.row.meaning) |"
            #expect(rows.contains(row), "\(row)")
        }
        for key in PeerKey.allCases { #expect(rows.contains("| \(key.rawValue) | \(key.meaning) |")) }
    }
}

@Suite("the data folder, looked at") struct SetupFolderTests {
    @Test("is there, could be made, or cannot be used for a reason, and nothing was made")
    func states() throws {
        var template = Array("/tmp/postroad-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer {
            unlink(folder + "/file")
            unlink(folder + "/nowhere")
            rmdir(folder)
        }
        let file = try #require(fopen(folder + "/file", "w"))
        fclose(file)
        #expect(symlink("/nothing/there", folder + "/nowhere") == 0)
        #expect(SetupFolder(at: folder) == .exists)
        #expect(SetupFolder(at: folder + "/a/b/c") == .wouldBeMade)
        #expect(SetupFolder(at: folder + "/file") == .unusable("it is not a folder"))
        #expect(SetupFolder(at: folder + "/file/data") == .unusable("Not a directory"))
        #expect(SetupFolder(at: folder + "/nowhere") == .unusable("No such file or directory"))
        #expect(access(folder + "/a", F_OK) != 0)
    }
}
