import Bytes
import Crypto
import Testing

/// Whole exchanges, client against server, and against the RFC's own text.
@Suite struct ScramTests {
    static let verifier = Result { try ScramVerifier(text: ScramVerifierTests.pencil) }
    static let clientNonce = "rOprNGfwEbeRWgbNEkqO"
    static let serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    static let clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    static let challenge =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    static let clientFinal =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    static let serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

    static func client(
        user: String = "user", password: String = "pencil", nonce: String = clientNonce,
        binding: ScramBinding = .none, iterationsMin: Int = ScramClient.iterationsMinForPasswords,
        iterationsMax: Int = ScramClient.iterationsMaxDefault
    ) throws -> ScramClient {
        try ScramClient(
            user: user, password: Secret(text: password), nonce: ScramNonce(text: nonce), binding: binding,
            iterationsMin: iterationsMin, iterationsMax: iterationsMax)
    }

    static func server(
        first: String = clientFirst, verifier: ScramVerifier? = nil, nonce: String = serverNonce,
        exporter: [UInt8]? = nil, offersBinding: Bool? = nil
    ) throws -> ScramServer {
        try ScramServer(
            answering: ScramClientFirst(parsing: first), verifier: verifier ?? Self.verifier.get(),
            nonce: ScramNonce(text: nonce), exporter: exporter, offersBinding: offersBinding ?? (exporter != nil))
    }

    /// RFC 7677 §3.
    @Test func followsTheExample() throws {
        var client = try Self.client()
        #expect(client.first == Self.clientFirst)
        let first = try ScramClientFirst(parsing: Self.clientFirst)
        #expect(first.user == "user")
        var server = try Self.server()
        #expect(server.challenge == Self.challenge)
        #expect(try client.answer(Self.challenge) == Self.clientFinal)
        #expect(try server.receive(Self.clientFinal) == Self.serverFinal)
        try client.check(Self.serverFinal)
    }

    /// A token as password, one iteration, as for resuming.
    @Test func resumesWithAToken() throws {
        let token = Base64.encode(try SecureRandom.bytes(32))
        let salt = try SecureRandom.bytes(ScramVerifier.saltBytes)
        let verifier = try ScramVerifier(password: Secret(text: token), salt: salt, iterations: 1)
        var client = try Self.client(password: token, iterationsMin: 1)
        var server = try ScramServer(
            answering: ScramClientFirst(parsing: client.first), verifier: verifier, nonce: .random(), exporter: nil,
            offersBinding: false)
        try client.check(server.receive(client.answer(server.challenge)))
    }

    @Test(arguments: ["a,b=c", "=2C", ",,,===", "Zoë", "n=x,r=y"])
    func carriesAnyName(user: String) throws {
        var client = try Self.client(user: user)
        #expect(try ScramClientFirst(parsing: client.first).user == user)
        var server = try Self.server(first: client.first)
        try client.check(server.receive(client.answer(server.challenge)))
    }

    @Test func bindsToTheConnection() throws {
        let exporter = [UInt8](0..<32)
        var client = try Self.client(binding: .exporter(exporter))
        #expect(client.first == "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        var server = try Self.server(first: client.first, exporter: exporter)
        try client.check(server.receive(client.answer(server.challenge)))

        // Somebody between the two: each side has TLS, but not the same one.
        var relayed = try Self.client(binding: .exporter(exporter))
        var other = try Self.server(first: relayed.first, exporter: exporter.flipping(bit: 0))
        let final = try relayed.answer(other.challenge)
        #expect(throws: ScramFault.bindingRefused) { try other.receive(final) }
        #expect(throws: ScramFault.bindingRefused) { try Self.server(first: relayed.first, exporter: nil) }
    }

    /// RFC 5802 §6: "y" at a server that offered means that the offer was cut out on the way.
    @Test func noticesACutOutOffer() throws {
        var client = try Self.client(binding: .notOffered)
        #expect(client.first.utf8.starts(with: "y,,".utf8))
        #expect(throws: ScramFault.bindingRefused) { try Self.server(first: client.first, exporter: [1]) }
        // On plain TCP, at a port that speaks TLS, too.
        #expect(throws: ScramFault.bindingRefused) { try Self.server(first: client.first, offersBinding: true) }
        #expect(try ScramClientFirst(parsing: client.first).sawNoBinding)
        var server = try Self.server(first: client.first)
        try client.check(server.receive(client.answer(server.challenge)))
        // The attacker turns "y" into "n" to hide it: the header is under the proof.
        var hidden = try Self.client(binding: .notOffered)
        var deceived = try Self.server(first: "n" + hidden.first.dropFirst(), exporter: [1])
        let final = try hidden.answer(deceived.challenge)
        #expect(throws: ScramFault.bindingRefused) { try deceived.receive(final) }
        var rewritten = try Self.server(first: "n" + hidden.first.dropFirst(), exporter: [1])
        #expect(throws: ScramFault.notAuthentic) { try rewritten.receive(final.replacing("c=eSws", with: "c=biws")) }
    }

    /// Wrong password, unknown name: the same challenge form, the same fault.
    @Test func failsTheSameWayForAll() throws {
        let fake = try ScramVerifier.fake(user: "user", secret: Secret([1]), iterations: 4096)
        for (verifier, password) in [(try Self.verifier.get(), "pencil2"), (fake, "pencil"), (fake, "pencil2")] {
            var client = try Self.client(password: password)
            var server = try Self.server(verifier: verifier)
            #expect(server.challenge.utf8.count == Self.challenge.utf8.count)
            let final = try client.answer(server.challenge)
            #expect(throws: ScramFault.notAuthentic) { try server.receive(final) }
            #expect(throws: ScramFault.refusedByServer) { try client.check("e=invalid-proof") }
        }
    }

    @Test func aServerWithoutTheVerifierIsFoundOut() throws {
        for forged in [
            "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "v=AAAA",
            Self.serverFinal.replacing("v=6", with: "v=7"),
        ] {
            var client = try Self.client()
            _ = try client.answer(Self.challenge)
            #expect(throws: ScramFault.notAuthentic) { try client.check(forged) }
            #expect(throws: ScramFault.outOfOrder, "no second guess") { try client.check(Self.serverFinal) }
        }
    }

    @Test func nothingIsTakenTwice() throws {
        var server = try Self.server()
        _ = try server.receive(Self.clientFinal)
        #expect(throws: ScramFault.outOfOrder) { try server.receive(Self.clientFinal) }
        // A recorded proof in a new exchange.
        var later = try Self.server(nonce: "another nonce is used".replacing(" ", with: "-"))
        #expect(throws: ScramFault.nonceRefused) { try later.receive(Self.clientFinal) }
        var relabelled = try Self.server(nonce: "another-nonce-is-used")
        let final = Self.clientFinal.replacing(Self.serverNonce, with: "another-nonce-is-used")
        #expect(throws: ScramFault.notAuthentic) { try relabelled.receive(final) }
        var client = try Self.client()
        #expect(throws: ScramFault.outOfOrder) { try client.check(Self.serverFinal) }
        _ = try client.answer(Self.challenge)
        #expect(throws: ScramFault.outOfOrder) { try client.answer(Self.challenge) }
    }
}
