import Bytes
import ChatClient
package import Wire

/// The connection, people, keys and gaps.
extension LineModel {
    mutating func connected() {
        if !hasConnected {
            say("You are \(address) and write to \(current); /help shows the commands.")
        } else if !isConnected {
            say("connected again", .quiet)
        }
        (hasConnected, isConnected) = (true, true)
        disconnection = nil
    }

    mutating func disconnected(_ reason: String, _ retryIn: Duration) {
        isConnected = false
        if context != nil { releaseHeld() }
        // While a node is away every attempt fails alike.
        if let last = disconnection, last.reason.utf8.elementsEqual(reason.utf8),
            now.since(last.at) < LineModel.repetitionDuration
        {
            return
        }
        disconnection = (reason, now)
        let seconds = (retryIn.milliseconds + 999) / 1000
        say("disconnected: \(SafeText(reason)); next try in \(seconds) s", .alarm)
        let count = pendingCount
        if count > 0 { say("  \(count) of your messages wait and are sent by themselves", .quiet) }
    }

    mutating func show(_ status: ServerStatus, waiting: Int) {
        guard !status.isReachable else { return say("\(status.server) can be reached again", .quiet) }
        let time = localTime(status.since).minute
        let words: SafeLine =
            switch waiting {
            case 0: ""
            case 1: ", one of your messages waits"
            default: ", \(waiting) of your messages wait"
            }
        say("\(status.server) unreachable since \(time)\(words)", .quiet)
    }

    // MARK: People and keys of one turn

    static func isGrouped(_ answered: AnsweredEvent) -> Bool {
        switch answered.event {
        case .person(_, let token), .key(_, _, _, let token): token == nil
        default: false
        }
    }

    mutating func showGrouped(_ events: [AnsweredEvent]) {
        var people: [(status: Person.Status, addresses: [Address])] = []
        var keys: [(address: Address, change: KeyChange?, keys: [DeviceKey])] = []
        for answered in events {
            switch answered.event {
            case .person(let person, _):
                note(person.address)
                guard person.address != address else { continue }
                if let index = people.firstIndex(where: { $0.status == person.status }) {
                    people[index].addresses.append(person.address)
                } else {
                    people.append((person.status, [person.address]))
                }
            case .key(let key, let address, let change, _):
                if let index = keys.firstIndex(where: { $0.address == address && $0.change == change }) {
                    keys[index].keys.append(key)
                } else {
                    keys.append((address, change, [key]))
                }
            default: break
            }
        }
        for group in people { show(group.addresses, group.status) }
        for group in keys { show(group.keys, of: group.address, group.change) }
    }

    private mutating func show(_ addresses: [Address], _ status: Person.Status) {
        var line: SafeLine = ""
        for (index, address) in addresses.prefix(LineModel.namesMax).enumerated() {
            line = index == 0 ? "\(address)" : "\(line), \(address)"
        }
        if addresses.count > LineModel.namesMax { line = "\(line) and \(addresses.count - LineModel.namesMax) more" }
        say("\(line): \(SafeText(status.words))")
    }

    private mutating func show(_ keys: [DeviceKey], of address: Address, _ change: KeyChange?) {
        guard address != self.address || change != .first else { return }
        switch change {
        case .first, nil:
            for key in keys { say("key of \(address) noted: \(short(key)) … (first use)", timed: true) }
        case .added:
            for key in keys { say("\(address) has a further device: \(short(key)) … (noted)") }
        case .replaced:
            say("!! THE KEYS OF \(address) HAVE CHANGED; none of the known ones is left.", .alarm)
            say("!! Either it is a new device without the old keys, or somebody pretends to be \(address).", .alarm)
            for key in keys { say("!! new key: \(LineModel.grouped(key.fingerprint))", .alarm) }
            say("!! Ask by another way than this network. Messages to \(address) wait meanwhile,", .alarm)
            say("!! and what comes under these keys is not opened. /trust \(address) accepts them.", .alarm)
        }
    }

    /// In answer to `/keys`.
    mutating func answer(_ key: DeviceKey, of address: Address, _ change: KeyChange?) {
        note(address)
        let line: SafeLine = "  \(address)  \(LineModel.grouped(key.fingerprint))"
        if change == .replaced {
            say("\(line)  NOT TRUSTED: /trust \(address) accepts it", .alarm, timed: false)
        } else {
            say(line, timed: false)
        }
    }

    private func short(_ key: DeviceKey) -> SafeText {
        SafeText(String(LineModel.grouped(key.fingerprint).text.prefix(19)))
    }

    /// Digits in fours, for reading aloud.
    package static func grouped(_ fingerprint: Fingerprint) -> SafeText {
        let digits = Array(fingerprint.text)
        let groups = stride(from: 0, to: digits.count, by: 4).map { String(digits[$0..<min($0 + 4, digits.count)]) }
        return SafeText(groups.joined(separator: " "))
    }

    // MARK: Answers

    mutating func gap(_ conversation: Conversation, _ range: ClosedRange<Int64>, isAnswer: Bool) {
        let count = range.upperBound - range.lowerBound + 1
        let words: SafeLine = count == 1 ? "one message" : "\(count) messages"
        guard !isAnswer else {
            return say(
                "  \(words) of \(conversation), from \(range.lowerBound) on: your server has no record",
                .alarm)
        }
        let (many, end) = (min(count, Int64(HistoryRange.countMax)), min(range.upperBound, .max - 1) + 1)
        let place: SafeLine = conversation == current ? "" : "/to \(conversation) and then "
        say(
            "\(words) of \(conversation) \(count == 1 ? "is" as SafeLine : "are") not shown; \(place)/history \(many) \(end) shows them",
            .quiet)
    }

    mutating func done(_ token: CommandToken, _ asked: Asked?) {
        let count = answers.removeValue(forKey: token) ?? 0
        if asked?.command == .quit, pendingCount > 0 {
            say("\(pendingCount) of your messages are not sent yet; they are kept and sent by the next run")
        }
        guard count == 0 else { return }
        switch asked?.command {
        case .who: say("nobody is online")
        case .keys(of: nil): say("no keys are known here yet")
        case .keys(let address?): say("\(address) has no keys yet: their first login makes some")
        case .history(let conversation, _, _, _): say("nothing was said in \(conversation) there")
        case .files: say("no files; /file ADDRESS|public PATH offers one")
        case .trust(let address): say("the keys of \(address) are trusted from now on")
        default: break
        }
    }

    /// The same reason is told again after this time.
    private static let repetitionDuration: Duration = .seconds(60)
    /// In one line.
    private static let namesMax = 12
}
