import Bytes
import Federation
import Testing
import Wire

/// Nodes, a network between them and time, all of one seed.
struct World {
    struct Node {
        var mesh: Mesh
        var store: FakeStore
        /// Grows with each start; what was meant for an earlier life is lost.
        var life = 0
        var isUp = false
        var people: [UserName: LocalPerson] = [:]
        var ends: [LinkID: End] = [:]
        /// Work of the store is done in order.
        var storeFreeAt = seconds(0)
        var storeAnsweredAt = seconds(0)
        var wakeAt: Instant?
        var mirror: [Address: Person] = [:]
        /// The key of the day, and how it came to it.
        var secret: String
        var rotations: [KeyRotation] = []

        func identity(_ name: ServerName) -> LinkIdentity {
            LinkIdentity(name: name, key: FakeKey.publicKey(of: secret), rotations: rotations)
        }
    }

    /// One end of a connection.
    struct End: Hashable {
        let connection: Int
        let isDialler: Bool
    }

    struct Connection {
        let dialler: ServerName
        let acceptor: ServerName
        let diallerLink: LinkID
        var acceptorLink: LinkID?
        var isOpen = true
        /// Swallows everything without a word.
        var isSilent = false
        /// Messages overtake nothing: the last arrival in each direction.
        var arrivals = [seconds(0), seconds(0)]
        /// Places sent and not acknowledged in each direction.
        var sent: [Int64] = [0, 0]
        var acknowledged: [Int64] = [0, 0]
        var begins: [Int64?] = [nil, nil]
    }

    enum Item {
        case event(ServerName, life: Int, MeshEvent)
        case work(ServerName, life: Int, MeshAction)
        case arrival(End, MeshEvent, LinkMessage?)
        case connect(Int)
        case restart(ServerName)
    }

    private(set) var now = seconds(0)
    var random: SplitMix64
    private(set) var nodes: [ServerName: Node] = [:]
    let names: [ServerName]
    private let setups: [PeerSetup]
    private var connections: [Connection] = []
    private var queue: [(at: Instant, order: Int, item: Item)] = []
    private var lastOrder = 0
    private var lastMessage = 0
    private var isCodecUsed: Bool
    /// Pairs that cannot connect.
    var partitions: Set<Set<ServerName>> = []
    /// What was said and has to arrive, in order.
    private(set) var expected: [ServerName: [ServerName: [MessageID]]] = [:]
    private(set) var refused: [ServerName: [ServerName: Set<Int64>]] = [:]
    private(set) var linkCount = 0
    // Files: what was asked and by whom, what the authors' nodes keep, and how often which answer came.
    private var lastToken: UInt64 = 0
    private var questions: [UInt64: (FileQuestion, ServerName, life: Int)] = [:]
    private var kept: [ServerName: [MessageID: String]] = [:]
    private(set) var fileAnswers: [Refusal.Code?: Int] = [:]
    /// Questions about files that each link carries in each direction.
    private var underWay: [End: Set<Int64>] = [:]

    init(_ texts: [String], seed: Int) {
        random = SplitMix64(seed: UInt64(seed))
        isCodecUsed = seed % 100 == 3
        names = texts.map(server)
        setups = names.map { PeerSetup(name: $0, address: "\($0):1") }
        for (index, name) in names.enumerated() {
            let store = FakeStore(name: name, epoch: Epoch(UInt64(100 + index)), peers: names)
            let identity = LinkIdentity(name: name, key: FakeKey.publicKey(of: name.text))
            nodes[name] = Node(mesh: mesh(identity, store), store: store, secret: name.text)
        }
        for name in names { start(name) }
    }

    private func mesh(_ identity: LinkIdentity, _ store: FakeStore) -> Mesh {
        Mesh(
            identity: identity, epoch: store.epoch, run: store.run, isRestored: false, peers: setups,
            records: store.records)
    }

    // MARK: What a test does

    mutating func say(from: ServerName, to: ServerName, isDamaged: Bool = false, isRefused: Bool = false) {
        lastMessage += 1
        let text = "\(isRefused ? "nobody" : "ann")@\(to)"
        let item = sealedEnvelope(lastMessage, from: "bob@\(from)", to: text)
        guard let seq = nodes[from]?.store.append(isDamaged ? nil : item, to: to) else { return }
        if isRefused, !isDamaged { refused[from, default: [:]][to, default: []].insert(seq) }
        if !isDamaged, !isRefused { expected[from, default: [:]][to, default: []].append(item.id) }
        tell(from, .queued(to, through: seq), after: 0)
    }

    mutating func setPresence(_ name: ServerName, _ person: LocalPerson) {
        nodes[name]?.people[person.user] = person.isOnline ? person : nil
        tell(name, .presence([person]), after: 0)
    }

    /// An administrator of `name` decides something.
    mutating func order(_ name: ServerName, _ order: PeerOrder) { tell(name, .ordered(order), after: 0) }

    /// `name` goes over to a new key, whether it runs or not.
    mutating func rotate(_ name: ServerName) {
        guard let node = nodes[name], node.rotations.count < KeyRotation.countMax else { return }
        let secret = node.secret + "'"
        nodes[name]?.rotations.append(rotation(of: name.text, node.secret, secret))
        nodes[name]?.secret = secret
        guard node.isUp, let identity = nodes[name]?.identity(name) else { return }
        feed(name, .rekeyed(identity))
    }

    /// Somebody of `name` asks the node of the file's author.
    mutating func ask(_ question: FileQuestion, from name: ServerName) {
        guard let node = nodes[name], node.isUp else { return }
        lastToken += 1
        questions[lastToken] = (question, name, node.life)
        feed(name, .askFile(question, token: lastToken))
    }

    /// What a reader's copy of a chunk looks like, so that a chunk for somebody else is noticed.
    static func data(of place: ChunkPlace, for reader: Address) -> [UInt8] {
        Array("\(place.from) \(place.id) \(place.index) \(reader)".utf8)
    }

    private mutating func answered(_ token: UInt64, _ data: [UInt8], _ refusal: Refusal?) {
        guard let (question, name, _) = questions.removeValue(forKey: token) else {
            Issue.record("question \(token) was answered twice")
            return
        }
        fileAnswers[refusal?.code, default: 0] += 1
        guard refusal == nil else { return }
        switch question {
        case .chunk(let place, let reader):
            #expect(data == World.data(of: place, for: Address(user: reader, server: name)))
        case .outcome(let from, let id, let reader, let outcome):
            #expect(data == [] && kept[from.server]?[id] == "\(reader)@\(name) \(outcome.rawValue)")
        }
    }

    /// Questions that were asked in a life of their node that still goes on.
    var unanswered: Int { questions.values.count { _, name, life in nodes[name]?.life == life } }

    mutating func crash(_ name: ServerName, forMilliseconds duration: Int) {
        guard nodes[name]?.isUp ?? false else { return }
        nodes[name]?.isUp = false
        nodes[name]?.life += 1
        for end in (nodes[name]?.ends ?? [:]).values.sorted(by: { $0.connection < $1.connection }) {
            // A machine that dies says nothing; a process that dies leaves a kernel that does.
            if Int.random(in: 0..<4, using: &random) == 0 {
                connections[end.connection].isSilent = true
            } else {
                cut(end.connection)
            }
        }
        nodes[name]?.ends = [:]
        schedule(.restart(name), after: duration)
    }

    /// The node comes back with an older copy of its store.
    mutating func restore(_ name: ServerName, to store: FakeStore, epoch: Epoch) {
        crash(name, forMilliseconds: 50)
        nodes[name]?.store = store
        nodes[name]?.store.epoch = epoch
    }

    mutating func expectRepeats() { for name in names { nodes[name]?.store.expectsRepeats = true } }

    mutating func cutSomething() {
        let open = connections.indices.filter { index in
            let connection = connections[index]
            guard connection.isOpen, !connection.isSilent, let link = connection.acceptorLink else { return false }
            return nodes[connection.acceptor]?.ends[link] != nil
                && nodes[connection.dialler]?.ends[connection.diallerLink] != nil
        }
        guard let index = open.randomElement(using: &random) else { return }
        if Int.random(in: 0..<3, using: &random) == 0 { connections[index].isSilent = true } else { cut(index) }
    }

    /// Feeds an event that some node never caused, as a duplicate or a ghost.
    mutating func tell(_ name: ServerName, _ event: MeshEvent, after milliseconds: Int) {
        guard let node = nodes[name], node.isUp else { return }
        schedule(.event(name, life: node.life, event), after: milliseconds)
    }

    mutating func run(forMilliseconds duration: Int) {
        let end = now.advanced(by: .milliseconds(duration))
        while let first = queue.first, first.at <= end {
            queue.removeFirst()
            now = first.at
            perform(first.item)
        }
        now = end
    }

    // MARK: The machinery

    private mutating func schedule(_ item: Item, after milliseconds: Int) {
        schedule(item, at: now.advanced(by: .milliseconds(milliseconds)))
    }

    private mutating func schedule(_ item: Item, at instant: Instant) {
        lastOrder += 1
        let order = lastOrder
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if (queue[middle].at, queue[middle].order) < (instant, order) { low = middle + 1 } else { high = middle }
        }
        queue.insert((instant, order, item), at: low)
    }

    private mutating func start(_ name: ServerName) {
        nodes[name]?.store.beginRun(Run(random.next()))
        guard let node = nodes[name] else { return }
        let fresh = mesh(node.identity(name), node.store)
        nodes[name]?.mesh = fresh
        nodes[name]?.isUp = true
        nodes[name]?.mirror = [:]
        let people = node.people.values.sorted { $0.user < $1.user }
        feed(name, .presence(people))
        feed(name, .started)
    }

    private mutating func perform(_ item: Item) {
        switch item {
        case .event(let name, let life, let event):
            guard nodes[name]?.life == life, nodes[name]?.isUp ?? false else { return }
            if case .tick = event, nodes[name]?.wakeAt != now { return }
            feed(name, event)
        case .work(let name, let life, let action):
            guard nodes[name]?.life == life, nodes[name]?.isUp ?? false else { return }
            guard let answer = nodes[name]?.store.perform(action) else { return }
            let at = max(nodes[name]?.storeAnsweredAt ?? now, now.advanced(by: .milliseconds(delay(5))))
            nodes[name]?.storeAnsweredAt = at
            schedule(.event(name, life: life, answer), at: at)
        case .arrival(let end, let event, let message):
            let connection = connections[end.connection]
            guard connection.isOpen, !connection.isSilent else { return }
            if let message { watch(message, arrivingAt: end) }
            feed(end.isDialler ? connection.dialler : connection.acceptor, event)
        case .connect(let index): connect(index)
        case .restart(let name): start(name)
        }
    }

    private mutating func feed(_ name: ServerName, _ event: MeshEvent) {
        if case .closed(let id, _) = event { nodes[name]?.ends[id] = nil }
        let instant = now
        guard let actions = nodes[name]?.mesh.handle(event, at: instant, using: &random) else { return }
        for action in actions { perform(action, of: name) }
    }

    private mutating func delay(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }

    private mutating func perform(_ action: MeshAction, of name: ServerName) {
        guard let node = nodes[name] else { return }
        switch action {
        case .dial(let id, let peer, _, _):
            connections.append(Connection(dialler: name, acceptor: peer, diallerLink: id))
            nodes[name]?.ends[id] = End(connection: connections.count - 1, isDialler: true)
            schedule(.connect(connections.count - 1), after: delay(20))
        case .send(let id, let message): send(message, from: node.ends[id])
        case .ping(let id):
            guard let end = node.ends[id] else { return }
            deliver(End(connection: end.connection, isDialler: !end.isDialler)) { .heard($0) }
            deliver(end) { .heard($0) }
        case .close(let id, let reason):
            guard let end = nodes[name]?.ends.removeValue(forKey: id) else { return }
            deliver(End(connection: end.connection, isDialler: !end.isDialler)) { .closed($0, reason) }
        case .sign(let id, let bytes):
            tell(name, .signed(id, signature: FakeKey.sign(bytes, secret: node.secret)), after: delay(3))
        case .verify(let id, let key, let bytes, let signature):
            tell(name, .verified(id, FakeKey.verify(signature, bytes, by: key)), after: delay(3))
        case .wake(let instant):
            nodes[name]?.wakeAt = instant
            schedule(.event(name, life: node.life, .tick), at: instant)
        case .people(let people):
            for person in people {
                #expect(nodes[name]?.mirror[person.address] != person)
                nodes[name]?.mirror[person.address] = person.status == .offline ? nil : person
            }
        case .note(.linkUp): linkCount += 1
        case .echo(let id, let ref): send(.echoed(ref: ref, at: 1), from: node.ends[id])
        case .note, .findKeys, .keysFound: break
        case .findChunk(let id, let ref, let place, let reader):
            #expect(place.from.server == name)
            // Disks are slow at times, so answers overtake each other, and some come too late.
            let data = World.data(of: place, for: reader)
            let late = Int.random(in: 0..<20, using: &random) == 0 ? 25_000 : delay(300)
            tell(name, .chunkAnswer(id, ref: ref, data: data, refusal: nil), after: late)
        case .keepOutcome(let id, let ref, let from, let file, let reader, let outcome):
            #expect(from.server == name)
            kept[name, default: [:]][file] = "\(reader) \(outcome.rawValue)"
            tell(name, .outcomeAnswer(id, ref: ref, refusal: nil), after: delay(300))
        case .fileAnswered(let token, let data, let refusal): answered(token, data, refusal)
        case .renewEpoch:
            let epoch = Epoch(random.next())
            nodes[name]?.store.epoch = epoch
            tell(name, .renewed(epoch), after: delay(3))
        case .pin, .repin, .beginInbound, .commit, .commitSkip, .readOutbox, .acknowledge, .rewind, .readRefusals:
            let at = max(now, node.storeFreeAt).advanced(by: .milliseconds(delay(2)))
            nodes[name]?.storeFreeAt = at
            schedule(.work(name, life: node.life, action), at: at)
        }
    }

    private mutating func connect(_ index: Int) {
        let connection = connections[index]
        let peer = connection.acceptor
        guard connection.isOpen else { return }
        let instant = now
        guard nodes[peer]?.isUp ?? false, !partitions.contains([connection.dialler, peer]),
            let (link, actions) = nodes[peer]?.mesh.accept(at: instant)
        else { return cut(index) }
        connections[index].acceptorLink = link
        nodes[peer]?.ends[link] = End(connection: index, isDialler: false)
        for action in actions { perform(action, of: peer) }
        for isDialler in [true, false] {
            deliver(End(connection: index, isDialler: isDialler)) { .opened($0, .plaintext) }
        }
    }

    private mutating func send(_ message: LinkMessage, from end: End?) {
        guard let end else { return }
        var message = message
        if isCodecUsed {
            do {
                let bytes = message.encoded()
                #expect(bytes.count <= LinkMessage.bytesMax)
                let decoded = try LinkMessage(decoding: bytes)
                #expect(decoded == message)
                message = decoded
            } catch { Issue.record("\(error) in \(message)") }
        }
        let side = end.isDialler ? 0 : 1
        switch message {
        case .envelope(let seq, _), .skip(let seq, _):
            // The window, and the order within a link.
            if let last = connections[end.connection].begins[side] { #expect(seq == last + 1) }
            connections[end.connection].begins[side] = seq
            connections[end.connection].sent[side] += 1
            let waiting = connections[end.connection].sent[side] - connections[end.connection].acknowledged[side]
            #expect(waiting <= Int64(Outbox.windowCountMax))
        case .chunkWanted(let ref, _, _), .outcome(let ref, _, _, _, _): underWay[end, default: []].insert(ref)
        case .chunk(let ref, _, _), .outcomeKept(let ref, _):
            underWay[End(connection: end.connection, isDialler: !end.isDialler)]?.remove(ref)
        default: break
        }
        // The asker may give one up that the other side still looks for.
        #expect(underWay[end, default: []].count <= 32)
        deliver(End(connection: end.connection, isDialler: !end.isDialler), message) { .received($0, message) }
    }

    /// An acknowledgement has reached the side that sent what it is for.
    private mutating func watch(_ message: LinkMessage, arrivingAt end: End) {
        guard case .acknowledgement(let through, _) = message else { return }
        let side = end.isDialler ? 0 : 1
        guard let last = connections[end.connection].begins[side] else { return }
        let done = connections[end.connection].sent[side] - (last - through)
        connections[end.connection].acknowledged[side] = max(done, connections[end.connection].acknowledged[side])
    }

    private mutating func deliver(_ end: End, _ message: LinkMessage? = nil, _ event: (LinkID) -> MeshEvent) {
        let connection = connections[end.connection]
        guard connection.isOpen, let link = end.isDialler ? connection.diallerLink : connection.acceptorLink else {
            return
        }
        let side = end.isDialler ? 0 : 1
        let at = max(connection.arrivals[side], now.advanced(by: .milliseconds(1 + delay(15))))
        connections[end.connection].arrivals[side] = at
        schedule(.arrival(end, event(link), message), at: at)
    }

    /// The connection breaks; what was on its way is lost, and both sides hear of it some time.
    private mutating func cut(_ index: Int) {
        guard connections[index].isOpen else { return }
        let connection = connections[index]
        connections[index].isOpen = false
        for (name, link) in [
            (connection.dialler, connection.diallerLink), (connection.acceptor, connection.acceptorLink),
        ] {
            guard let link, nodes[name]?.ends[link] != nil else { continue }
            tell(name, .closed(link, nil), after: delay(50))
        }
    }
}
