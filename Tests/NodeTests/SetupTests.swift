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
        #expect(setup.peers.map(\.needsTLS) == [true, true, true])
        #expect(setup.clientAddress == "127.0.0.1:5001")
        #expect(setup.linkAddress == "127.0.0.1:5555")
        #expect(setup.dataFolder == "/etc/postroad/data")
        #expect(setup.passwordIterations == 600_000)
        #expect(!setup.allowsPlaintextLinks)
    }

    @Test(
        "what an entry of mailing_address means",
        arguments: [
            ("\"127.0.0.1:7000\"", "127.0.0.1:7000", false), ("\"localhost:7000\"", "localhost:7000", false),
            ("\"[::1]:7000\"", "[::1]:7000", false), ("\"ws://10.0.0.1:7000\"", "10.0.0.1:7000", false),
            ("\"ws://10.0.0.1:7000/\"", "10.0.0.1:7000", false), ("\"10.0.0.1:7000\"", "10.0.0.1:7000", true),
            ("\"chat.example\"", "chat.example:5555", true), ("\"wss://127.0.0.1:7000\"", "127.0.0.1:7000", true),
            ("{\"address\": \"ws://chat.example\"}", "chat.example:5555", false),
        ])
    func entries(_ json: String, address: String, needsTLS: Bool) throws {
        let peer = try #require(try setup("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":\(json)}}").peers.first)
        #expect(peer.address == address)
        #expect(peer.needsTLS == needsTLS)
        #expect(peer.key == nil)
    }

    @Test("a key alone is a server that only dials us")
    func keyAlone() throws {
        let key = "ed25519:" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let setup = try setup("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":{\"key\":\"\(key)\"}}}")
        let peer = try #require(setup.peers.first)
        #expect(peer.address == nil)
        #expect(peer.key?.text == key)
        #expect(!peer.needsTLS)
    }

    @Test(
        "what is wrong is named with its line",
        arguments: [
            ("{}", nil, "\"server_name\" is missing"),
            ("{\"server_name\":\"S1\"}", 1, "must begin with a letter a-z or a digit"),
            ("{\n\"server_name\":\"s1\",\n\"admim\":{}}", 3, "did you mean \"admin\"?"),
            ("{\"server_name\":\"s1\",\n\"admin\":{\"bob@s2\":\"x\"}}", 2, "accounts here end in @s1"),
            ("{\"server_name\":\"s1\",\n\"admin\":{\"bob\":\n7}}", 2, "\"bob\" must be a string"),
            ("{\"server_name\":\"s1\",\"admin\":{\"bob\":\"x\",\"bob@s1\":\"y\"}}", nil, "names bob@s1 twice"),
            ("{\"server_name\":\"s1\",\n\"mailing_address\":{\"s1\":\"h:1\"}}", 2, "is this server itself"),
            ("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":{}}}", 1, "needs an address or a key"),
            ("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":{\"adress\":\"h\"}}}", 1, "unknown key \"adress\""),
            ("{\"server_name\":\"s1\",\"mailing_address\":{\"s2\":\"h:99999\"}}", 1, "port"),
            ("{\"server_name\":\"s1\",\"client_address\":\"localhost:5001\"}", 1, "the host is not numeric"),
            ("{\"server_name\":\"s1\",\"password_iterations\":10}", 1, "must be from 4096 to 10000000"),
            ("{\"server_name\":\"s1\",}", 1, "this is not the JSON it should be"),
            ("{\"server_name\":\"s1\",\n\"server_name\":\"s2\"}", 2, "a member is there twice"),
        ] as [(String, Int?, String)])
    func refusals(_ text: String, line: Int?, words: String) throws {
        let fault = try #require(self.fault(text))
        #expect(fault.file == "/etc/postroad/setup.json")
        #expect(fault.line == line)
        #expect(fault.text.contains(words), "\(fault.text)")
    }
}
