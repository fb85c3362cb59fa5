import Bytes
import Federation
import Store
import Wire

/// Files: those of our own people lie in this node's spool, those of others are fetched from their nodes.
extension Hub {
    /// Whom an answer about a file is for: of the spool, or of the node of its author.
    enum FileErrand {
        case begin(SessionID, ref: Int64)
        case write(SessionID, ref: Int64)
        case fetch(SessionID, ref: Int64)
        /// nil for a file of somebody elsewhere.
        case end(SessionID, ref: Int64, of: UserName?, isCancelled: Bool)
        case find(LinkID, ref: Int64)
        case keep(LinkID, ref: Int64, of: UserName)
        case purge

        /// The session that waits for it, if one does.
        var asker: (id: SessionID, ref: Int64, weight: Int)? {
            switch self {
            case .begin(let id, let ref), .end(let id, let ref, _, _): (id, ref, 1)
            case .write(let id, let ref), .fetch(let id, let ref): (id, ref, Hub.chunkWeight)
            case .find, .keep, .purge: nil
            }
        }
    }

    /// Counts among what a session has under way: 8 chunks, which is 528 KiB of lines in either direction, are enough
    /// to keep a link busy, and fit an egress queue beside messages.
    static let chunkWeight = 8
    /// Questions about files that wait at once in the whole node: with a chunk in each, 48 MiB.
    static let fileErrandsMax = 1024
    /// Of them, those of one account in all its sessions: eight that move chunks as fast as they may, and too few to
    /// fill what waits for one server. So nobody keeps others from their files by opening many sessions.
    static let fileErrandsPerAccountMax = 64

    // MARK: Sessions ask

    mutating func beginFile(_ file: SpooledFile, _ ref: Int64, by user: UserName, in id: SessionID, wall: Int64) {
        switch mesh.routing.route(file.to) {
        case .refused(let refusal): return refuse(refusal, ref, to: id)
        case .local:
            if case .direct(let address) = file.to, !accounts.contains(address.user) {
                return refuse(Refusal(.unknownUser, "there is no \(address) here"), ref, to: id)
            }
        case .peers: break
        }
        askSpool(.begin(owner: user, file, at: wall), for: .begin(id, ref: ref))
    }

    mutating func writeChunk(
        _ file: MessageID, _ index: Int64, _ data: [UInt8], _ ref: Int64, by user: UserName, in id: SessionID,
        wall: Int64
    ) {
        let request = SpoolRequest.write(owner: user, id: file, index: index, data: data, at: wall)
        askSpool(request, for: .write(id, ref: ref))
    }

    mutating func fetchChunk(
        _ place: ChunkPlace, _ ref: Int64, by user: UserName, in id: SessionID, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        let errand = FileErrand.fetch(id, ref: ref)
        guard place.from.server != name else {
            return askSpool(.read(place, reader: address(of: user), local: name), for: errand)
        }
        askPeer(.chunk(place, reader: user), for: errand, at: now, wall: wall, using: &random)
    }

    mutating func endFile(
        of author: Address, _ file: MessageID, _ outcome: FileOutcome, _ ref: Int64, by user: UserName,
        in id: SessionID, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        guard author.server != name else {
            let isCancelled = outcome == .cancelled && author.user == user
            return askSpool(
                .end(owner: author.user, id: file, by: address(of: user), outcome, local: name, at: wall),
                for: .end(id, ref: ref, of: author.user, isCancelled: isCancelled))
        }
        guard outcome == .received || outcome == .declined else {
            let text = "\"outcome\" of somebody else's file is received or declined"
            return refuse(Refusal(.badValue, text), ref, to: id)
        }
        askPeer(
            .outcome(from: author, id: file, reader: user, outcome),
            for: .end(id, ref: ref, of: nil, isCancelled: false), at: now, wall: wall, using: &random)
    }

    mutating func askSpool(_ request: SpoolRequest, for errand: FileErrand) {
        guard let tag = begin(errand) else { return }
        actions.append(.spool(tag: tag, request))
    }

    private mutating func askPeer(
        _ question: FileQuestion, for errand: FileErrand, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        if case .refused(let refusal) = mesh.routing.route(.direct(question.author)), let asker = errand.asker {
            return refuse(refusal, asker.ref, to: asker.id)
        }
        guard let token = begin(errand) else { return }
        tell(.askFile(question, token: token), at: now, wall: wall, using: &random)
    }

    /// nil if there is too much to do already; the session has been told.
    private mutating func begin(_ errand: FileErrand) -> UInt64? {
        var user: UserName?
        if let asker = errand.asker {
            user = sessions[asker.id]?.user
            if let refusal = busy(for: user) {
                refuse(refusal, asker.ref, to: asker.id)
                return nil
            }
            if let user { fileErrandCounts[user, default: 0] += 1 }
            began(asker.id, weight: asker.weight)
        }
        lastTag += 1
        fileErrands[lastTag] = (errand, user)
        return lastTag
    }

    private func busy(for user: UserName?) -> Refusal? {
        if let user, fileErrandCounts[user, default: 0] >= Hub.fileErrandsPerAccountMax {
            let count = Hub.fileErrandsPerAccountMax
            return Refusal(
                .busy, "this account has asked for \(count) things about files already; try again in a moment")
        }
        guard fileErrands.count >= Hub.fileErrandsMax else { return nil }
        return Refusal(.busy, "this node moves \(Hub.fileErrandsMax) chunks already; try again in a moment")
    }

    /// Also for an account whose session has left meanwhile.
    private mutating func finish(_ tag: UInt64) -> FileErrand? {
        guard let (errand, user) = fileErrands.removeValue(forKey: tag) else { return nil }
        if let user, let count = fileErrandCounts[user] { fileErrandCounts[user] = count > 1 ? count - 1 : nil }
        return errand
    }

    private mutating func refuse(_ refusal: Refusal, _ ref: Int64, to id: SessionID) {
        actions.append(.send([id], .refused(refusal, ref: ref, id: nil)))
    }

    // MARK: Other nodes ask

    /// The mesh has no more than 16 of these under way on each link.
    mutating func findChunk(_ place: ChunkPlace, for reader: Address, on link: LinkID, _ ref: Int64) {
        askSpool(.read(place, reader: reader, local: name), for: .find(link, ref: ref))
    }

    mutating func keepOutcome(
        of author: Address, _ file: MessageID, by reader: Address, _ outcome: FileOutcome, on link: LinkID,
        _ ref: Int64, wall: Int64
    ) {
        askSpool(
            .end(owner: author.user, id: file, by: reader, outcome, local: name, at: wall),
            for: .keep(link, ref: ref, of: author.user))
    }

    // MARK: Answers

    mutating func spooled(
        _ replies: [(tag: UInt64, reply: SpoolReply)], at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        for (tag, reply) in replies {
            guard let errand = finish(tag) else { continue }
            // Before the answer: a client that has it asks no more, and has to know the end if the connection breaks.
            tellAuthor(errand, reply)
            switch (errand, reply) {
            case (.purge, _): purgedFiles(reply, wall: wall)
            case (.find(let link, let ref), .chunk(let data)):
                tell(.chunkAnswer(link, ref: ref, data: data, refusal: nil), at: now, wall: wall, using: &random)
            case (.find(let link, let ref), .refused(let refusal)), (.find(let link, let ref), .failed(let refusal)):
                tell(.chunkAnswer(link, ref: ref, data: [], refusal: refusal), at: now, wall: wall, using: &random)
            case (.keep(let link, let ref, _), .ended):
                tell(.outcomeAnswer(link, ref: ref, refusal: nil), at: now, wall: wall, using: &random)
            case (.keep(let link, let ref, _), .refused(let refusal)),
                (.keep(let link, let ref, _), .failed(let refusal)):
                tell(.outcomeAnswer(link, ref: ref, refusal: refusal), at: now, wall: wall, using: &random)
            case (_, .status(let status)): answer(errand) { .file(ref: $0, status) }
            case (_, .chunk(let data)): answer(errand) { .chunk(ref: $0, data: data) }
            case (_, .ended): answer(errand) { .outcome(ref: $0) }
            case (_, .refused(let refusal)), (_, .failed(let refusal)):
                answer(errand) { .refused(refusal, ref: $0, id: nil) }
            case (_, .purged), (_, .usage): break
            }
            // What nobody can fetch any more gives its room back at once.
            if case .ended(_, isNew: true) = reply { purgeFiles(wall: wall) }
        }
    }

    /// The author's node has answered a question of one of our sessions.
    mutating func fileAnswered(_ token: UInt64, _ data: [UInt8], _ refusal: Refusal?) {
        guard let errand = finish(token) else { return }
        switch (errand, refusal) {
        case (_, let refusal?): answer(errand) { .refused(refusal, ref: $0, id: nil) }
        case (.fetch, nil): answer(errand) { .chunk(ref: $0, data: data) }
        default: answer(errand) { .outcome(ref: $0) }
        }
    }

    /// Nothing is said to sessions that have left.
    private mutating func answer(_ errand: FileErrand, _ line: (Int64) -> NodeLine) {
        guard let asker = errand.asker, sessions[asker.id] != nil else { return }
        actions.append(.send([asker.id], line(asker.ref)))
        ended(asker.id, weight: asker.weight)
    }

    /// All of the author's sessions hear that a file has ended. Whoever cancels one hears how it ended, even if that
    /// was before.
    private mutating func tellAuthor(_ errand: FileErrand, _ reply: SpoolReply) {
        guard case .ended(let status, let isNew) = reply else { return }
        switch errand {
        case .end(_, _, let author?, let isCancelled) where isNew || isCancelled:
            send(.file(ref: nil, status), to: author)
        case .keep(_, _, let author) where isNew: send(.file(ref: nil, status), to: author)
        default: break
        }
    }

    /// What a session fetched for itself need not be asked for when it has gone. Outcomes go their way.
    mutating func withdrawFetches(
        of id: SessionID, at now: Instant, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        let tokens = fileErrands.filter { if case .fetch(id, _) = $0.value.errand { true } else { false } }.keys
        guard !tokens.isEmpty else { return }
        tell(.withdrawFiles(tokens: Set(tokens)), at: now, wall: wall, using: &random)
    }
}
