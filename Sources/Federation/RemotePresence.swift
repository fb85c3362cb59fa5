package import Wire

/// What is known of one peer's people. While the link is down they are `unknown` (promise P7); who is offline is not
/// kept. A thrown refusal ends the link.
package struct RemotePresence: Sendable {
    private struct Known: Sendable {
        var person: Person
        var keys: [DeviceKey]
    }

    private let server: ServerName
    private var known: [UserName: Known] = [:]
    /// What all known keys take together.
    private var keyBytes = 0
    private var version: Int64 = 0
    private var hasSnapshot = false
    /// Who the snapshot under way has named.
    private var named: Set<UserName>?

    /// The largest school has fewer people online; with their keys they take some 15 MB.
    package static let peopleMax = 10_000
    /// Twice that. Sixteen of the largest keys for everybody would be ten times as much.
    package static let keyBytesMax = 32 << 20
    /// What a key takes beside its own bytes: signature, fingerprint, account, and where they lie.
    private static let keyBytesBeside = 256

    package init(server: ServerName) { self.server = server }

    /// Everybody who is known not to be offline, in the order of their addresses.
    package var people: [Person] { known.values.map(\.person).sorted { $0.address < $1.address } }

    package func keys(of user: UserName) -> [DeviceKey] { known[user]?.keys ?? [] }

    /// A new link begins: its first page has version 1. What was known stays until the snapshot replaces it.
    package mutating func linked() {
        version = 0
        hasSnapshot = false
        named = nil
    }

    /// The last link ended.
    package mutating func lost() -> [Person] {
        linked()
        let changes = people.filter { $0.status != .unknown }.map {
            Person(address: $0.address, status: .unknown, devices: $0.devices)
        }
        for person in changes { known[person.address.user]?.person = person }
        return changes
    }

    /// - Returns: whose presence or devices changed.
    package mutating func receive(_ page: PresencePage) throws(Refusal) -> [Person] {
        guard page.version == version + 1 else {
            throw Refusal(.outOfOrder, "presence versions grow by one with each page of a link")
        }
        version = page.version
        try check(page)
        switch page.kind {
        case .snapshot(isFirst: true, _): named = []
        case .snapshot(isFirst: false, _):
            guard named != nil else { throw Refusal(.outOfOrder, "this page continues no snapshot") }
        case .delta:
            guard hasSnapshot, named == nil else { throw Refusal(.outOfOrder, "a delta comes after a whole snapshot") }
        }
        var changes: [Person] = []
        let keys = Dictionary(page.keys.map { ($0.fingerprint, $0) }) { first, _ in first }
        for person in page.people {
            if let change = try apply(person, keys) { changes.append(change) }
        }
        if case .snapshot(_, isLast: true) = page.kind { changes += endSnapshot() }
        return changes
    }

    private func check(_ page: PresencePage) throws(Refusal) {
        guard page.people.count <= PresencePage.peopleMax, page.keys.count <= PresencePage.keysMax else {
            throw Refusal(.tooManyPeople, "a page names at most \(PresencePage.peopleMax) people and keys")
        }
        for person in page.people {
            guard person.address.server == server else {
                throw Refusal(.forgedFrom, "presence of people of another server")
            }
            guard person.devices.count <= DeviceKey.devicesPerAccountMax else {
                throw Refusal(.tooManyDevices, "a person has at most \(DeviceKey.devicesPerAccountMax) devices")
            }
            guard person.status != .unknown else {
                throw Refusal(.badValue, "a server knows whether its own people are online")
            }
        }
    }

    private mutating func apply(_ person: Person, _ keys: [Fingerprint: DeviceKey]) throws(Refusal) -> Person? {
        let user = person.address.user
        let previous = known[user]
        guard person.status == .online else {
            set(nil, of: user)
            named?.remove(user)
            return previous == nil ? nil : person
        }
        named?.insert(user)
        // Those who are left over from the last link are counted apart: the snapshot is about to replace them.
        guard (named ?? []).count <= RemotePresence.peopleMax,
            previous != nil || named != nil || known.count < RemotePresence.peopleMax
        else { throw Refusal(.tooManyPeople, "at most \(RemotePresence.peopleMax) people of one server can be online") }
        let held = person.devices.compactMap { device in
            previous?.keys.first { $0.fingerprint == device } ?? keys[device]
        }
        set(Known(person: person, keys: held), of: user)
        guard keyBytes <= RemotePresence.keyBytesMax else {
            let mebibytes = RemotePresence.keyBytesMax >> 20
            throw Refusal(.tooManyDevices, "the keys of one server's people may take \(mebibytes) MiB here")
        }
        return previous?.person == person ? nil : person
    }

    private mutating func set(_ entry: Known?, of user: UserName) {
        let previous = known.removeValue(forKey: user)
        keyBytes += RemotePresence.weight(entry) - RemotePresence.weight(previous)
        known[user] = entry
    }

    private static func weight(_ entry: Known?) -> Int {
        (entry?.keys ?? []).reduce(0) { $0 + $1.key.count + keyBytesBeside }
    }

    private mutating func endSnapshot() -> [Person] {
        let kept = named ?? []
        named = nil
        hasSnapshot = true
        let gone = people.filter { !kept.contains($0.address.user) }
        for person in gone { set(nil, of: person.address.user) }
        return gone.map { Person(address: $0.address, status: .offline, devices: $0.devices) }
    }
}
