import Bytes
import Crypto
import Files
package import Net
import Store
package import Wire

/// Joins a `ClientMachine` to the world: one connection at a time, the profile's store, a worker for cryptography.
/// Lives on its loop.
package final class ClientDriver: StreamHandler {
    private let loop: EventLoop
    private let profile: Profile
    private let target: NodeTarget
    private let tls: TLSContext
    private let resolver: Resolver
    private let worker: ClientWorker
    private let files: FileWorker
    private let onEvents: ([ClientEvent]) -> Bool
    private let onEnd: (ClientEnd) -> Void

    private var machine: ClientMachine
    private var generator = SecureGenerator()
    private var stream: Stream?
    private var lines = LineSplitter(lineBytesMax: NodeLine.bytesMax)
    /// Counts connections, so that an answer for an earlier one is known.
    private var attempt = 0
    private var timer: (id: TimerID, at: Instant)?
    private var isStopping = false
    /// Set it to false before `start` if nobody is shown what arrives: then it stays unread for the next run.
    package var isReading = true
    /// A message or a gap has been told, so that places which are saved from now on are behind it. Those before say where
    /// a new profile begins to read.
    private var hasTold = false

    // What this turn brought; worked off at its end, events first.
    private var events: [ClientEvent] = []
    private var changes: [ClientAction] = []
    private var end: ClientEnd?
    private var isTurnEndDue = false

    /// `onEvents` is given the events of a turn and returns whether they have been written; only then is stored what
    /// follows from them, as how far has been read. After it has returned false the driver has to be stopped.
    /// `onEnd` is called at most once, after the last events.
    /// `password` is wiped; nil logs in by the token of an earlier run. `downloadsPath` is the folder for files that are
    /// accepted without saying where to; without one those are refused. `tls` holds the certificate to be shown, if any.
    package init(
        loop: EventLoop, profile: Profile, target: NodeTarget, tls: TLSContext, password: inout [UInt8]?,
        downloadsPath: String? = nil, onEvents: @escaping ([ClientEvent]) -> Bool, onEnd: @escaping (ClientEnd) -> Void
    ) throws(NetError) {
        self.loop = loop
        self.profile = profile
        self.target = target
        self.tls = tls
        self.onEvents = onEvents
        self.onEnd = onEnd
        var secret: Secret?
        if var bytes = password.take() { secret = Secret(wiping: &bytes) }
        resolver = try Resolver(loop: loop, threads: 1, lookupsMax: 1)
        worker = try ClientWorker(loop: loop, profile: profile, password: secret)
        files = try FileWorker(loop: loop, downloadsPath: downloadsPath)
        machine = ClientMachine(
            address: profile.address, device: profile.device, hasPassword: secret != nil, tlsUse: target.tlsUse)
    }

    /// Reads the store and connects. Throws if the store cannot be read.
    package func start() throws(ProfileError) {
        worker.receive = { [weak self] attempt, input in
            guard let self, attempt == nil || attempt == self.attempt else { return }
            self.feed(input)
        }
        files.receive = { [weak self] report in self?.feed(.file(report)) }
        let stored: StoredState
        do {
            stored = try StoredState(
                reading: profile.store, server: profile.address.server, now: Clock.wallMilliseconds)
        } catch { throw ProfileError("the store of the profile: \(error.text); \(error.advice)") }
        feed(.started(stored))
    }

    package func perform(_ command: ClientCommand, _ token: CommandToken) { feed(.command(command, token)) }

    /// A new id for a message, and the time to give it.
    package func makeMessageID() -> (id: MessageID, at: Int64) {
        let now = Clock.wallMilliseconds
        return (MessageID(milliseconds: now, random: (generator.next(), generator.next())), now)
    }

    /// True if every message is accepted and every question answered.
    package var isIdle: Bool { machine.isIdle }
    package var pendingCount: Int { machine.pendingCount }
    /// True if every message is on disk. Where one is not yet, events follow.
    package var isKept: Bool { machine.isKept }

    /// Says goodbye and closes; `completion` is called once when that is done, within a second. No event comes after.
    package func stop(_ completion: @escaping () -> Void) {
        isStopping = true
        guard let stream else { return loop.afterThisTurn(completion) }
        if machine.isOnline { stream.write(ClientLine.bye.encoded()) }
        stream.closeAfterFlush(within: .seconds(1))
        stopped = completion
    }

    private var stopped: (() -> Void)?

    // MARK: The machine

    private func feed(_ input: ClientInput) {
        guard !isStopping else { return }
        for action in machine.handle(input, at: loop.now, using: &generator) { perform(action) }
        guard !isTurnEndDue else { return }
        isTurnEndDue = true
        loop.afterThisTurn { [weak self] in self?.endTurn() }
    }

    private func perform(_ action: ClientAction) {
        switch action {
        case .connect(let usesTLS): connect(usesTLS: usesTLS)
        case .disconnect(let reason): stream?.close(.local(reason))
        case .send(let line): stream?.write(line.encoded())
        case .wake(let at): wake(at: at)
        case .emit(let event):
            switch event {
            case .message, .gap: hasTold = true
            default: break
            }
            events.append(event)
        case .end(let end):
            self.end = end
            stream?.close(.local(end.text))
        case .verifyHello, .scram, .verifyKeys, .seal, .open: worker.perform(action, attempt: attempt)
        case .file(let order): files.perform(order)
        case .saveCursor where !isReading && hasTold, .saveGap where !isReading: break
        case .savePending, .saveDraft, .saveAccepted, .recall, .removePending, .saveFile, .removeFile, .saveCursor,
            .saveGap, .fillGap, .saveKeys, .savePins, .saveServerPin, .saveServerTLS,
            .saveNodeStore, .saveToken:
            changes.append(action)
        }
    }

    /// Events before changes: a crash in between shows an event again, the other way round it would be lost.
    private func endTurn() {
        isTurnEndDue = false
        while !isStopping, !events.isEmpty || !changes.isEmpty {
            let shown = events
            events = []
            // Nothing is stored as told that nobody could read: the next run tells it.
            guard shown.isEmpty || onEvents(shown) else { return changes = [] }
            let due = changes
            changes = []
            if !due.isEmpty { commit(due) }
        }
        if let end, !isStopping {
            self.end = nil
            onEnd(end)
        }
    }

    /// One transaction for all that a turn brought: a commit waits for the disk.
    private func commit(_ changes: [ClientAction]) {
        let saves = changes.compactMap { change in
            switch change {
            case .savePending(let message): message.id
            case .saveDraft(let draft): draft.id
            default: nil
            }
        }
        let files = changes.compactMap { if case .saveFile(let transfer) = $0 { transfer.id } else { nil } }
        let (store, server, now) = (profile.store, profile.address.server, Clock.wallMilliseconds)
        do {
            let recalled = try store.transaction { () throws(StoreError) in
                var recalled: [(id: MessageID, record: PendingMessage?)] = []
                for change in changes {
                    try store.apply(change, server: server, now: now)
                    guard case .recall(let id) = change else { continue }
                    recalled.append((id, try store.pending(id).flatMap { PendingMessage($0) }))
                }
                return recalled
            }
            for id in saves { feed(.saved(id)) }
            for id in files { feed(.fileSaved(id)) }
            for (id, record) in recalled { feed(.recalled(id, record)) }
        } catch {
            let text = "\(error.text); \(error.advice)"
            for id in saves { feed(.saveFailed(id, reason: text)) }
            for id in files { feed(.fileSaveFailed(id, reason: text)) }
            if saves.isEmpty {
                events.append(.error(code: Refusal.Code.storeFailed.rawValue, text: text, answering: nil))
            }
        }
    }

    /// A timer that fires too early does no harm, so one that is due earlier stays: every line moves the deadline.
    private func wake(at: Instant) {
        if let timer {
            guard at < timer.at else { return }
            loop.cancel(timer.id)
        }
        let id = loop.schedule(after: at.since(loop.now)) { [weak self] in
            self?.timer = nil
            self?.feed(.tick)
        }
        timer = (id, at)
    }

    // MARK: The connection

    private func connect(usesTLS: Bool) {
        attempt += 1
        let attempt = attempt
        resolver.resolve(target.host) { [weak self] answer in
            guard let self, attempt == self.attempt, !self.isStopping else { return }
            switch answer {
            case .success(let addresses):
                let stream = Stream.connect(
                    loop: self.loop, to: addresses, timeout: ClientDriver.connectDurationMax,
                    tls: usesTLS ? self.tls : nil, serverName: self.target.host.name,
                    egressLimits: ClientDriver.egressLimits)
                stream.handler = self
                self.stream = stream
                self.lines = LineSplitter(lineBytesMax: NodeLine.bytesMax)
            case .failure(.unresolved(let host, let reason)):
                self.feed(.unresolved(reason: "\(host): \(reason)"))
            case .failure(let error): self.feed(.closed(reason: error.description))
            }
        }
    }

    package func streamOpened(_ stream: Stream) {
        do {
            let channel = stream.exporter.map { ClientChannel.tls(exporter: $0) } ?? .plaintext
            feed(.opened(nonce: try SecureRandom.bytes(LinkHello.nonceBytes), channel))
        } catch { stream.close(.local("no random numbers")) }
    }

    package func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        lines.receive(bytes)
        do {
            // A line may make the machine close the connection; what stands behind it is dropped then.
            while self.stream === stream, let line = try lines.next() {
                if let input = ClientDriver.read(line) { feed(input) }
            }
        } catch { feed(.unreadable(error)) }
    }

    /// nil for a line of a later version.
    private static func read(_ line: [UInt8]) -> ClientInput? {
        do throws(Refusal) {
            return try NodeLine(try JSONObject(message: line)).map { .line($0) }
        } catch { return .unreadable(error) }
    }

    package func streamDrained(_ stream: Stream) {}

    package func streamClosed(_ stream: Stream, reason: CloseReason) {
        guard stream === self.stream else { return }
        self.stream = nil
        attempt += 1
        stopped?()
        stopped = nil
        switch reason {
        case .tls(let fault) where fault.kind == .notTLS: feed(.notTLS)
        case .tls(let fault) where fault.kind == .certificateRefused:
            feed(.closed(reason: "\(fault); the node wants a certificate that its administrator gives out"))
        default: feed(.closed(reason: reason.description))
        }
    }

    /// For all addresses of the node together.
    private static let connectDurationMax: Duration = .seconds(10)
    /// The machine bounds what it sends unanswered: 256 messages of at most 256 KiB, and some questions.
    private static let egressLimits = EgressQueue.Limits(bytesMax: 72 << 20)
}
