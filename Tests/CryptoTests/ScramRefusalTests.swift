import Bytes
import Crypto
import Testing

/// Every message that must not be taken, one by one.
@Suite struct ScramRefusalTests {
    static let badClientFirsts: [(String, ScramFault)] = [
        ("", ScramFault.malformed),
        ("n", .malformed),
        ("n,", .malformed),
        ("n,,", .malformed),
        ("n,,n=user", .malformed),
        ("n,,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,r=rOprNGfwEbeRWgbNEkqO,n=user", .malformed),
        ("n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,", .malformed),
        ("n,,,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,N=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=us=er,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=us=2cer,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user=,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user=3,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=us\ner,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=us\u{0}er,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,3=x", .malformed),
        ("x,,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("N,,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        (",,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,x,n=user,r=rOprNGfwEbeRWgbNEkqO", .malformed),
        ("n,a=root,n=user,r=rOprNGfwEbeRWgbNEkqO", .authorizationRefused),
        ("p=tls-unique,,n=user,r=rOprNGfwEbeRWgbNEkqO", .bindingRefused),
        ("p=,,n=user,r=rOprNGfwEbeRWgbNEkqO", .bindingRefused),
        ("n,,m=x,n=user,r=rOprNGfwEbeRWgbNEkqO", .extensionRefused),
        ("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,m=x", .extensionRefused),
        ("n,,n=user,r=short", .nonceRefused),
        ("n,,n=user,r=has a space in its middle", .nonceRefused),
        ("n,,n=user,r=häs-non-ascii-characters", .nonceRefused),
        ("n,,n=user,r=" + String(repeating: "x", count: 129), .nonceRefused),
        ("n,,n=" + String(repeating: "x", count: 2048) + ",r=rOprNGfwEbeRWgbNEkqO", .tooLong),
    ]

    @Test(arguments: badClientFirsts)
    func refuses(clientFirst: String, fault: ScramFault) {
        #expect(throws: fault) { try ScramClientFirst(parsing: clientFirst) }
    }

    /// RFC 5802 §5.1: optional attributes nobody knows are ignored, but covered by the proof.
    @Test func ignoresUnknownExtensions() throws {
        var server = try ScramTests.server(first: ScramTests.clientFirst + ",x=1,Y=2")
        #expect(throws: ScramFault.notAuthentic) { try server.receive(ScramTests.clientFinal) }
        var client = try ScramTests.client()
        #expect(try client.answer(ScramTests.challenge + ",x=1") != ScramTests.clientFinal)
        var plain = try ScramTests.client()
        _ = try plain.answer(ScramTests.challenge)
        try plain.check(ScramTests.serverFinal + ",x=1")
    }

    private static let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    private static let salt = "s=W22ZaJ0SNY7soEsUEjb6gQ=="

    static let badChallenges: [(String, ScramFault)] = [
        ("", ScramFault.malformed),
        (nonce, .malformed),
        ("\(nonce),\(salt)", .malformed),
        ("\(nonce),i=4096,\(salt)", .malformed),
        ("\(salt),\(nonce),i=4096", .malformed),
        ("\(nonce),\(salt),i=4096,", .malformed),
        ("\(nonce),\(salt),i=4096,i=1", .malformed),
        ("\(nonce),\(salt),i=", .malformed),
        ("\(nonce),\(salt),i=0", .malformed),
        ("\(nonce),\(salt),i=-4096", .malformed),
        ("\(nonce),\(salt),i=4096.0", .malformed),
        ("\(nonce),\(salt),i=04096", .malformed),
        ("\(nonce),\(salt),i=9223372036854775808", .malformed),
        ("\(nonce),s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096", .malformed),
        ("\(nonce),s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096", .malformed),
        ("\(nonce),s=AAAA,i=4096", .saltRefused),
        ("\(nonce),s=\(String(repeating: "AAAA", count: 22)),i=4096", .saltRefused),
        ("\(nonce),\(salt),i=4095", .iterationsRefused(4095)),
        ("\(nonce),\(salt),i=1", .iterationsRefused(1)),
        ("\(nonce),\(salt),i=4000001", .iterationsRefused(4_000_001)),
        ("\(nonce),\(salt),i=99999999", .iterationsRefused(99_999_999)),
        ("m=x,\(nonce),\(salt),i=4096", .extensionRefused),
        ("r=\(ScramTests.clientNonce),\(salt),i=4096", .nonceRefused),
        ("r=\(ScramTests.clientNonce)short,\(salt),i=4096", .nonceRefused),
        ("r=xOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\(salt),i=4096", .nonceRefused),
        ("r=rOprNGfwEbeRWgbNEkq,\(salt),i=4096", .nonceRefused),
        ("\(nonce)\(String(repeating: "x", count: 128)),\(salt),i=4096", .nonceRefused),
        ("\(nonce),\(salt),i=4096,x=\(String(repeating: "x", count: 2048))", .tooLong),
    ]

    @Test(arguments: badChallenges)
    func refuses(challenge: String, fault: ScramFault) throws {
        var client = try ScramTests.client()
        #expect(throws: fault) { try client.answer(challenge) }
        #expect(throws: ScramFault.outOfOrder) { try client.answer(ScramTests.challenge) }
    }

    private static let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

    static let badClientFinals: [(String, ScramFault)] = [
        ("", ScramFault.malformed),
        ("c=biws,\(nonce)", .malformed),
        ("c=biws,\(proof)", .malformed),
        ("\(nonce),c=biws,\(proof)", .malformed),
        ("c=biws,\(proof),\(nonce)", .malformed),
        ("c=biws,\(nonce),\(proof),x=1", .malformed),
        ("c=biws,\(nonce),\(nonce),\(proof)", .malformed),
        ("c=biws,\(nonce),\(proof),\(proof)", .malformed),
        ("c=biws,\(nonce),p=", .malformed),
        ("c=biws,\(nonce),p=AAAA", .malformed),
        ("c=biws,\(nonce),p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ", .malformed),
        ("c=biws,\(nonce),p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=", .malformed),
        ("c=biws,\(nonce),p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQA", .malformed),
        ("c=,\(nonce),\(proof)", .malformed),
        ("c=biw,\(nonce),\(proof)", .malformed),
        ("c=eSws,\(nonce),\(proof)", .bindingRefused),
        ("c=biwsAA==,\(nonce),\(proof)", .bindingRefused),
        ("c=biws,r=rOprNGfwEbeRWgbNEkqO,\(proof)", .nonceRefused),
        ("c=biws,\(nonce)x,\(proof)", .nonceRefused),
        ("c=biws,\(nonce),p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", .notAuthentic),
        ("c=biws,\(nonce),p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .notAuthentic),
        ("c=biws,\(nonce),x=1,\(proof)", .notAuthentic),
        ("c=biws,\(nonce),m=1,\(proof)", .extensionRefused),
        ("c=biws,\(nonce),x=\(String(repeating: "x", count: 2048)),\(proof)", .tooLong),
    ]

    @Test(arguments: badClientFinals)
    func refuses(clientFinal: String, fault: ScramFault) throws {
        var server = try ScramTests.server()
        #expect(throws: fault) { try server.receive(clientFinal) }
        #expect(throws: ScramFault.outOfOrder) { try server.receive(ScramTests.clientFinal) }
    }

    static let badServerFinals: [(String, ScramFault)] = [
        ("", ScramFault.malformed),
        ("v=", .malformed),
        ("v", .malformed),
        ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4", .malformed),
        ("x=1,\(ScramTests.serverFinal)", .malformed),
        ("\(ScramTests.serverFinal),\(ScramTests.serverFinal)", .malformed),
        ("\(ScramTests.serverFinal),m=1", .extensionRefused),
        ("e=other-error", .refusedByServer),
        ("v=\(String(repeating: "A", count: 2048))", .tooLong),
    ]

    @Test(arguments: badServerFinals)
    func refuses(serverFinal: String, fault: ScramFault) throws {
        var client = try ScramTests.client()
        _ = try client.answer(ScramTests.challenge)
        #expect(throws: fault) { try client.check(serverFinal) }
    }

    @Test func refusesToBegin() throws {
        for user in ["", "a\nb", "a\u{0}", String(repeating: "x", count: 2048)] {
            #expect(throws: ScramFault.self) { try ScramTests.client(user: user) }
        }
        for nonce in ["", "fifteen-letters", "with,comma-and-enough", String(repeating: "x", count: 129)] {
            #expect(throws: ScramFault.nonceRefused) { try ScramNonce(text: nonce) }
        }
        #expect(throws: ScramFault.iterationsRefused(0)) { try ScramTests.client(iterationsMin: 0) }
        #expect(throws: ScramFault.iterationsRefused(9)) { try ScramTests.client(iterationsMin: 9, iterationsMax: 8) }
        var client = try ScramTests.client(password: "with\u{7}bell")
        #expect(throws: ScramFault.passwordRefused) { try client.answer(ScramTests.challenge) }
        #expect(try ScramNonce.random() != ScramNonce.random())
    }

    /// Any text in any place: a documented fault or an exchange, never a trap.
    @Test func survivesMutations() throws {
        var generator = SplitMix64(state: 5)
        let alphabet = Array("nryacpisvem=,+/2CD3A\u{0}é€x ".unicodeScalars)
        func mutated(_ text: String) -> String {
            var scalars = Array(text.unicodeScalars)
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                let place = Int.random(in: 0..<max(1, scalars.count), using: &generator)
                let scalar = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: scalars.insert(scalar, at: min(place, scalars.count))
                case 1 where place < scalars.count: scalars.remove(at: place)
                case 2: scalars = Array(scalars.prefix(place))
                default: if place < scalars.count { scalars[place] = scalar }
                }
            }
            var result = String.UnicodeScalarView()
            result.append(contentsOf: scalars)
            return String(result)
        }
        let signed = Array(ScramTests.clientFinal.utf8)
        for _ in 0..<5000 {
            _ = try? ScramClientFirst(parsing: mutated(ScramTests.clientFirst))
            _ = try? ScramVerifier(text: mutated(ScramVerifierTests.pencil))
            var server = try ScramTests.server()
            let final = mutated(ScramTests.clientFinal)
            if (try? server.receive(final)) != nil { #expect(Array(final.utf8) == signed) }
        }
    }
}
