import Bytes
import ChatClient
import Crypto
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
    /// Logged in over a connection that works.
    var isOnline: Bool { machine?.isOnline == true && connection?.isSound == true }

    // MARK: Lives

    func start() {
        guard machine == nil else { return }
        life += 1
        lastToken = 0
        desk = FileDesk()
        world.ledger.began(number, life: life, at: address, cursors: disk.cursors)
        machine = ClientMachine(address: address, device: device, hasPassword: true)
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

    private func stop(isNoticed: Bool) {
        machine = nil
        wakeAt = nil
        connection?.clientVanished(isNoticed)
        connection = nil
    }

    func after(_ duration: Duration, ofAnyLife: Bool = false, _ body: @escaping () -> Void) {
        world.at(world.now.advanced(by: duration)) { [unowned self, life] in
            if ofAnyLife || life == self.life, ofAnyLife || machine != nil { body() }
        }
    }

    // MARK: What people do

    func say(_ text: String, to: Conversation) {
        guard machine != nil else { return }
        let id = makeID()
        world.counts.messages += 1
        world.ledger.said(Said(id: id, from: address, to: to, text: text, device: number))
        command(.message(id: id, to: to, text: text, at: world.wall))
    }

    func makeID() -> MessageID { MessageID(milliseconds: world.wall, random: (random.next(), random.next())) }

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
            guard draft.to == .everyone else { return }
            again = Draft(id: draft.id, to: draft.to, at: draft.at, body: .text("another text under an old id"))
        case 1: again = Draft(id: draft.id, from: other, to: draft.to, at: draft.at, body: draft.body)
        default: break
        }
        world.trace("\(address) repeats \(draft.id)")
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
        world.ledger.stored(number, isFirst: disk.cursors.isEmpty, changes)
        for change in changes { disk.apply(change) }
        for change in changes {
            switch change {
            case .savePending(let message): feed(.saved(message.id))
            case .saveDraft(let draft): feed(.saved(draft.id))
            case .saveFile(let transfer): feed(.fileSaved(transfer.id))
            default: break
            }
        }
    }

    private func perform(_ action: ClientAction, _ changes: inout [ClientAction]) {
        switch action {
        case .connect: connect()
        case .disconnect(let reason): disconnect(reason)
        case .send(let line):
            if case .message(let draft) = line { sent[draft.id] = draft }
            countSent(line)
            connection?.toNode.send(.line(line.encoded()))
        case .wake(let instant): wake(at: instant)
        case .emit(let event):
            if case .error(let code, let text, _) = event { world.trace("\(address) hears \(code): \(text)") }
            world.ledger.emitted(event, number, life)
            if case .file(let progress, _) = event { saw(progress) }
        case .end(let end):
            world.trace("\(address) ends: \(end.text)")
            stop(isNoticed: true)
            files.crash(losesPower: false)
            after(random.milliseconds(1000...5000), ofAnyLife: true) { [unowned self] in start() }
        case .verifyHello(let checks):
            let isGood = checks.allSatisfy { check in
                (try? Ed25519PublicKey(bytes: check.key.bytes))?.verify(check.signature, of: check.transcript) ?? false
            }
            work(.helloVerified(isGood), isOfConnection: true)
        case .scram(.begin): work(.scramDone("n,,n=\(address.user),r=stand-in"), isOfConnection: true)
        case .scram(.answer): work(.scramDone("c=biws,r=stand-in,p=c3RhbmQtaW4="), isOfConnection: true)
        case .scram(.check): work(.scramDone(""), isOfConnection: true)
        case .verifyKeys(let owner, let keys): work(.keysVerified(of: owner, keys), isOfConnection: true)
        case .seal(let id, _, let content, _, let keys):
            work(.sealed(id, StandIn.seal(content, by: device, for: keys)), isOfConnection: false)
        case .open(let opening, let envelope, let key):
            work(.unsealed(opening: opening, StandIn.open(envelope, from: key, by: device)), isOfConnection: false)
        case .recall(let id): world.ledger.complain(.lost, "\(id) was accepted and its node does not know it")
        case .file(let order): perform(order)
        case .savePending(let message):
            world.ledger.placed(MessageKey(address, message.id), life: life, place: message.place)
            changes.append(action)
        case .saveDraft, .saveAccepted, .removePending, .saveFile, .removeFile, .saveCursor, .saveGap,
            .fillGap, .saveKeys, .savePins, .saveServerPin, .saveServerTLS, .saveNodeStore, .saveToken:
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
            guard connection != nil else { return feed(.closed(reason: "refused")) }
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
                guard let line = try NodeLine(try JSONObject(message: bytes)) else { return }
                note(line)
                feed(.line(line))
            } catch {
                world.ledger.complain(.invariant, "\(address) cannot read a line: \(error.text)")
                feed(.unreadable(error))
            }
        }
    }

    private func note(_ line: NodeLine) {
        countAnswered(line)
        guard case .state(let state) = line else { return }
        if let draft = sent.removeValue(forKey: state.id) { accepted.append(draft) }
        world.ledger.told(state, to: address)
    }
}
