import ChatClient
import Testing
import Wire

/// RSA takes milliseconds and proves nothing here: what is sealed is readable, but only the right devices read it.
enum StandIn {
    static func device(_ random: inout SplitMix64) throws -> DeviceKey {
        let key = random.bytes(32)
        return DeviceKey(
            fingerprint: try #require(Fingerprint(bytes: key)), key: key,
            account: try #require(IdentityKey(bytes: random.bytes(32))), signature: random.bytes(64))
    }

    static func seal(_ text: String, by device: DeviceKey, for keys: [DeviceKey]) -> Sealed {
        let padding = [UInt8](repeating: 0, count: max(0, 16 - text.utf8.count))
        return Sealed(
            device: device.fingerprint, nonce: [UInt8](repeating: 7, count: 12), box: Array(text.utf8) + padding,
            wraps: keys.map { Sealed.Wrap(device: $0.fingerprint, key: [UInt8](repeating: 1, count: 128)) },
            signature: [UInt8](repeating: 2, count: 128))
    }

    static func open(_ envelope: Envelope, from key: DeviceKey, by device: DeviceKey) -> String? {
        guard case .sealed(let sealed) = envelope.body, sealed.device == key.fingerprint,
            sealed.wraps.contains(where: { $0.device == device.fingerprint })
        else { return nil }
        return text(in: envelope)
    }

    /// What an envelope says, whoever it is for.
    static func text(in envelope: Envelope) -> String {
        switch envelope.body {
        case .text(let text): text
        case .file(let offer): offer.name
        case .sealed(let sealed): String(decoding: sealed.box.filter { $0 != 0 }, as: UTF8.self)
        }
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
        case .saveToken(let token): self.token = token
        default: break
        }
    }
}
