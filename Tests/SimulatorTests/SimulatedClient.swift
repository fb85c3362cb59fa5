import Bytes
import ChatClient
import Files
import Wire

/// A person's program: the real machine, with a disk that survives it and stand-ins for RSA.
final class SimulatedClient {
    unowned let world: World
    let number: Int
    let address: Address
    let device: DeviceKey
    private(set) var disk = ChatClient.StoredState()
    let files: SimulatedDisk
    var desk = FileDesk()
    var intents: [MessageID: Intent] = [:]
    /// How often a file that failed was accepted again.
    var retries: [MessageID: Int] = [:]
    /// What this person does with all files; nil leaves it to chance.
    var habit: Intent?
    private(set) var machine: ClientMachine?
    /// There is a machine; it is too large to be looked at often.
    private var isRunning = false
    private(set) var life = 0
    private var attempt = 0
    private(set) var connection: SimulatedConnection? {
        didSet { disturbedAt = world.now }
    }
    /// When something last happened to the connection.
    var disturbedAt = Instant(nanoseconds: 0)
    private var wakeAt: Instant?
    private var lastCommit = Instant(nanoseconds: 0)
    var random: SplitMix64
    /// How far the clock on this machine's wall is off.
    var wallJump: Int64 = 0
    /// The life of the node at the other end of the last connection.
    private var nodeLife = 0
    /// What the node accepted and whose end is not known, as it was sent.
    private var kept: [MessageID: PendingMessage] = [:]
    private var lastToken: Int64 = 0
    /// Accepted drafts, to be sent again.
    private(set) var accepted: [Draft] = []
    private var sent: [MessageID: Draft] = [:]

    init(_ world: World, number: Int, address: Address) throws {
        self.world = world
        self.number = number
        self.address = address
        random = world.random.fork()
        device = try StandIn.device(&random)
        files = SimulatedDisk(random.fork())
    }

    var isIdle: Bool { machine.map { $0.isIdle && $0.isOnline } ?? false }
    var wall: Int64 { world.wall + wallJump }
    /// Logged in over a connection that works.
    var isOnline: Bool { connection?.isSound == true && machine?.isOnline == true }

    // MARK: Lives

    func start() {
        guard machine == nil else { return }
        life += 1
        lastToken = 0
        desk = FileDesk()
        world.ledger.began(number, life: life, at: address, cursors: disk.cursors)
        machine = ClientMachine(address: address, device: device, hasPassword: true)
        isRunning = true
        feed(.started(disk))
        lookThroughFiles()
    }

    func crash(isNoticed: Bool, losesPower: Bool = false) {
        guard machine != nil else { return }
        world.trace("\(address) crashes")
        world.counts.crashes += 1
        stop(isNoticed: isNoticed)
        files.crash(losesPower: losesPower)
        after(random.milliseconds(100...20_000), ofAnyLife: true) { [unowned self] in start() }
    }

    func forget() { connection = nil }

    private func stop(isNoticed: Bool) {
        (machine, isRunning) = (nil, false)
        wakeAt = nil
        connection?.clientVanished(isNoticed)
        connection = nil
    }

    func after(_ duration: Duration, ofAnyLife: Bool = false, _ body: @escaping () -> Void) {
        world.at(world.now.advanced(by: duration)) { [unowned self, life] in
            if ofAnyLife || (life == self.life && isRunning) { body() }
        }
    }

    // MARK: What people do

    func say(_ text: String, to: Conversation) {
        guard machine != nil else { return }
        let id = makeID()
        world.counts.messages += 1
        world.ledger.said(Said(id: id, from: address, to: to, text: text, device: number))
        command(.message(id: id, to: to, text: text, at: wall))
    }

    func makeID() -> MessageID { MessageID(milliseconds: wall, random: (random.next(), random.next())) }

    func command(_ command: ClientCommand) {
        lastToken += 1
        feed(.command(command, CommandToken(lastToken)))
    }

    /// Sends an accepted draft once more, behind the machine's back; or another text under its id; or in another name.
    func repeatSomething(as other: Address) {
        guard isOnline, let draft = random.pick(accepted) else { return }
        var again = draft
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            // A node that has lost the first text cannot know better.
            let isThere = world.ledger.isOnDisk(MessageKey(address, draft.id), at: address.server)
            guard draft.to == .everyone, isThere else { return }
            again = Draft(id: draft.id, to: draft.to, at: draft.at, body: .text("another text under an old id"))
        case 1: again = Draft(id: draft.id, from: other, to: draft.to, at: draft.at, body: draft.body)
        default: break
        }
        world.trace("\(address) repeats \(draft.id)")
        world.ledger.repeated(MessageKey(address, draft.id))
        connection?.toNode.send(.line(ClientLine.message(again).encoded()))
    }

    // MARK: The machine

    func feed(_ input: ClientInput) {
        guard let actions = machine?.handle(input, at: world.now, using: &random) else { return }
        var changes: [ClientAction] = []
        for action in actions { perform(action, &changes) }
        guard !changes.isEmpty else { return }
        // A crash may come between what is shown and what is written, but what is written later is never there first.
        lastCommit = max(lastCommit, world.now.advanced(by: random.milliseconds(0...3)))
        after(lastCommit.since(world.now)) { [unowned self] in commit(changes) }
    }

    private func commit(_ changes: [ClientAction]) {
        world.ledger.stored(number, of: address, isFirst: disk.cursors.isEmpty, changes)
        for change in changes {
            keep(change)
            disk.apply(change)
        }
        for change in changes {
            switch change {
            case .recall(let id): recall(id)
            case .savePending(let message): feed(.saved(message.id))
            case .saveDraft(let draft): feed(.saved(draft.id))
            case .saveFile(let transfer): feed(.fileSaved(transfer.id))
            default: break
            }
        }
    }

    /// The bytes that were sent stay until their end is known.
    private func keep(_ change: ClientAction) {
        switch change {
        case .saveAccepted(let id, _, _):
            if let record = disk.pending.first(where: { $0.id == id }) { kept[id] = record }
        case .removePending(let id): kept[id] = nil
        default: break
        }
    }

    private func recall(_ id: MessageID) {
        world.trace("\(address) recalls \(id)")
        world.counts.recalls += 1
        let record = kept.removeValue(forKey: id)
        if let record { disk.recall(record) }
        feed(.recalled(id, record))
    }

    private func perform(_ action: ClientAction, _ changes: inout [ClientAction]) {
        switch action {
        case .connect: connect()
        case .disconnect(let reason): disconnect(reason)
        case .send(let line):
            if case .message(let draft) = line { sent[draft.id] = draft }
            world.detail("\(address) says \(String(decoding: line.encoded(), as: UTF8.self).prefix(World.detailMax))")
            countSent(line)
            connection?.toNode.send(.line(line.encoded()))
        case .wake(let instant): wake(at: instant)
        case .emit(let event):
            if case .error(let code, let text, _) = event { world.trace("\(address) hears \(code): \(text)") }
            world.ledger.emitted(event, number, life, nodeLife: nodeLife)
            if case .file(let progress, _) = event { saw(progress) }
        case .end(let end):
            world.trace("\(address) ends: \(end.text)")
            stop(isNoticed: true)
            files.crash(losesPower: false)
            after(random.milliseconds(1000...5000), ofAnyLife: true) { [unowned self] in start() }
        case .verifyHello(let checks):
            let isGood = checks.allSatisfy { world.isSigned($0.transcript, $0.signature, by: $0.key) }
            work(.helloVerified(isGood), isOfConnection: true)
        case .scram(.begin): work(.scramDone("n,,n=\(address.user),r=stand-in"), isOfConnection: true)
        case .scram(.answer): work(.scramDone("c=biws,r=stand-in,p=c3RhbmQtaW4="), isOfConnection: true)
        case .scram(.check): work(.scramDone(""), isOfConnection: true)
        case .verifyKeys(let owner, let keys): work(.keysVerified(of: owner, keys), isOfConnection: true)
        case .seal(let id, _, let content, _, let keys):
            work(.sealed(id, StandIn.seal(content, by: device, for: keys)), isOfConnection: false)
        case .open(let opening, let envelope, let key):
            work(.unsealed(opening: opening, StandIn.open(envelope, from: key, by: device)), isOfConnection: false)
        case .recall(let id):
            world.ledger.recalled(MessageKey(address, id))
            changes.append(action)
        case .saveCursor(let conversation, let seq):
            world.ledger.reads(conversation, from: seq, number, life, nodeLife: nodeLife)
            changes.append(action)
        case .file(let order): perform(order)
        case .savePending(let message):
            world.ledger.placed(MessageKey(address, message.id), life: life, place: message.place)
            changes.append(action)
        case .saveDraft, .saveAccepted, .removePending, .saveFile, .removeFile, .saveGap, .fillGap,
            .saveKeys, .savePins, .saveServerPin, .saveServerTLS, .saveNodeStore, .saveToken:
            changes.append(action)
        }
    }

    /// A worker does it in order, in a while.
    private func work(_ input: ClientInput, isOfConnection: Bool) {
        let attempt = attempt
        after(.milliseconds(3)) { [unowned self] in
            if !isOfConnection || attempt == self.attempt { feed(input) }
        }
    }

    private func wake(at instant: Instant) {
        if let wakeAt, wakeAt <= instant { return }
        wakeAt = instant
        after(instant.since(world.now)) { [unowned self] in
            guard wakeAt == instant else { return }
            wakeAt = nil
            feed(.tick)
        }
    }

    // MARK: The connection

    private func connect() {
        attempt += 1
        desk.chunks = [:]
        let attempt = attempt
        after(random.milliseconds(1...40)) { [unowned self] in
            guard attempt == self.attempt else { return }
            connection = world.connect(self)
            guard let connection else { return feed(.closed(reason: "refused")) }
            nodeLife = connection.life
            feed(.opened(nonce: random.bytes(LinkHello.nonceBytes)))
        }
    }

    private func disconnect(_ reason: String) {
        connection?.toNode.send(.end)
        connection = nil
        ended(reason)
    }

    private func ended(_ reason: String) {
        attempt += 1
        let attempt = attempt
        after(.zero) { [unowned self] in if attempt == self.attempt { feed(.closed(reason: reason)) } }
    }

    func arrived(_ item: LineItem, on connection: SimulatedConnection) {
        guard connection === self.connection else { return }
        switch item {
        case .end:
            self.connection = nil
            connection.toNode.send(.end)
            ended("the node closed")
        case .line(let bytes):
            do throws(Refusal) {
                world.detail("\(address) is told \(String(decoding: bytes, as: UTF8.self).prefix(World.detailMax))")
                guard let line = try NodeLine(try JSONObject(message: bytes)) else { return }
                note(line, connection)
                feed(.line(line))
            } catch {
                world.ledger.complain(.invariant, "\(address) cannot read a line: \(error.text)")
                feed(.unreadable(error))
            }
        }
    }

    private func note(_ line: NodeLine, _ connection: SimulatedConnection) {
        countAnswered(line)
        guard case .state(let state) = line else { return }
        if let draft = sent.removeValue(forKey: state.id) { accepted.append(draft) }
        world.ledger.told(state, to: address, nodeLife: connection.life)
    }
}
