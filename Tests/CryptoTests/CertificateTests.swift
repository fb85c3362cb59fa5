import Crypto
import Testing

/// What the certificates are worth to programs of another make, scenarios and `NetTests` show.
@Suite struct CertificateTests {
    private func blocks(_ text: Secret) -> [String] {
        String(decoding: text.exposed, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("-----BEGIN") }.map(String.init)
    }

    private static let certificate = "-----BEGIN CERTIFICATE-----"
    private static let key = "-----BEGIN PRIVATE KEY-----"

    @Test func eachTextHoldsTheKeyAndWhatVouchesForIt() throws {
        let authority = try Certificate.authority(name: "example-authority")
        #expect(blocks(authority) == [Self.certificate, Self.key])
        let issued = try Certificate.issued(for: .client, name: "alice", by: authority)
        #expect(blocks(issued) == [Self.certificate, Self.key, Self.certificate])
        #expect(blocks(try Certificate.selfSigned(names: ["a.example", "::1", "127.0.0.1"])).count == 2)
    }

    @Test func thePublicPartHoldsNoKey() throws {
        let text = try Certificate.authority(name: "example-authority")
        let part = try Certificate.publicPart(of: text)
        #expect(text.exposed.starts(with: part))
        #expect(blocks(Secret(part)) == [Self.certificate])
        #expect(throws: CertificateFault.noAuthority) { try Certificate.publicPart(of: Secret(text: "nothing")) }
    }

    /// A name is put into OpenSSL's own notation, so it must not be able to say more than a name.
    @Test(arguments: [
        "", "a,DNS:b", "a\nb", "a b", "CA:TRUE,x", "ä", String(repeating: "a", count: 65), "a;b", "@section/..", "a\0b",
    ])
    func namesThatSayMoreAreRefused(_ name: String) throws {
        #expect(throws: CertificateFault.badName) { try Certificate.selfSigned(names: [name]) }
        #expect(throws: CertificateFault.badName) { try Certificate.selfSigned(names: ["good", name]) }
        #expect(throws: CertificateFault.badName) { try Certificate.authority(name: name) }
    }

    @Test func noNamesAndNoDaysAreRefused() throws {
        #expect(throws: CertificateFault.badName) { try Certificate.selfSigned(names: []) }
        for days in [0, -1, Certificate.daysMax + 1] {
            #expect(throws: CertificateFault.badDays) { try Certificate.authority(name: "a", days: days) }
        }
    }

    @Test func onlyAnAuthorityIssues() throws {
        let authority = try Certificate.authority(name: "example-authority")
        let withoutKey = Secret(try Certificate.publicPart(of: authority))
        for text in [Secret(text: ""), Secret(text: "nonsense"), withoutKey] {
            #expect(throws: CertificateFault.noAuthority) {
                try Certificate.issued(for: .server, name: "s1", by: text)
            }
        }
    }
}
