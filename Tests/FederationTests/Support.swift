import Bytes
import Federation
import Glibc
import Testing
import Wire

/// The lines of a file of the tree.
func document(_ name: String) throws -> [String] {
    let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/" + name
    let file = try #require(fopen(path, "r"), "\(path) cannot be read")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        .map(String.init)
}

struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

func server(_ text: String) -> ServerName {
    do { return try ServerName(text) } catch { return unreachable(text) }
}

func user(_ text: String) -> UserName {
    do { return try UserName(text) } catch { return unreachable(text) }
}

func address(_ text: String) -> Address {
    do { return try Address(parsing: text) } catch { return unreachable(text) }
}

/// A test's own literal is wrong.
func unreachable<Value>(_ text: String) -> Value { fatalError("not a good literal: \(text)") }

func seconds(_ count: Double) -> Instant { Instant(nanoseconds: Int64(count * 1_000_000_000)) }

func messageID(_ number: Int) -> MessageID { MessageID(milliseconds: 1, random: (0, UInt64(number))) }

func envelope(_ number: Int, from: String = "ann@north", to: String = "public", text: String = "hello") -> Envelope {
    let conversation: Conversation = to == "public" ? .everyone : .direct(address(to))
    return Envelope(id: messageID(number), from: address(from), to: conversation, at: 1, body: .text(text))
}

func sealedEnvelope(_ number: Int, from: String, to: String) -> Envelope {
    let wrap = Sealed.Wrap(device: fingerprint(1), key: [UInt8](repeating: 3, count: 256))
    let sealed = Sealed(
        device: fingerprint(2), nonce: [UInt8](repeating: 4, count: 12), box: [UInt8](repeating: 5, count: 272),
        wraps: [wrap], signature: [UInt8](repeating: 6, count: 256))
    return Envelope(
        id: messageID(number), from: address(from), to: .direct(address(to)), at: 1, body: .sealed(sealed))
}

func fingerprint(_ number: Int) -> Fingerprint {
    var bytes = [UInt8](repeating: 0, count: 24)
    bytes.appendBigEndian(UInt64(number))
    return Fingerprint(bytes: bytes) ?? unreachable("fingerprint")
}

func deviceKey(_ number: Int, bytes: Int = 300) -> DeviceKey {
    DeviceKey(
        fingerprint: fingerprint(number), key: [UInt8](repeating: 7, count: bytes), account: FakeKey.publicKey(of: "a"),
        signature: [UInt8](repeating: 9, count: 64))
}

func person(_ text: String, _ status: Person.Status = .online, devices: [Int] = []) -> Person {
    Person(address: address(text), status: status, devices: devices.map(fingerprint))
}

/// Signatures that nobody can make without the secret, as long as nobody tries: enough for the rules around them.
enum FakeKey {
    static func publicKey(of secret: String) -> IdentityKey {
        IdentityKey(bytes: spread("public", Array(secret.utf8), count: 32)) ?? unreachable(secret)
    }

    static func sign(_ bytes: [UInt8], secret: String) -> [UInt8] {
        spread("sign", publicKey(of: secret).bytes + bytes, count: 64)
    }

    static func verify(_ signature: [UInt8], _ bytes: [UInt8], by key: IdentityKey) -> Bool {
        signature == spread("sign", key.bytes + bytes, count: 64)
    }

    private static func spread(_ label: String, _ bytes: [UInt8], count: Int) -> [UInt8] {
        var output: [UInt8] = []
        while output.count < count {
            var sum = CRC64()
            sum.add(Array(label.utf8) + [UInt8(output.count)] + bytes)
            output.appendBigEndian(sum.value)
        }
        return output
    }
}
