import Files
import Store
import Wire

/// The client's state in its store.
extension StoredState {
    /// `now` is in milliseconds since 1970.
    init(reading store: ClientStore, server: ServerName, now: Int64) throws(StoreError) {
        serverPin = try store.serverKey(server)
        hasSeenTLS = try store.hasSpokenTLS(server)
        token = try store.token()
        nodeStore = MetStore(text: try store.value(for: ClientStore.nodeStoreKey) ?? "")
        cursors = try store.allCursors()
        for conversation in cursors.keys {
            let ranges = try store.gaps(conversation)
            if !ranges.isEmpty { gaps[conversation] = ranges }
        }
        for address in try store.pinnedAddresses() {
            pins[address] = try store.pins(address)
            keys[address] = try store.deviceKeys(address)
        }
        files = try store.files().compactMap { Transfer($0) }
        lastFileNumber = try store.lastFileNumber()
        for record in try store.pendingInOrder() {
            let message = PendingMessage(record)
            if let acceptance = record.acceptance {
                accepted.append(AcceptedMessage(record, acceptance, message?.content, now: now))
            } else if let message {
                pending.append(message)
            } else {
                damagedPending.append(record.id)
            }
        }
    }
}

extension PendingMessage {
    /// nil if the record is damaged.
    init?(_ record: Store.PendingMessage) {
        let content: Content
        if let bytes = record.draft, let draft = try? Draft(decoding: bytes) {
            content = .draft(draft)
        } else if let text = record.text {
            content = .content(.text(text))
        } else if let bytes = record.offer, let offer = try? MessageContent(decoding: bytes) {
            content = .content(offer)
        } else {
            return nil
        }
        self.init(id: record.id, to: record.to, at: record.at, place: record.position, content: content)
    }
}

extension AcceptedMessage {
    /// Of a damaged record `content` is nil; its state is the node's to tell all the same.
    fileprivate init(
        _ record: Store.PendingMessage, _ acceptance: Store.PendingMessage.Acceptance,
        _ content: PendingMessage.Content?, now: Int64
    ) {
        var text: String?
        if case .draft(let draft) = content, case .text(let spoken) = draft.body { text = spoken }
        let (age, overflow) = now.subtractingReportingOverflow(acceptance.at)
        self.init(
            id: record.id, to: record.to, place: record.position, text: text,
            isOld: !overflow && age > Undelivered.keptMillisecondsMax, isUnconfirmed: acceptance.isUnconfirmed,
            waiting: acceptance.waiting)
    }
}

extension ClientStore {
    fileprivate static let nodeStoreKey = "node-store"

    /// Performs an action of the machine that changes the store; others change nothing. `now` is in milliseconds
    /// since 1970.
    func apply(_ action: ClientAction, server: ServerName, now: Int64) throws(StoreError) {
        switch action {
        case .savePending(let message):
            switch message.content {
            case .content(.text(let text)): try savePending(message.id, to: message.to, at: message.at, text: text)
            case .content(let offer):
                try savePending(message.id, to: message.to, at: message.at, text: nil, offer: offer.encoded())
            case .draft(let draft):
                try savePending(message.id, to: message.to, at: message.at, text: nil, draft: draft.encoded())
            }
        case .saveDraft(let draft): try setDraft(draft.id, draft.encoded())
        case .saveAccepted(let id, let isUnconfirmed, let waiting):
            try setAccepted(id, isUnconfirmed: isUnconfirmed, waiting: waiting, at: now)
        case .recall(let id): try setNotAccepted(id)
        case .removePending(let id): try removePending(id)
        case .saveFile(let transfer): try saveFile(StoredTransfer(transfer))
        case .removeFile(let id): try removeFile(id)
        case .saveCursor(let conversation, let seq): try setCursor(conversation, seq)
        case .saveGap(let conversation, let range): try addGap(conversation, range)
        case .fillGap(let conversation, let range): try fillGap(conversation, range)
        case .saveKeys(let address, let keys): try saveDeviceKeys(address, keys)
        case .savePins(let address, let keys):
            try replacePins(address, keys, at: now)
        case .saveServerPin(let key): try pinServer(server, key, at: now)
        case .saveServerTLS: try saveTLS(of: server)
        case .saveNodeStore(let met): try setValue(met.text, for: ClientStore.nodeStoreKey)
        case .saveToken(let token): try setToken(token)
        case .connect, .disconnect, .send, .verifyHello, .scram, .verifyKeys, .seal, .open, .file, .emit, .wake, .end:
            break
        }
    }
}

extension Transfer {
    /// nil for a state of a later version.
    fileprivate init?(_ file: StoredTransfer) {
        guard let state = State(rawValue: file.state) else { return nil }
        let place = file.folder.flatMap { folder in file.target.map { Place(folder: folder, name: $0) } }
        self.init(
            number: file.number, isOutgoing: file.isOutgoing, id: file.id, from: file.from, to: file.to, at: file.at,
            offer: file.offer, state: state, done: file.done, link: file.link, isOffered: file.isOffered,
            path: file.path, place: place, outcome: file.outcome, reason: file.reason)
    }
}

extension StoredTransfer {
    fileprivate init(_ transfer: Transfer) {
        self.init(
            number: transfer.number, isOutgoing: transfer.isOutgoing, id: transfer.id, from: transfer.from,
            to: transfer.to, at: transfer.at, offer: transfer.offer, state: transfer.state.rawValue,
            done: transfer.done, link: transfer.link, isOffered: transfer.isOffered, path: transfer.path,
            folder: transfer.place?.folder, target: transfer.place?.name, outcome: transfer.outcome,
            reason: transfer.reason)
    }
}
