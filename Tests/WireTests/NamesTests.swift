import Testing
import Wire

struct NamesTests {
    @Test(arguments: [
        "a", "0", "alice", "a.b_c-d", "a..", "9-9", "publi", "public1", String(repeating: "a", count: 64),
    ])
    func aNameStands(_ name: String) throws {
        #expect(try UserName(name).text == name)
        #expect(try ServerName(name).text == name)
        #expect(try Address(parsing: "\(name)@\(name)").text == "\(name)@\(name)")
    }

    @Test(arguments: [
        ("", "empty"), (String(repeating: "a", count: 65), "64 bytes"), (".a", "begin"), ("_a", "begin"),
        ("-a", "begin"), (" a", "begin"), ("Alice", "begin"), ("aLice", "only"), ("a b", "only"), ("a\u{0}", "only"),
        ("a\n", "only"), ("a\u{7F}", "only"), ("a/b", "only"), ("a\\b", "only"), ("a:b", "only"), ("a'b", "only"),
        ("a\u{E9}", "only"), ("ae\u{301}", "only"), ("\u{212A}", "begin"), ("a\u{212A}", "only"), ("a\u{200B}", "only"),
        ("a\u{202E}", "only"), ("\u{430}lice", "begin"), ("a\u{FF41}", "only"), ("a@b", "only"), ("a\u{301}", "only"),
    ])
    func aNameIsRefused(_ name: String, _ reason: String) {
        let user = #expect(throws: AddressError.self) { try UserName(name) }
        #expect(user?.text.contains(reason) == true && user?.text.contains("user name") == true)
        let server = #expect(throws: AddressError.self) { try ServerName(name) }
        #expect(server?.text.contains(reason) == true && server?.text.contains("server name") == true)
    }

    @Test func publicIsNobodysName() throws {
        let error = #expect(throws: AddressError.self) { try UserName("public") }
        #expect(error?.text.contains("reserved") == true)
        #expect(throws: AddressError.self) { try Address(parsing: "public@s1") }
        #expect(throws: AddressError.self) { try Address(typed: "PUBLIC@s1") }
    }

    @Test(arguments: ["", "alice", "@", "alice@", "@s1", "alice@s1@s2", "alice@@s1", "al ice@s1", "alice@S1", "a@b\n"])
    func anAddressIsRefused(_ text: String) {
        #expect(throws: AddressError.self) { try Address(parsing: text) }
    }

    @Test func lengthCountsBytesOfEachHalf() throws {
        let (fits, tooLong) = (String(repeating: "x", count: 64), String(repeating: "x", count: 65))
        #expect(try Address(parsing: "\(fits)@\(fits)").text.utf8.count == 129)
        #expect(throws: AddressError.self) { try Address(parsing: "\(fits)@\(tooLong)") }
        #expect(throws: AddressError.self) { try Address(parsing: "\(tooLong)@\(fits)") }
        // 33 characters of 2 bytes, so that neither count of characters decides.
        let error = #expect(throws: AddressError.self) {
            try UserName(String(repeating: "\u{E9}", count: 33))
        }
        #expect(error?.text == "the user name is longer than 64 bytes")
    }

    @Test func whatPeopleTypeIsFolded() throws {
        #expect(try Address(typed: "ALICE@S1") == Address(parsing: "alice@s1"))
        #expect(try Address(typed: "AliCe.Z@s1").text == "alice.z@s1")
        // The Kelvin sign's lower-case form is k, the capital I with a dot is no i: neither becomes a letter.
        for typed in ["\u{212A}im@s1", "kim@\u{212A}", "a\u{130}@s1", "\u{C9}va@s1", "E\u{301}va@s1", "[a@s1"] {
            #expect(throws: AddressError.self) { try Address(typed: typed) }
        }
    }

    /// Both forms of é are one `String` to `==`; neither may become a name, so they cannot shadow each other.
    @Test func canonicalTwinsAreBothRefused() {
        #expect("ev\u{E9}@s1" == "eve\u{301}@s1")
        #expect(throws: AddressError.self) { try Address(parsing: "ev\u{E9}@s1") }
        #expect(throws: AddressError.self) { try Address(parsing: "eve\u{301}@s1") }
    }

    @Test func addressesSortByServerThenUser() throws {
        let sorted = try ["b@a", "a@b", "a-b@b", "b@b", "b1@b"].map { try Address(parsing: $0) }
        #expect(sorted.shuffled().sorted() == sorted)
        #expect(try Address(parsing: "a@b").description == "a@b")
    }

    @Test func aConversationIsPublicOrAnAddress() throws {
        #expect(try Conversation(parsing: "public") == .everyone)
        #expect(try Conversation(parsing: "bob@s2") == .direct(Address(parsing: "bob@s2")))
        #expect(try Conversation(parsing: "bob@s2").text == "bob@s2")
        #expect(Conversation.everyone.text == "public")
        for text in ["Public", "public ", "publi\u{441}", "public@s1", "", "s2"] {
            #expect(throws: AddressError.self) { try Conversation(parsing: text) }
        }
    }
}
