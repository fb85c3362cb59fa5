import Bytes
import Wire

/// Questions about files, both ways. The chunks themselves only pass through.
extension Peer {
    // MARK: We ask

    /// An answer only where the question cannot be asked; what was taken is sent by `sendWaiting`.
    mutating func askFile(_ question: FileQuestion, token: UInt64, at now: Instant) -> [MeshAction] {
        guard link?.feed != nil else { return [.fileAnswered(token: token, data: [], Peer.notLinked)] }
        guard link?.files.ask(question, token: token, at: now) ?? false else {
            let refusal = Refusal(.busy, "too many chunks are being fetched from \(name); ask again in a moment")
            return [.fileAnswered(token: token, data: [], refusal)]
        }
        return []
    }

    mutating func withdrawFiles(_ tokens: Set<UInt64>) -> [MeshAction] {
        let refusal = Refusal(.timedOut, "nobody waits for this any more")
        return (link?.files.withdraw(tokens) ?? []).map { .fileAnswered(token: $0, data: [], refusal) }
    }

    /// Sends as many questions as may be on their way.
    mutating func sendWaiting(at now: Instant) -> [MeshAction] {
        var actions: [MeshAction] = []
        while let id = link?.id, let request = link?.files.next(at: now) {
            actions.append(.send(id, request.question.message(ref: request.ref)))
        }
        return actions
    }

    /// - Parameter isChunk: whether it answers a question for a chunk.
    mutating func fileAnswered(
        _ ref: Int64, isChunk: Bool, data: [UInt8], _ refusal: Refusal?
    ) throws(Refusal) -> [MeshAction] {
        guard let request = try link?.files.answered(ref, fits: { $0.isChunk == isChunk }) else {
            return [.note(.ignored(name, .timedOut))]
        }
        return [.fileAnswered(token: request.token, data: data, refusal)]
    }

    // MARK: The peer asks

    /// Asks the store on behalf of the peer's people. A link speaks for nobody else, and of our files alone.
    mutating func fileWanted(_ ref: Int64, _ question: FileQuestion) throws(Refusal) -> [MeshAction] {
        guard let id = link?.id else { return [] }
        if case .outcome(_, _, _, let outcome) = question, outcome != .received, outcome != .declined {
            throw Refusal(.badValue, "\"outcome\" of a file is received or declined between servers")
        }
        guard try link?.files.wants(ref) ?? false else {
            let countMax = Requests<FileQuestion>.Limits.files.countMax
            let refusal = Refusal(.busy, "at most \(countMax) questions about files may wait for their answer")
            return [.send(id, question.refused(refusal, ref: ref))]
        }
        guard question.author.server == own else {
            let refusal = Refusal(.notForUs, "\(own) has no files of people of \(question.author.server)")
            return answerFile(ref, question.refused(refusal, ref: ref))
        }
        switch question {
        case .chunk(let place, let reader):
            return [.findChunk(id, ref: ref, place, reader: Address(user: reader, server: name))]
        case .outcome(let from, let file, let reader, let outcome):
            let reader = Address(user: reader, server: name)
            return [.keepOutcome(id, ref: ref, from: from, id: file, by: reader, outcome)]
        }
    }

    /// Nothing if the question is not of this link.
    mutating func answerFile(_ ref: Int64, _ message: LinkMessage) -> [MeshAction] {
        guard let id = link?.id, link?.files.answers(ref) ?? false else { return [] }
        return [.send(id, message)]
    }
}
