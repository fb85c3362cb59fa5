import Glibc
import Store
import Testing
import Wire

/// Chance that can be repeated (SplitMix64).
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A folder that is gone when the test is over.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/postroad-store-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    func file(_ name: String = "node.db") -> String { "\(path)/\(name)" }

    private var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }
}

func readFile(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "rb"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

func writeFile(_ path: String, _ bytes: some Collection<UInt8>) throws {
    let file = try #require(fopen(path, "wb"))
    defer { fclose(file) }
    let bytes = Array(bytes)
    try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}

let north = serverName("north")
let south = serverName("south")
let west = serverName("west")
let epoch = Epoch(0x1111)
let otherEpoch = Epoch(0xFFFF_FFFF_FFFF_FFFF)

private func serverName(_ text: String) -> ServerName {
    do { return try ServerName(text) } catch { fatalError("\(text) is no server name") }
}

func address(_ text: String) throws -> Address { try Address(parsing: text) }
func user(_ text: String) throws -> UserName { try UserName(text) }
func id(_ number: UInt64) -> MessageID { MessageID(milliseconds: 1, random: (0, number)) }

/// A public message, or a sealed one whose box is `text`, as the two kinds of conversation demand.
func message(
    _ number: UInt64, from: String = "alice@north", to: String = "public", _ text: String = "hello"
) throws -> Envelope {
    let conversation = try Conversation(parsing: to)
    let body: Envelope.Body =
        switch conversation {
        case .everyone: .text(text)
        case .direct: .sealed(try sealed(Array(text.utf8)))
        }
    return Envelope(id: id(number), from: try address(from), to: conversation, at: 5, body: body)
}

private func sealed(_ content: [UInt8]) throws -> Sealed {
    let device = try #require(Fingerprint(bytes: [UInt8](repeating: 7, count: 32)))
    return Sealed(
        device: device, nonce: [UInt8](repeating: 1, count: 12), box: content + [UInt8](repeating: 2, count: 16),
        wraps: [Sealed.Wrap(device: device, key: [UInt8](repeating: 3, count: 256))],
        signature: [UInt8](repeating: 4, count: 256))
}

func device(_ number: UInt8) throws -> DeviceKey {
    DeviceKey(
        fingerprint: try #require(Fingerprint(bytes: [UInt8](repeating: number, count: 32))), key: [number, 1],
        account: try #require(IdentityKey(bytes: [UInt8](repeating: 9, count: 32))), signature: [number, 2])
}

func openStore(
    _ path: String = ":memory:", limits: NodeStore.Limits = NodeStore.Limits(), people: [String] = ["alice", "bob"]
) throws -> NodeStore {
    let store = try NodeStore(path: path, epoch: epoch, now: 1, limits: limits)
    let requests = try people.map { NodeRequest.saveAccount(try user($0), verifier: "v", entryDigest: [1], at: 1) }
    for reply in store.perform(requests) where store.broken == nil { #expect(reply == .done) }
    return store
}

extension NodeStore {
    func perform(_ request: NodeRequest) throws -> NodeReply { try #require(perform([request]).first) }

    /// Accepts a message at time 10 with a deadline of 100.
    func accept(_ envelope: Envelope, peers: [ServerName] = []) throws -> NodeReply {
        try perform(.accept(envelope, peers: peers, local: north, at: 10, deadline: 100))
    }

    func accepted(_ envelope: Envelope, peers: [ServerName] = []) throws -> Acceptance {
        guard case .accepted(let acceptance) = try accept(envelope, peers: peers) else { throw Unexpected() }
        return acceptance
    }

    func receive(_ envelope: Envelope, seq: Int64, epoch: Epoch = epoch) throws -> NodeReply {
        try perform(.receive(from: south, epoch: epoch, seq: seq, envelope, local: north, at: 10))
    }

    func page(
        _ conversation: String = "public", of owner: String = "alice@north", before: Int64? = nil,
        after: Int64? = nil, count: Int = 500, bytesMax: Int = 1 << 20
    ) throws -> HistoryPage {
        let range = HistoryRange(
            conversation: try Conversation(parsing: conversation), before: before, after: after, count: count)
        let reply = try perform(.history(owner: try address(owner), range, bytesMax: bytesMax))
        guard case .history(let page) = reply else { throw Unexpected() }
        return page
    }

    func outboxPage(
        _ peer: ServerName = south, after: Int64 = 0, countMax: Int = 1000, bytesMax: Int = 1 << 20
    ) throws -> OutboxPage {
        let reply = try perform(.outbox(peer: peer, after: after, countMax: countMax, bytesMax: bytesMax))
        guard case .outbox(let page) = reply else { throw Unexpected() }
        return page
    }

    func acknowledge(
        _ peer: ServerName = south, through: Int64, refused: [StreamRefusal] = [], at: Int64 = 20
    ) throws -> Settlement {
        let reply = try perform(.acknowledge(peer: peer, through: through, refused: refused, at: at))
        guard case .acknowledged(let settlement) = reply else { throw Unexpected() }
        return settlement
    }

    func allStreams() throws -> Streams {
        guard case .streams(let streams) = try perform(.streams) else { throw Unexpected() }
        return streams
    }
}

/// The store answered with another kind of reply than the test needs.
struct Unexpected: Error {}

extension NodeReply {
    var refusalCode: Refusal.Code? {
        if case .refused(let refusal) = self { refusal.code } else { nil }
    }

    var failureCode: Refusal.Code? {
        if case .failed(let refusal) = self { refusal.code } else { nil }
    }
}
