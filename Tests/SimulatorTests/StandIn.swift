import Bytes
import ChatClient
import Crypto
import Files
import Testing
import Wire

/// Signatures and RSA take most of a run's time and prove nothing here: only who holds a signer signs with it, and what is
/// sealed is readable, but only the right devices read it.
enum StandIn {
    /// A private key; whoever checks its signatures asks the world whether it made them.
    struct Signer {
        let key: IdentityKey
        private let secret: [UInt8]

        init(_ random: inout SplitMix64) throws {
            key = try #require(IdentityKey(bytes: random.bytes(32)))
            secret = random.bytes(32)
        }

        func sign(_ bytes: [UInt8]) -> [UInt8] {
            let digest = Digest.sha256(secret + bytes)
            return digest + digest
        }
    }

    static func device(_ random: inout SplitMix64) throws -> DeviceKey {
        let key = random.bytes(32)
        return DeviceKey(
            fingerprint: try #require(Fingerprint(bytes: key)), key: key,
            account: try #require(IdentityKey(bytes: random.bytes(32))), signature: random.bytes(64))
    }

    static func seal(_ content: MessageContent, by device: DeviceKey, for keys: [DeviceKey]) -> Sealed {
        let plaintext: [UInt8] =
            switch content {
            case .text(let text): Array(text.utf8)
            case .file: content.encoded()
            }
        let padding = [UInt8](repeating: 0, count: max(0, 16 - plaintext.count))
        return Sealed(
            device: device.fingerprint, nonce: [UInt8](repeating: 7, count: 12), box: plaintext + padding,
            wraps: keys.map { Sealed.Wrap(device: $0.fingerprint, key: [UInt8](repeating: 1, count: 128)) },
            signature: [UInt8](repeating: 2, count: 128))
    }

    static func open(_ envelope: Envelope, from key: DeviceKey, by device: DeviceKey) -> MessageContent? {
        guard case .sealed(let sealed) = envelope.body, sealed.device == key.fingerprint,
            sealed.wraps.contains(where: { $0.device == device.fingerprint })
        else { return nil }
        return content(of: sealed)
    }

    private static func content(of sealed: Sealed) -> MessageContent {
        let plaintext = sealed.box.filter { $0 != 0 }
        guard plaintext.first == UInt8(ascii: "{"), let offer = try? MessageContent(decoding: plaintext) else {
            return .text(String(decoding: plaintext, as: UTF8.self))
        }
        return offer
    }

    /// What an envelope says, whoever it is for; of a file its name.
    static func text(in envelope: Envelope) -> String {
        switch envelope.body {
        case .text(let text): text
        case .file(let offer): offer.name
        case .sealed(let sealed): content(of: sealed).label
        }
    }
}

extension MessageContent {
    var label: String {
        switch self {
        case .text(let text): text
        case .file(let offer): offer.name
        }
    }
}

/// The chunks of a file, each standing as one word for its 48 KiB: sealed and checked as `FileCipher` does it.
extension StandIn {
    static let lastLink = [UInt8](repeating: 0, count: 32)

    /// Link i vouches for word i and link i + 1; one more than there are words.
    static func links(of words: [UInt64]) -> [[UInt8]] {
        var links = [lastLink]
        for word in words.reversed() { links.append(link(over: word, next: links.last ?? lastLink)) }
        return links.reversed()
    }

    private static func link(over word: UInt64, next: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(word)
        return Digest.sha256(bytes + next)
    }

    private static func tag(_ body: [UInt8], _ index: Int64, of id: MessageID, key: [UInt8]) -> [UInt8] {
        var place: [UInt8] = []
        place.appendBigEndian(index)
        return Digest.sha256(key + id.bytes + place + body)
    }

    static func seal(_ word: UInt64, index: Int64, next: [UInt8], of id: MessageID, key: [UInt8]) -> [UInt8] {
        var body: [UInt8] = []
        body.appendBigEndian(word)
        body += next
        return body + tag(body, index, of: id, key: key)
    }

    static func open(
        _ chunk: [UInt8], index: Int64, link expected: [UInt8], of id: MessageID, offer: FileOffer
    ) -> (word: UInt64, next: [UInt8])? {
        let body = Array(chunk.prefix(40))
        guard chunk.count == 72, index < offer.chunkCount,
            Array(chunk.suffix(32)) == tag(body, index, of: id, key: offer.key)
        else { return nil }
        let word = body.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let next = Array(body.suffix(32))
        guard link(over: word, next: next) == expected, index < offer.chunkCount - 1 || next == lastLink else {
            return nil
        }
        return (word, next)
    }
}

extension ChatClient.StoredState {
    /// What the client's store does with an action of the machine.
    mutating func apply(_ change: ClientAction) {
        switch change {
        case .savePending(let message): pending.append(message)
        case .saveDraft(let draft):
            pending = pending.map {
                guard $0.id == draft.id else { return $0 }
                return PendingMessage(id: $0.id, to: $0.to, at: $0.at, place: $0.place, content: .draft(draft))
            }
        case .saveAccepted(let id, let isUnconfirmed, let waiting):
            guard
                let known = pending.first(where: { $0.id == id }).map({ ($0.to, $0.place) })
                    ?? accepted.first(where: { $0.id == id }).map({ ($0.to, $0.place) })
            else { return }
            pending.removeAll { $0.id == id }
            accepted.removeAll { $0.id == id }
            accepted.append(
                AcceptedMessage(
                    id: id, to: known.0, place: known.1, text: nil, isOld: false, isUnconfirmed: isUnconfirmed,
                    waiting: waiting))
        case .removePending(let id):
            pending.removeAll { $0.id == id }
            accepted.removeAll { $0.id == id }
        case .saveCursor(let conversation, let seq): cursors[conversation] = seq
        case .saveKeys(let address, let keys): self.keys[address] = keys
        case .savePins(let address, let keys): pins[address] = keys
        case .saveServerPin(let key): serverPin = key
        case .saveServerTLS: hasSeenTLS = true
        case .saveNodeStore(let met): nodeStore = met
        case .saveToken(let token): self.token = token
        case .saveFile(let transfer):
            files.removeAll { $0.id == transfer.id }
            files.append(transfer)
            lastFileNumber = max(lastFileNumber, transfer.number)
        case .removeFile(let id): files.removeAll { $0.id == id }
        default: break
        }
    }

    /// The node does not have it after all.
    mutating func recall(_ record: PendingMessage) {
        accepted.removeAll { $0.id == record.id }
        let index = pending.firstIndex { $0.place > record.place } ?? pending.endIndex
        pending.insert(record, at: index)
    }
}
