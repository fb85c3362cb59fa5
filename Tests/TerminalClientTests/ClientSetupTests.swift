import ChatClient
import TerminalClient
import Testing
import Wire

@Suite struct ClientSetupTests {
    private func parse(_ text: String) throws(StartFault) -> ClientSetup {
        try ClientSetup(parsing: Array(text.utf8), path: "f.json")
    }

    private func name(_ text: String) throws -> ServerName { try ServerName(text) }

    @Test func findsTheNodeOfAServer() throws {
        let setup = try parse(
            #"{"server_ip": "10.0.0.1", "servers": {"s1": "north.example:6000"}, "user": "Alice@s1", "downloads": "~/d"}"#
        )
        #expect(setup.downloads == "~/d")
        #expect(setup.user?.text == "alice@s1")
        #expect(try "\(setup.target(for: name("s1"), chosen: nil).host)" == "north.example:6000")
        #expect(try "\(setup.target(for: name("s2"), chosen: nil).host)" == "10.0.0.1:5001")
        #expect(try "\(setup.target(for: name("s1"), chosen: "[::1]").host)" == "[::1]:5001")
    }

    @Test func withoutAPlaceTheHostIsUnknown() throws {
        let fault = try #require(throws: StartFault.self) { try ClientSetup().target(for: name("s1"), chosen: nil) }
        #expect(fault.code == .unknownHost)
    }

    @Test func aWrongChoiceIsUsage() throws {
        let fault = try #require(throws: StartFault.self) {
            try ClientSetup().target(for: name("s1"), chosen: "host:99999")
        }
        #expect(fault.code == .usage)
    }

    @Test(arguments: [
        (
            "{\n\"server_ip\": \"h:1\",\n\"sevrers\": {}}",
            "f.json:3: \"sevrers\" is not known; did you mean \"servers\"?"
        ),
        ("{\n\"colour\": 1}", "f.json:2: \"colour\" is not known; known are"), ("{\n\n]", "f.json:3:"),
        ("{\"server_ip\": 5}", "must be a string"), ("{\"server_ip\": \"a b\"}", "\"server_ip\""),
        ("{\"servers\": {\"S1\": \"h:1\"}}", "\"S1\" in \"servers\""),
        ("{\"servers\": {\"s1\": 1}}", "must be a string"),
        ("{\"downloads\": \"here\"}", "begins with / or ~/"), ("{\"servers\": []}", "must be an object"),
        ("{\"user\": \"nobody\"}", "user@server"),
        ("{\"user\": \"a@b\", \"user\": \"a@b\"}", "twice"),
    ])
    func namesWhatIsWrongAndWhere(_ text: String, _ hint: String) {
        let fault = #expect(throws: StartFault.self) { try parse(text) }
        #expect(fault?.code == .badSetup)
        #expect(fault?.text.contains(hint) == true, "\(fault?.text ?? "")")
    }
}
