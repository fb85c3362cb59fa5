import Wire

/// A presence page while it is filled, up to what one message may carry.
struct PageDraft {
    let server: ServerName
    private var people: [Person] = []
    private var keys: [DeviceKey] = []
    private var bytes = 0
    private var listed: Set<Fingerprint> = []

    init(server: ServerName) { self.server = server }

    /// False if the page is full; a first person always fits (16 devices take 30 KiB).
    /// - Parameters:
    ///   - local: nil if the person is offline.
    ///   - known: keys that need not be told again.
    mutating func add(_ user: UserName, _ local: LocalPerson?, known: Set<Fingerprint>) -> Bool {
        let devices = local?.devices ?? []
        let person = Person(
            address: Address(user: user, server: server), status: local == nil ? .offline : .online,
            devices: devices.map(\.fingerprint))
        var taken = known
        let added = devices.filter { taken.insert($0.fingerprint).inserted }
        let grown = bytes + person.linkBytes + added.reduce(0) { $0 + $1.linkBytes }
        if !people.isEmpty {
            guard people.count < PresencePage.peopleMax, keys.count + added.count <= PresencePage.keysMax,
                grown <= PresenceFeed.pageBytesMax
            else { return false }
            // A page does not say whose a key is: two accounts that register one RSA key go on different pages.
            guard listed.isDisjoint(with: person.devices) else { return false }
        }
        people.append(person)
        keys += added
        bytes = grown
        listed.formUnion(person.devices)
        return true
    }

    func page(_ version: Int64, _ kind: PresencePage.Kind) -> PresencePage {
        PresencePage(version: version, kind: kind, people: people, keys: keys)
    }
}
