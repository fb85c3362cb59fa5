import Wire

/// Messages that the node has not accepted yet, in the order in which they were written.
struct Outgoing: Sendable {
    enum Step: Equatable {
        /// To be written to disk once those before it are.
        case unsaved
        /// Being written to disk.
        case saving
        /// A content on disk whose recipient's keys are not known.
        case waiting
        case sealing
        /// A draft on disk.
        case ready
        /// Sent on this connection; its answer is due.
        case sent
    }

    struct Item {
        let id: MessageID
        let to: Conversation
        let at: Int64
        /// Larger for messages that were written later.
        let place: Int64
        var content: PendingMessage.Content
        /// What a sealed draft says, for the case that it cannot be saved; nil in later runs.
        var said: MessageContent?
        var step: Step
        /// The command to be answered once the message is on disk.
        var token: CommandToken?
        /// Its user has heard that it is pending; after that it is kept whatever happens.
        var isOnDisk: Bool
        /// The node may have it: it was sent, perhaps by an earlier run or on a connection that broke.
        var mayBeThere = false
        /// It was accepted, or may have been, before it was sent this time: even if the node has lost it since, others may
        /// have it from there.
        var mayHaveGoneOn = false
        var reason: PendingReason?

        var record: PendingMessage { PendingMessage(id: id, to: to, at: at, place: place, content: content) }
    }

    private(set) var items: [MessageID: Item] = [:]
    /// The ids of `items`, oldest first.
    private(set) var order: [MessageID] = []
    /// Those of which nothing is on disk or on its way there, oldest first.
    private var unsaved: [MessageID] = []
    private var lastPlace: Int64 = 0
    private var isHeld = false

    var isEmpty: Bool { items.isEmpty }
    var isOnDisk: Bool { items.values.allSatisfy(\.isOnDisk) }

    init() {}

    /// - Parameters:
    ///   - stored: in the order in which they were written.
    ///   - lastPlace: the largest place in use elsewhere.
    init(_ stored: [PendingMessage], lastPlace: Int64) {
        self.lastPlace = max(lastPlace, stored.map(\.place).max() ?? 0)
        for record in stored {
            items[record.id] = Outgoing.item(record, place: record.place)
            order.append(record.id)
        }
    }

    private static func item(_ record: PendingMessage, place: Int64) -> Item {
        let isDraft = if case .draft = record.content { true } else { false }
        var item = Item(
            id: record.id, to: record.to, at: record.at, place: place, content: record.content,
            step: isDraft ? .ready : .waiting, isOnDisk: true, mayBeThere: isDraft, mayHaveGoneOn: isDraft)
        if case .content(let content) = record.content { item.said = content }
        return item
    }

    /// Takes in a record on disk behind those that were written before it.
    mutating func insert(_ record: PendingMessage, place: Int64) {
        let index = order.firstIndex { items[$0].map { $0.place > place } ?? false } ?? order.endIndex
        items[record.id] = Outgoing.item(record, place: place)
        order.insert(record.id, at: index)
    }

    func contains(_ id: MessageID) -> Bool { items[id] != nil }

    mutating func append(
        id: MessageID, to: Conversation, at: Int64, content: PendingMessage.Content, step: Step, token: CommandToken?
    ) {
        lastPlace += 1
        var item = Item(
            id: id, to: to, at: at, place: lastPlace, content: content, step: step, token: token, isOnDisk: false)
        if case .content(let content) = content { item.said = content }
        items[id] = item
        order.append(id)
        unsaved.append(id)
    }

    /// Marks as being saved, and returns, what may go to disk now. Records lie there in the order in which they were
    /// written, so one that is being sealed holds back the later ones.
    mutating func takeUnsaved() -> [PendingMessage] {
        let due = unsaved.prefix { items[$0]?.step != .sealing }
        unsaved.removeFirst(due.count)
        return due.compactMap { id in
            items[id]?.step = .saving
            return items[id]?.record
        }
    }

    mutating func update(_ id: MessageID, _ change: (inout Item) -> Void) {
        guard var item = items[id] else { return }
        change(&item)
        items[id] = item
    }

    /// Returns it as it was.
    mutating func remove(_ id: MessageID) -> Item? {
        guard let item = items.removeValue(forKey: id) else { return nil }
        // The oldest are answered first, so the search is short.
        if let index = order.firstIndex(of: id) { order.remove(at: index) }
        if !item.isOnDisk { unsaved.removeAll { $0 == id } }
        return item
    }

    /// The connection is gone: what was sent and not answered is sent again.
    mutating func forgetSent() {
        isHeld = false
        for id in order where items[id]?.step == .sent {
            items[id]?.step = .ready
            items[id]?.mayHaveGoneOn = true
        }
    }

    /// The node cannot take it now. Nothing is sent until it is tried again, so that nothing overtakes it.
    mutating func hold(_ id: MessageID) {
        items[id]?.step = .ready
        isHeld = true
    }

    mutating func release() { isHeld = false }

    /// Marks as sent, and returns, the drafts that are due now. A message waiting for keys holds back its own
    /// conversation; one that is being sealed or saved, which is over in a moment, holds back all that come later.
    /// - Parameter publicOnly: sealed ones stay, as nobody could open them yet.
    mutating func takeDue(publicOnly: Bool) -> [Draft] {
        guard !isHeld else { return [] }
        var drafts: [Draft] = []
        var held: Set<Conversation> = []
        var sentCount = 0
        for id in order {
            guard sentCount < Outgoing.sentMax, let item = items[id] else { break }
            switch item.step {
            case .sent: sentCount += 1
            case .waiting: held.insert(item.to)
            case .unsaved, .saving, .sealing: return drafts
            case .ready:
                guard !held.contains(item.to), case .draft(let draft) = item.content,
                    !publicOnly || item.to == .everyone
                else { continue }
                items[id]?.step = .sent
                items[id]?.mayBeThere = true
                sentCount += 1
                drafts.append(draft)
            }
        }
        return drafts
    }

    /// Those that wait for keys, oldest first.
    var waiting: [Item] { order.compactMap { items[$0] }.filter { $0.step == .waiting } }
    var sealingCount: Int { items.values.count { $0.step == .sealing } }

    /// Sent and unanswered at one time: keeps a slow node's queue short.
    static let sentMax = 256
    /// Kept while the node is away. More is a program gone wild, or a node gone for good.
    static let pendingMax = 10_000
}
