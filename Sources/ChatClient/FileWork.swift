import Bytes
import Files
import Wire

/// Files: the commands, and what the rules of all transfers want done.
extension ClientMachine {
    mutating func startFiles(_ stored: StoredState) {
        let known = Set(stored.pending.map(\.id)).union(stored.accepted.map(\.id)).union(stored.damagedPending)
        transfers = Transfers(
            address: address, stored: stored.files, lastNumber: stored.lastFileNumber, offering: known)
    }

    /// Tells the transfers something and does what follows. `command` is what it answers: events of that file carry it.
    mutating func follow(
        for command: (id: MessageID, token: CommandToken)? = nil, _ change: (inout Transfers, Instant) -> Void
    ) {
        change(&transfers, now)
        perform(command)
    }

    private mutating func perform(_ command: (id: MessageID, token: CommandToken)? = nil) {
        var due = transfers.takeActions()[...]
        while let action = due.popFirst() {
            switch action {
            case .order(let order): actions.append(.file(order))
            case .ask(let question): ask(.file(question))
            case .save(let transfer): actions.append(.saveFile(transfer))
            case .remove(let id): actions.append(.removeFile(id))
            case .offer(let transfer): offer(transfer)
            case .withdraw(let id): withdraw(id)
            case .tell(let progress):
                let id = progress.transfer.id
                let token = fileTokens[id] ?? (command?.id == id ? command?.token : nil)
                emit(.file(FileProgress(progress), answering: token))
            case .settle(let id, let refusal):
                guard let token = fileTokens.removeValue(forKey: id) else { continue }
                if let refusal { emit(.error(refusal, answering: token)) }
                emit(.done(token))
            }
        }
    }

    // MARK: Commands

    mutating func sendFile(_ id: MessageID, to: Conversation, path: String, at: Int64, _ token: CommandToken) {
        guard !outgoing.contains(id), undelivered.items[id] == nil else {
            return refuse(token, Refusal(.idReused, "this id belongs to a message"))
        }
        do throws(Refusal) {
            try transfers.send(id, to: to, path: path, at: at, now: now)
            fileTokens[id] = token
        } catch { refuse(token, error) }
        perform()
    }

    mutating func tellFiles(_ token: CommandToken) {
        for progress in transfers.progresses { emit(.file(FileProgress(progress), answering: token)) }
        emit(.done(token))
    }

    mutating func accept(_ id: MessageID, path: String?, _ token: CommandToken) {
        do throws(Refusal) {
            if try transfers.accept(id, to: path.map { .path($0) } ?? .downloads, now: now) {
                fileTokens[id] = token
            } else {
                if let progress = transfers.progress(of: id) {
                    emit(.file(FileProgress(progress), answering: token))
                }
                emit(.done(token))
            }
        } catch { refuse(token, error) }
        perform()
    }

    mutating func cancel(_ id: MessageID, _ token: CommandToken) {
        do throws(Refusal) {
            let isSettled = try !transfers.cancel(id, now: now)
            perform((id, token))
            if isSettled { emit(.done(token)) } else { fileTokens[id] = token }
        } catch { refuse(token, error) }
    }

    // MARK: Messages

    /// A message was shown that offers a file.
    mutating func offered(_ offer: FileOffer, _ envelope: Envelope) {
        let isTaken = transfers.offered(
            offer, id: envelope.id, from: envelope.from, to: envelope.to, at: envelope.at, now: now)
        perform()
        guard !isTaken else { return }
        let text = "\(envelope.from) offers a file under the id of another one, \(envelope.id); it is not kept"
        emit(.error(Refusal(.idReused, text)))
    }

    /// All chunks are at the node; the offer goes the way of all messages.
    private mutating func offer(_ transfer: Transfer) {
        let id = transfer.id
        guard !outgoing.contains(id), undelivered.items[id] == nil else {
            return follow { $0.offerKept(id, at: $1) }
        }
        guard outgoing.items.count < Outgoing.pendingMax else {
            let text = "\(Outgoing.pendingMax) messages are waiting for the node; no more are kept"
            return follow { $0.offerFailed(id, Refusal(.outboxFull, text), at: $1) }
        }
        put(id, to: transfer.to, .file(transfer.offer), at: transfer.at, nil)
    }

    /// What may have been said stays said; its reader finds that the file has ended.
    private mutating func withdraw(_ id: MessageID) {
        guard let item = outgoing.items[id], !item.mayBeThere else { return }
        _ = outgoing.remove(id)
        // Behind a record that is on its way to the disk at this moment.
        actions.append(.removePending(id))
        emit(.state(id, .failed(Refusal(.noFile, "the file was cancelled")), answering: nil))
        sendDue()
    }

    /// A message with an offer that failed leaves a file that nobody knows of.
    mutating func fileFailed(_ id: MessageID, _ state: SendState) {
        guard case .failed(let refusal) = state else { return }
        follow { $0.offerFailed(id, refusal, at: $1) }
    }

    // MARK: The node

    mutating func fileAnswered(_ ref: Int64, _ answer: FileAnswer) {
        guard case .file(let question) = asked[ref] else { return }
        asked[ref] = nil
        follow { transfers, now in
            if case .status(let status) = answer, status.id != question.id {
                let refusal = Refusal(.damaged, "the node answered for another file")
                return transfers.answered(question, .refused(refusal), at: now)
            }
            transfers.answered(question, answer, at: now)
        }
    }
}

extension ClientLine {
    init(_ question: FileQuestion, ref: Int64) {
        switch question {
        case .status(let file): self = .file(ref: ref, file)
        case .chunk(let id, let index, let data): self = .chunk(ref: ref, id: id, index: index, data: data)
        case .fetch(let place): self = .fetch(ref: ref, place)
        case .outcome(let from, let id, let outcome): self = .outcome(ref: ref, from: from, id: id, outcome)
        }
    }
}

extension FileProgress {
    init(_ progress: TransferProgress) {
        let transfer = progress.transfer
        let state: State =
            switch transfer.state {
            case .offered: .offered
            case .sending: .sending
            case .receiving: .receiving
            case .complete: .complete
            case .failed: .failed
            case .cancelled: .cancelled
            }
        self.init(
            number: transfer.number, id: transfer.id, state: state, from: transfer.from, to: transfer.to,
            name: transfer.offer.name, bytes: progress.bytes, of: transfer.offer.bytes, path: transfer.path,
            bytesPerSecond: progress.bytesPerSecond, reason: transfer.reason)
    }
}
