package import Bytes
package import Wire

/// What one link is told of this node's people: a snapshot in pages, then at most one delta a second with the latest
/// state of whoever changed (design decision D16). Only people who are online are in `people`.
package struct PresenceFeed: Sendable {
    private var version: Int64 = 0
    /// Who the other side lists, with the keys it holds of them. It drops both together, and so does this.
    private var told: [UserName: Set<Fingerprint>] = [:]
    /// Who the snapshot has yet to name, in descending order; nil when none is under way.
    private var remaining: [UserName]?
    private var named: Set<UserName> = []
    private var changed: [UserName] = []
    private var isChanged: Set<UserName> = []
    private var nextAt: Instant

    /// Estimated bytes of a page: room below the 256 KiB that a page may take.
    package static let pageBytesMax = 200 << 10
    package static let deltaInterval: Duration = .seconds(1)
    /// Pages of a snapshot are spread, so that 10,000 people do not fill the link's egress queue at once.
    package static let pageInterval: Duration = .milliseconds(50)
    /// With more changes than this, deltas would take longer than presence may be wrong: a new snapshot is shorter.
    package static let changesMax = 1000

    package init(_ people: [UserName: LocalPerson], at now: Instant) {
        nextAt = now
        startSnapshot(people)
    }

    package var dueAt: Instant? { remaining != nil || !changed.isEmpty ? nextAt : nil }

    package mutating func changed(_ users: [UserName], _ people: [UserName: LocalPerson]) {
        for user in users where isChanged.insert(user).inserted { changed.append(user) }
        if remaining == nil, changed.count > PresenceFeed.changesMax { startSnapshot(people) }
    }

    /// The next page, if one is due.
    package mutating func page(
        of server: ServerName, _ people: [UserName: LocalPerson], at now: Instant
    ) -> PresencePage? {
        guard let dueAt, now >= dueAt else { return nil }
        version += 1
        return remaining == nil ? delta(of: server, people, at: now) : snapshotPage(of: server, people, at: now)
    }

    private mutating func startSnapshot(_ people: [UserName: LocalPerson]) {
        remaining = people.keys.sorted(by: >)
        named = []
        changed = []
        isChanged = []
    }

    private mutating func snapshotPage(
        of server: ServerName, _ people: [UserName: LocalPerson], at now: Instant
    ) -> PresencePage {
        let isFirst = named.isEmpty
        var left = remaining ?? []
        var draft = PageDraft(server: server)
        while let user = left.last {
            // Whoever has gone offline since is not named; a change that came after being named follows as a delta.
            guard let person = people[user] else {
                left.removeLast()
                continue
            }
            guard draft.add(user, person, known: told[user] ?? []) else { break }
            left.removeLast()
            named.insert(user)
            told[user] = Set(person.devices.map(\.fingerprint))
        }
        let isLast = left.isEmpty
        remaining = isLast ? nil : left
        nextAt = now.advanced(by: isLast ? PresenceFeed.deltaInterval : PresenceFeed.pageInterval)
        if isLast {
            told = told.filter { named.contains($0.key) }
            if changed.count > PresenceFeed.changesMax { startSnapshot(people) }
        }
        return draft.page(version, .snapshot(isFirst: isFirst, isLast: isLast))
    }

    private mutating func delta(
        of server: ServerName, _ people: [UserName: LocalPerson], at now: Instant
    ) -> PresencePage {
        var draft = PageDraft(server: server)
        var taken = 0
        for user in changed {
            guard draft.add(user, people[user], known: told[user] ?? []) else { break }
            told[user] = people[user].map { Set($0.devices.map(\.fingerprint)) }
            isChanged.remove(user)
            taken += 1
        }
        changed.removeFirst(taken)
        nextAt = now.advanced(by: PresenceFeed.deltaInterval)
        return draft.page(version, .delta)
    }
}
