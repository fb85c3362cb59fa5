import Bytes
import Crypto
import Testing

@Suite struct ScramVerifierTests {
    static let salt = base64("W22ZaJ0SNY7soEsUEjb6gQ==")
    /// For the password "pencil", computed with Python's hashlib and hmac.
    static let pencil =
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        + "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

    @Test func derivesAndReads() throws {
        let verifier = try ScramVerifier(password: Secret(text: "pencil"), salt: Self.salt, iterations: 4096)
        #expect(verifier.text == Self.pencil)
        #expect(try ScramVerifier(text: Self.pencil) == verifier)
        #expect(verifier.iterations == 4096 && verifier.salt == Self.salt)
        #expect(try ScramVerifier(password: Secret(text: "Pencil"), salt: Self.salt, iterations: 4096) != verifier)
        #expect(try ScramVerifier(password: Secret(text: "pencil"), salt: Self.salt, iterations: 4095) != verifier)
        let otherSalt = Self.salt.flipping(bit: 0)
        #expect(try ScramVerifier(password: Secret(text: "pencil"), salt: otherSalt, iterations: 4096) != verifier)
    }

    static let badTexts: [(String, ScramFault)] = [
        ("", ScramFault.malformed),
        ("SCRAM-SHA-1$" + pencil.dropFirst(14), .malformed),
        ("scram" + pencil.dropFirst(5), .malformed),
        (pencil + " ", .malformed),
        (pencil + "$", .malformed),
        (pencil + ":AAAA", .malformed),
        (String(pencil.dropLast()), .malformed),
        (String(pencil.dropLast(4)), .malformed),
        (pencil.replacing("$4096:", with: "$04096:"), .malformed),
        (pencil.replacing("$4096:", with: "$+4096:"), .malformed),
        (pencil.replacing("$4096:", with: "$0:"), .malformed),
        (pencil.replacing("$4096:", with: "$:"), .malformed),
        (pencil.replacing("$4096:", with: "$10000001:"), .iterationsRefused(10_000_001)),
        (pencil.replacing("$4096:", with: "$99999999999999999999:"), .malformed),
        (pencil.replacing("W22ZaJ0SNY7soEsUEjb6gQ==", with: "AAAA"), .saltRefused),
        (pencil.replacing("W22ZaJ0SNY7soEsUEjb6gQ==", with: ""), .saltRefused),
        (pencil.replacing("W22ZaJ0SNY7soEsUEjb6gQ==", with: "W22ZaJ0SNY7soEsUEjb6gR=="), .malformed),
        (String(repeating: "A", count: 257), .tooLong),
    ]

    @Test(arguments: badTexts)
    func refuses(text: String, fault: ScramFault) {
        #expect(throws: fault) { try ScramVerifier(text: text) }
    }

    @Test(arguments: [
        "", "a\u{0}b", "tab\t", "\u{1F}", "\u{7F}", "line\n", "\u{80}", "a\u{9F}", String(repeating: "x", count: 1025),
    ])
    func refuses(password: String) {
        #expect(throws: ScramFault.passwordRefused) {
            try ScramVerifier(password: Secret(text: password), salt: Self.salt, iterations: 1)
        }
    }

    @Test(arguments: [" ", "é", "\u{A0}", "пароль", "🔑", String(repeating: "x", count: 1024)])
    func accepts(password: String) throws {
        let verifier = try ScramVerifier(password: Secret(text: password), salt: Self.salt, iterations: 1)
        #expect(try ScramVerifier(text: verifier.text) == verifier)
    }

    @Test func refusesUnfitParameters() {
        let password = Secret(text: "pencil")
        for iterations in [0, -1, 10_000_001, Int.max] {
            #expect(throws: ScramFault.iterationsRefused(iterations)) {
                try ScramVerifier(password: password, salt: Self.salt, iterations: iterations)
            }
        }
        for count in [0, 15, 65] {
            #expect(throws: ScramFault.saltRefused) {
                try ScramVerifier(password: password, salt: [UInt8](repeating: 1, count: count), iterations: 1)
            }
        }
    }

    @Test func inventsStableVerifiers() throws {
        let secret = Secret([UInt8](repeating: 7, count: 32))
        let one = try ScramVerifier.fake(user: "nobody", secret: secret, iterations: 600_000)
        #expect(try ScramVerifier.fake(user: "nobody", secret: secret, iterations: 600_000) == one)
        #expect(one.iterations == 600_000 && one.salt.count == ScramVerifier.saltBytes)
        let two = try ScramVerifier.fake(user: "nobodx", secret: secret, iterations: 600_000)
        #expect(two.salt != one.salt && two != one)
        let elsewhere = Secret([UInt8](repeating: 8, count: 32))
        #expect(try ScramVerifier.fake(user: "nobody", secret: elsewhere, iterations: 600_000).salt != one.salt)
        #expect(try ScramVerifier(text: one.text) == one, "a fake looks like any other")
    }
}
