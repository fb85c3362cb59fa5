import Bytes
import ChatClient
import Files
import Testing
import Wire

/// Deterministic chance for tests (Steele, Lea, Flood 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

let alice = address("alice@s1")
let bob = address("bob@s2")
let carol = address("carol@s1")

func address(_ text: String) -> Address {
    do { return try Address(parsing: text) } catch { fatalError("\(text) is no address") }
}

/// A device key that nobody checks: the plays answer for the driver.
func key(_ address: Address, _ number: UInt8 = 1, account: UInt8? = nil) -> DeviceKey {
    let name = Array(address.text.utf8.prefix(16))
    let padding = [UInt8](repeating: number, count: 32 - name.count)
    let accountBytes = name + [UInt8](repeating: account ?? 1, count: 32 - name.count)
    guard let fingerprint = Fingerprint(bytes: name + padding), let account = IdentityKey(bytes: accountBytes) else {
        fatalError("32 bytes are a fingerprint")
    }
    return DeviceKey(fingerprint: fingerprint, key: name + [number], account: account, signature: [])
}

func id(_ number: UInt64) -> MessageID { MessageID(milliseconds: Int64(number), random: (0, number)) }

func sealed(_ text: String, by device: DeviceKey) -> Sealed {
    Sealed(device: device.fingerprint, nonce: [], box: Array(text.utf8), wraps: [], signature: [])
}

func sealed(_ content: MessageContent, by device: DeviceKey) -> Sealed {
    guard case .text(let text) = content else {
        return Sealed(device: device.fingerprint, nonce: [], box: [0] + content.encoded(), wraps: [], signature: [])
    }
    return sealed(text, by: device)
}

func opened(_ sealed: Sealed) -> MessageContent? {
    guard sealed.box.first == 0 else { return .text(String(decoding: sealed.box, as: UTF8.self)) }
    return try? MessageContent(decoding: Array(sealed.box.dropFirst()))
}

func spoken(_ seq: Int64, by author: Address = bob) -> Entry {
    Entry(
        seq: seq,
        envelope: Envelope(id: id(UInt64(seq)), from: author, to: .everyone, at: 5, body: .text("word \(seq)")))
}

func whispered(_ seq: Int64, from: Address = bob, to: Address = alice, under device: DeviceKey? = nil) -> Entry {
    let body = Envelope.Body.sealed(sealed("secret \(seq)", by: device ?? key(from)))
    return Entry(seq: seq, envelope: Envelope(id: id(UInt64(seq)), from: from, to: .direct(to), at: 5, body: body))
}

/// A client machine on a stage: performs its actions as a driver would, at once unless told otherwise.
struct Play {
    var machine: ClientMachine
    var now = Instant(nanoseconds: 0)
    var generator = SplitMix64(state: 7)
    /// Everything done so far, oldest first.
    var actions: [ClientAction] = []
    var wakeAt: Instant?
    var lastToken: Int64 = 0

    // What the stage does by itself.
    var saves = true
    var seals = true
    var opens = true
    /// The node's proof is found good.
    var checks = true
    /// What was put on disk, for `recall`.
    private var records: [MessageID: PendingMessage] = [:]
    var publishes = true
    /// What was put on record.
    private(set) var files: [MessageID: Transfer] = [:]
    /// The sizes of the files of this machine.
    var sizes: [String: Int64] = [:]
    private var jobs: [Int64: (bytes: Int64, path: String, count: Int64)] = [:]

    init(_ stored: StoredState = StoredState(), hasPassword: Bool = true, tlsUse: TLSUse = .whereOffered) {
        machine = ClientMachine(address: alice, device: key(alice), hasPassword: hasPassword, tlsUse: tlsUse)
        give(.started(stored))
    }

    @discardableResult
    mutating func give(_ input: ClientInput) -> [ClientAction] {
        let done = machine.handle(input, at: now, using: &generator)
        actions += done
        // As in a driver, what an action leads to comes after all actions of its input.
        for next in done.flatMap({ answers(to: $0) }) { give(next) }
        return done
    }

    private mutating func answers(to action: ClientAction) -> [ClientInput] {
        switch action {
        case .wake(let at): wakeAt = at
        case .send(.publish(let device)): return publishes ? [.line(.published(device.fingerprint))] : []
        case .disconnect(let reason): return [.closed(reason: reason)]
        case .savePending(let message):
            records[message.id] = message
            return saves ? [.saved(message.id)] : []
        case .saveDraft(let draft):
            records[draft.id] = PendingMessage(
                id: draft.id, to: draft.to, at: draft.at, place: 0, content: .draft(draft))
            return saves ? [.saved(draft.id)] : []
        case .recall(let id): return [.recalled(id, records[id])]
        case .removePending(let id): records[id] = nil
        case .saveFile(let transfer):
            files[transfer.id] = transfer
            return saves ? [.fileSaved(transfer.id)] : []
        case .removeFile(let id): files[id] = nil
        case .file(let order): return reports(order)
        case .verifyHello: return [.helloVerified(true)]
        case .scram(.begin): return [.scramDone("first")]
        case .scram(.answer): return [.scramDone("final")]
        case .scram(.check): return checks ? [.scramDone("")] : []
        case .verifyKeys(let address, let keys): return [.keysVerified(of: address, keys)]
        case .seal(let id, _, let content, _, _): return seals ? [.sealed(id, sealed(content, by: key(alice)))] : []
        case .open(let opening, let envelope, _):
            guard opens, case .sealed(let sealed) = envelope.body else { return [] }
            return [.unsealed(opening: opening, opened(sealed))]
        default: break
        }
        return []
    }

    /// A disk whose files hold nothing worth reading.
    private mutating func reports(_ order: FileOrder) -> [ClientInput] {
        let (job, event): (Int64, FileReport.Event)
        switch order {
        case .hash(let number, let path, _):
            guard let bytes = sizes[path] else {
                return [.file(FileReport(job: number, .failed(Refusal(.badValue, "there is no \(path)"))))]
            }
            jobs[number] = (bytes, path, 0)
            (job, event) = (number, .hashed(Play.offer(bytes), path: path))
        case .read(let number, _, _, let index): (job, event) = (number, .chunk(index: index, data: [UInt8(index)]))
        case .prepare(let number, _, let offer, let target, let done, _):
            guard target != .downloads else {
                return [.file(FileReport(job: number, .failed(Refusal(.badValue, "no folder for downloads"))))]
            }
            jobs[number] = (offer.bytes, "/home/alice/got", done)
            (job, event) = (number, .prepared(Transfer.Place(folder: "/home/alice", name: "got")))
        case .write(let number, let data):
            guard var known = jobs[number], data == [UInt8(known.count)] else {
                return [.file(FileReport(job: number, .failed(Refusal(.damaged, "not what was offered"))))]
            }
            known.count += 1
            jobs[number] = known
            let link = [UInt8](repeating: UInt8(known.count), count: 32)
            (job, event) = (number, .written(count: known.count, link: link, isSafe: true))
        case .finish(let number): (job, event) = (number, .finished(path: "/home/alice/got"))
        case .goOn, .drop, .removePart: return []
        }
        return [.file(FileReport(job: job, event))]
    }

    static func offer(_ bytes: Int64) -> FileOffer {
        let digest = [UInt8](repeating: UInt8(truncatingIfNeeded: bytes), count: 32)
        return FileOffer(name: "notes.txt", bytes: bytes, digest: digest, key: digest, chain: digest)
    }

    /// Lets time pass, waking the machine whenever it asked for it.
    mutating func advance(by duration: Duration) {
        let end = now.advanced(by: duration)
        while let at = wakeAt, at <= end {
            now = max(now, at)
            wakeAt = nil
            give(.tick)
        }
        now = end
    }

    mutating func hello(
        _ serverKey: UInt8 = 9, over channel: ClientChannel = .plaintext, rotations: [KeyRotation] = []
    ) {
        give(.opened(nonce: [1], channel))
        guard let key = IdentityKey(bytes: [UInt8](repeating: serverKey, count: 32)) else { return }
        give(.line(.hello(version: 1, server: alice.server, key: key, signature: [], rotations: rotations)))
        give(.line(.challenge(data: "challenge")))
    }

    /// The whole opening, from an accepted connection to the welcome.
    mutating func login(
        _ heads: [(Conversation, Int64)] = [], fileBytesMax: Int64? = 1 << 30, epoch: Epoch? = nil, base: Int64? = nil,
        run: UInt64? = nil, known: MetRun? = nil
    ) {
        hello()
        welcome(heads, fileBytesMax: fileBytesMax, epoch: epoch, base: base, run: run, known: known)
    }

    mutating func welcome(
        _ heads: [(Conversation, Int64)] = [], fileBytesMax: Int64? = 1 << 30, epoch: Epoch? = nil, base: Int64? = nil,
        run: UInt64? = nil, known: MetRun? = nil
    ) {
        let places = heads.map { Welcome.Head(conversation: $0.0, seq: $0.1, base: base) }
        let welcome = Welcome(
            data: "v", address: alice, token: token, heads: places, fileBytesMax: fileBytesMax, epoch: epoch,
            run: run.map { Run($0) }, known: known)
        give(.line(.welcome(welcome)))
    }

    let token = ResumeToken(id: [1], secret: [2])

    @discardableResult
    mutating func command(_ command: ClientCommand) -> CommandToken {
        lastToken += 1
        give(.command(command, CommandToken(lastToken)))
        return CommandToken(lastToken)
    }

    @discardableResult
    mutating func say(_ number: UInt64, to: Conversation = .everyone) -> CommandToken {
        command(.message(id: id(number), to: to, text: "text \(number)", at: 1))
    }

    /// Answers the latest unanswered question for keys of `address`.
    mutating func answerKeys(of address: Address, _ keys: [DeviceKey]) {
        guard let ref = ref(where: { if case .keys(_, address) = $0 { true } else { false } }) else { return }
        give(.line(.keys(ref: ref, of: address, keys)))
    }

    /// The usual keys of oneself and Bob.
    mutating func answerAllKeys() {
        answerKeys(of: alice, [key(alice)])
        answerKeys(of: bob, [key(bob)])
    }

    func ref(where matches: (ClientLine) -> Bool) -> Int64? {
        sent.last(where: matches).flatMap { line in
            switch line {
            case .keys(let ref, _), .who(let ref), .ping(let ref), .history(let ref, _): ref
            default: nil
            }
        }
    }

    var lastHistory: (ref: Int64, range: HistoryRange)? {
        for case .history(let ref, let range) in sent.reversed() { return (ref, range) }
        return nil
    }

    mutating func answerHistory(
        _ entries: [Entry], damaged: [Int64] = [], last: Int64, hasMore: Bool = false
    ) {
        guard let (ref, range) = lastHistory else { return }
        let page = HistoryPage(
            conversation: range.conversation, entries: entries, damaged: damaged, last: last, hasMore: hasMore)
        give(.line(.history(ref: ref, page)))
    }

    // What happened.

    var sent: [ClientLine] { actions.compactMap { if case .send(let line) = $0 { line } else { nil } } }
    var drafts: [Draft] { sent.compactMap { if case .message(let draft) = $0 { draft } else { nil } } }
    var events: [ClientEvent] { actions.compactMap { if case .emit(let event) = $0 { event } else { nil } } }
    var end: ClientEnd? {
        for case .end(let end) in actions { return end }
        return nil
    }
    var shown: [Int64] { events.compactMap { if case .message(let message, nil) = $0 { message.seq } else { nil } } }
    var texts: [String?] { events.compactMap { if case .message(let message, _) = $0 { message.text } else { nil } } }
    var gaps: [ClosedRange<Int64>] { events.compactMap { if case .gap(_, let range, _) = $0 { range } else { nil } } }
    var errors: [String] { events.compactMap { if case .error(let code, _, _) = $0 { code } else { nil } } }
    var changes: [KeyChange?] { events.compactMap { if case .key(_, _, let change, _) = $0 { change } else { nil } } }
    var progresses: [FileProgress] {
        events.compactMap { if case .file(let progress, _) = $0 { progress } else { nil } }
    }
    func states(of number: UInt64) -> [SendState] {
        events.compactMap { if case .state(id(number), let state, _) = $0 { state } else { nil } }
    }
}
