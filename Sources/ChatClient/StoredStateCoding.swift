import Store
import Wire

/// The client's state in its store.
extension StoredState {
    init(reading store: ClientStore, server: ServerName) throws(StoreError) {
        serverPin = try store.serverKey(server)
        token = try store.token()
        cursors = try store.allCursors()
        for conversation in cursors.keys {
            let ranges = try store.gaps(conversation)
            if !ranges.isEmpty { gaps[conversation] = ranges }
        }
        for address in try store.pinnedAddresses() {
            pins[address] = try store.pins(address)
            keys[address] = try store.deviceKeys(address)
        }
        for record in try store.pendingInOrder() {
            if let bytes = record.draft, let draft = try? Draft(decoding: bytes) {
                pending.append(PendingMessage(id: record.id, to: record.to, at: record.at, content: .draft(draft)))
            } else if let text = record.text {
                pending.append(PendingMessage(id: record.id, to: record.to, at: record.at, content: .words(text)))
            } else {
                damagedPending.append(record.id)
            }
        }
    }
}

extension ClientStore {
    /// Performs an action of the machine that changes the store; others change nothing. `now` is in milliseconds
    /// since 1970.
    func apply(_ action: ClientAction, server: ServerName, now: Int64) throws(StoreError) {
        switch action {
        case .savePending(let message):
            switch message.content {
            case .words(let text): try savePending(message.id, to: message.to, at: message.at, text: text)
            case .draft(let draft):
                try savePending(message.id, to: message.to, at: message.at, text: nil, draft: draft.encoded())
            }
        case .saveDraft(let draft): try setDraft(draft.id, draft.encoded())
        case .removePending(let id): try removePending(id)
        case .saveCursor(let conversation, let seq): try setCursor(conversation, seq)
        case .saveGap(let conversation, let range): try addGap(conversation, range)
        case .fillGap(let conversation, let range): try fillGap(conversation, range)
        case .saveKeys(let address, let keys): try saveDeviceKeys(address, keys)
        case .savePins(let address, let keys):
            try replacePins(address, keys, at: now)
            try notePinned(address)
        case .saveServerPin(let key): try pinServer(server, key, at: now)
        case .saveToken(let token): try setToken(token)
        case .connect, .disconnect, .send, .verifyHello, .scram, .verifyKeys, .seal, .open, .emit, .wake, .end: break
        }
    }

    /// Everybody whose account keys are pinned. The store finds pins by address only, so the client keeps the list.
    fileprivate func pinnedAddresses() throws(StoreError) -> [Address] {
        let names = try value(for: ClientStore.pinnedKey) ?? ""
        return names.split(separator: " ").compactMap { try? Address(parsing: String($0)) }
    }

    private func notePinned(_ address: Address) throws(StoreError) {
        var known = try pinnedAddresses()
        guard !known.contains(address) else { return }
        known.append(address)
        try setValue(known.map(\.text).joined(separator: " "), for: ClientStore.pinnedKey)
    }

    private static let pinnedKey = "pinned-addresses"
}
