import Wire

/// Messages that the node has accepted and whose end is not known: what became of them while this client was away is
/// asked for after each login. Their bytes stay on disk for a node that went back and does not know them any more.
///
/// One is kept until it is delivered or has failed, until `itemsMax` later ones wait as well, or until the first answer
/// about it to a run that began more than `keptMillisecondsMax` after it was accepted.
struct Undelivered: Sendable {
    struct Item {
        let to: Conversation
        let place: Int64
        /// The hash of the content, to know it again; nil if it was sealed by an earlier run.
        let said: Int?
        /// The next answer is the last one that is waited for.
        let isOld: Bool
        /// As last told: accepted or unconfirmed.
        var state: SendState
    }

    private(set) var items: [MessageID: Item] = [:]
    /// To be asked for on this connection, oldest first.
    private var wanted: [MessageID] = []
    /// Those of them that the node could not tell at present.
    private var stalled: [MessageID] = []
    /// The node does not have them; the disk is to give them back.
    var recalling: Set<MessageID> = []
    /// Ends that were told since the question under way was asked, whose answer may tell them once more.
    private var endsTold: [MessageID: SendState] = [:]

    init() {}

    init(_ stored: [AcceptedMessage]) {
        for record in stored {
            items[record.id] = Item(
                to: record.to, place: record.place, said: record.text.map { MessageContent.text($0).hashValue },
                isOld: record.isOld,
                state: record.isUnconfirmed
                    ? .unconfirmed(waiting: record.waiting) : .accepted(waiting: record.waiting))
        }
    }

    /// Returns the id that has to go in its stead, if there are too many.
    mutating func append(_ item: Outgoing.Item, _ state: SendState) -> MessageID? {
        items[item.id] = Item(
            to: item.to, place: item.place, said: item.known?.hashValue, isOld: false, state: state)
        guard items.count > Undelivered.itemsMax else { return nil }
        let oldest = items.min { $0.value.place < $1.value.place }?.key
        if let oldest { items[oldest] = nil }
        return oldest
    }

    /// False where the user has heard it already.
    func isNews(_ id: MessageID, _ state: SendState) -> Bool { (items[id]?.state ?? endsTold[id]) != state }

    mutating func update(_ id: MessageID, _ state: SendState) { items[id]?.state = state }

    mutating func end(_ id: MessageID, _ state: SendState, isAsking: Bool) {
        items[id] = nil
        if isAsking { endsTold[id] = state }
    }

    /// Returns it as it was.
    mutating func remove(_ id: MessageID) -> Item? { items.removeValue(forKey: id) }

    // MARK: Questions

    /// A connection begins: all are to be asked for.
    mutating func wantAll() { wanted = items.sorted { $0.value.place < $1.value.place }.map(\.key) }

    /// What the next question is about; empty if all has been asked.
    mutating func takeWanted() -> [MessageID] {
        wanted.removeAll { items[$0] == nil }
        defer { wanted.removeFirst(min(wanted.count, MessageState.idsMax)) }
        return Array(wanted.prefix(MessageState.idsMax))
    }

    mutating func answered() { endsTold = [:] }

    /// Nothing is left to be asked for or to be recalled.
    var isSettled: Bool { stalled.isEmpty && recalling.isEmpty && wanted.allSatisfy { items[$0] == nil } }

    mutating func stall(_ ids: [MessageID]) {
        stalled = ids + wanted
        wanted = []
    }

    mutating func resume() {
        wanted += stalled
        stalled = []
    }

    /// The connection is gone, or the node does not know the question.
    mutating func giveUp() { (wanted, stalled, endsTold) = ([], [], [:]) }

    /// As many as may be pending; beyond, the oldest is forgotten.
    static let itemsMax = 10_000
    /// 30 days: after 7 the node calls a message unconfirmed, and few are delivered after that.
    static let keptMillisecondsMax: Int64 = 30 * 86_400_000
}
