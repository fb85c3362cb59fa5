import Crypto
import Testing

@Suite struct SecretTests {
    @Test func keepsItsBytes() {
        let secret = Secret(text: "correct horse")
        #expect(secret.count == 13)
        #expect(secret.exposed == Array("correct horse".utf8))
        #expect(secret.withUnsafeBytes { Array($0) } == secret.exposed)
        #expect(Secret([UInt8]()).exposed.isEmpty)
    }

    @Test func movesBytesIn() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = Secret(wiping: &bytes)
        #expect(secret.exposed == [1, 2, 3])
        #expect(bytes.isEmpty)
    }

    @Test func isNeverShown() throws {
        struct Holder {
            let name = "alice"
            let password = Secret(text: "hunter2")
        }
        let secret = Holder().password
        var dumped = ""
        dump(Holder(), to: &dumped)
        let shown = [
            "\(secret)", String(describing: secret), String(reflecting: secret), "\(Holder())",
            String(reflecting: Holder()), "\(Optional(secret) as Any)", "\([secret])", dumped,
        ]
        for text in shown {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104, 117"), "bytes of the secret as numbers")
            #expect(text.contains("hidden") || text.contains("Secret"))
        }
        let salt = [UInt8](repeating: 1, count: 16)
        let verifier = try ScramVerifier(password: secret, salt: salt, iterations: 1)
        #expect("\(verifier) \(String(reflecting: verifier))" == "ScramVerifier(hidden) ScramVerifier(hidden)")
        let key = try SharedKey.rsa2048.get()
        #expect("\(try key.pem())" == "Secret(hidden)")
    }
}
