import Bytes
import Glibc
import Testing
import Wire

/// `Docs/protocol/federation.md` is what others build from, so its examples are held to the code.
struct FederationDocumentTests {
    /// The lines of each fenced block, by what stands behind the fence.
    private let blocks: [(language: String, lines: [String])]

    init() throws {
        var blocks: [(language: String, lines: [String])] = []
        var isInside = false
        for line in try FederationDocumentTests.document() {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { blocks.append((String(line.dropFirst(3)), [])) }
            } else if isInside {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        try #require(!isInside && !blocks.isEmpty)
        self.blocks = blocks
    }

    private static func document() throws -> [String] {
        let folders = #filePath.split(separator: "/").dropLast(3)
        let path = "/" + folders.joined(separator: "/") + "/Docs/protocol/federation.md"
        let file = try #require(fopen(path, "r"), "\(path) cannot be read")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    private var messages: [LinkMessage] {
        get throws { try examples.map { try LinkMessage(decoding: Array($0.utf8)) } }
    }

    private var examples: [String] { blocks.filter { $0.language == "json" }.flatMap(\.lines) }

    @Test func everyExampleIsReadAndWrittenAsItStands() throws {
        for (example, message) in zip(examples, try messages) { #expect(text(message.encoded()) == example) }
        let tags = Set(try messages.map(\.tag))
        let known = Set(try LinkMessageCodingTests.goldens().map(\.value.tag))
        #expect(tags == known, "each kind of message has an example")
    }

    @Test(arguments: ["acceptor", "dialler"]) func theTranscriptsAreOurs(_ name: String) throws {
        let signer = try #require(LinkProof.Role(rawValue: name))
        let hellos = try messages.compactMap { if case .hello(let hello) = $0 { hello } else { nil } }
        try #require(hellos.count == 2)
        let transcript = LinkProof.transcript(
            signer: signer, dialler: hellos[0], acceptor: hellos[1], transport: "ws", binding: Array("plaintext".utf8))

        let block = try #require(blocks.first { $0.lines.first == "signed by the \(name)" })
        let fields = block.lines.dropFirst().dropLast().map { $0.split(separator: " ").prefix(2).joined() }
        #expect(Hex.encode(transcript) == fields.joined())

        let proofs = try messages.compactMap { if case .proof(let signature) = $0 { signature } else { nil } }
        try #require(proofs.count == 2)
        let proof = signer == .acceptor ? proofs[0] : proofs[1]
        #expect(block.lines.last == "signature " + Hex.encode(proof))
    }

    /// What a document says in numbers, a constant says in code.
    @Test(arguments: [
        ("at most 524,288 bytes", LinkMessage.bytesMax, 524_288),
        ("string, 1 to 32,768 bytes of UTF-8", Envelope.textBytesMax, 32_768),
        ("bytes(16 to 98,304)", Sealed.boxBytesMax, 98_304), ("array of at most 32 |", Sealed.wrapsMax, 32),
        ("bytes(1 to 1,100)", DeviceKey.keyBytesMax, 1100),
        ("at most 16 fingerprints", DeviceKey.devicesPerAccountMax, 16),
        ("array of at most 200 | each", PresencePage.peopleMax, 200),
        ("array of at most 200 | device", PresencePage.keysMax, 200),
        ("array of at most 1,024 | each", StreamRefusal.countMax, 1024),
        ("a sentence of at most 1,024 bytes", Refusal.textBytesMax, 1024),
        ("At most 16 levels of nesting", JSONLimits().depthMax, 16),
        ("64 members an object", JSONLimits().membersMax, 64),
        ("4,096 elements an array", JSONLimits().elementsMax, 4096),
        ("64 bytes a member's name", JSONLimits().nameBytesMax, 64),
        ("0 to 253402300799999", Int(Envelope.atMax), 253_402_300_799_999),
    ])
    func limitsAreThoseOfTheCode(_ words: String, _ constant: Int, _ number: Int) throws {
        #expect(constant == number)
        #expect(try FederationDocumentTests.document().joined(separator: " ").contains(words))
    }

    /// A code that ends a link, or refuses a place, has a line that says what it means.
    @Test func everyCodeNamedIsACode() throws {
        let lines = try FederationDocumentTests.document()
        let end = try #require(lines.firstIndex { $0.hasPrefix("| code | why the link ends") })
        for line in lines[(end + 2)...].prefix(while: { $0.hasPrefix("|") }) {
            let cell = line.split(separator: "|").first ?? ""
            for word in cell.split(separator: "`").enumerated().filter({ $0.offset % 2 == 1 }).map(\.element) {
                #expect(Refusal.Code(rawValue: String(word)) != nil, "\(word) is no code")
            }
        }
    }
}
