import Bytes
import Federation
import Testing
import Wire

private let own = server("north")

private func people(_ locals: [LocalPerson]) -> [UserName: LocalPerson] {
    Dictionary(uniqueKeysWithValues: locals.map { ($0.user, $0) })
}

private func local(_ name: String, _ keys: [DeviceKey] = []) -> LocalPerson {
    LocalPerson(user: user(name), isOnline: true, devices: keys)
}

/// All pages that come due before `end`.
private func pages(
    _ feed: inout PresenceFeed, _ people: [UserName: LocalPerson], until end: Instant
) -> [(at: Instant, page: PresencePage)] {
    var pages: [(Instant, PresencePage)] = []
    while let due = feed.dueAt, due <= end, let page = feed.page(of: own, people, at: due) { pages.append((due, page)) }
    return pages
}

@Suite struct PresenceFeedTests {
    @Test func anEmptySnapshotIsOnePage() {
        var feed = PresenceFeed([:], at: seconds(0))
        let page = feed.page(of: own, [:], at: seconds(0))
        let expected = PresencePage(version: 1, kind: .snapshot(isFirst: true, isLast: true), people: [], keys: [])
        #expect(page == expected)
        #expect(feed.dueAt == nil)
        #expect(feed.page(of: own, [:], at: seconds(9)) == nil)
    }

    @Test func aLargeSnapshotComesInPagesThatFit() {
        let locals = (0..<1000).map { number in
            local("user\(number)", (0..<(number % 17)).map { deviceKey(number * 16 + $0, bytes: 1100) })
        }
        let roster = people(locals)
        var feed = PresenceFeed(roster, at: seconds(0))
        let pages = pages(&feed, roster, until: seconds(3600)).map(\.page)
        #expect(pages.map(\.version) == Array(1...Int64(pages.count)))
        #expect(pages.flatMap(\.people).map(\.address.user) == roster.keys.sorted())
        #expect(Set(pages.flatMap(\.keys)) == Set(locals.flatMap(\.devices)))
        #expect(pages.flatMap(\.keys).count == locals.flatMap(\.devices).count)
        for (index, page) in pages.enumerated() {
            #expect(page.people.count <= PresencePage.peopleMax && page.keys.count <= PresencePage.keysMax)
            #expect(LinkMessage.presence(page).encoded().count <= 256 << 10)
            #expect(page.kind == .snapshot(isFirst: index == 0, isLast: index == pages.count - 1))
        }
    }

    @Test func aCrowdWithoutKeysIsBoundedByCount() {
        let roster = people((0..<450).map { local("user\($0)") })
        var feed = PresenceFeed(roster, at: seconds(0))
        #expect(pages(&feed, roster, until: seconds(9)).map(\.page.people.count) == [200, 200, 50])
    }

    @Test func deltasComeOncePerSecondWithTheLatestState() {
        var roster = people([local("ann")])
        var feed = PresenceFeed(roster, at: seconds(0))
        _ = pages(&feed, roster, until: seconds(0))
        roster[user("bob")] = local("bob", [deviceKey(1)])
        feed.changed([user("bob")], roster)
        feed.changed([user("bob")], roster)
        #expect(feed.page(of: own, roster, at: seconds(0.9)) == nil)
        roster[user("ann")] = nil
        feed.changed([user("ann")], roster)
        let page = feed.page(of: own, roster, at: seconds(1))
        #expect(page?.kind == .delta && page?.version == 2)
        #expect(page?.people == [person("bob@north", devices: [1]), person("ann@north", .offline)])
        #expect(page?.keys == [deviceKey(1)])
        #expect(feed.dueAt == nil)
        feed.changed([user("ann")], roster)
        #expect(feed.dueAt == seconds(2))
    }

    @Test func aKeyIsToldOnceWhileItsOwnerIsListed() {
        var roster = people([local("bob", [deviceKey(1)])])
        var feed = PresenceFeed(roster, at: seconds(0))
        #expect(feed.page(of: own, roster, at: seconds(0))?.keys == [deviceKey(1)])
        roster[user("bob")] = local("bob", [deviceKey(1), deviceKey(2)])
        feed.changed([user("bob")], roster)
        #expect(feed.page(of: own, roster, at: seconds(1))?.keys == [deviceKey(2)])
        roster[user("bob")] = nil
        feed.changed([user("bob")], roster)
        #expect(feed.page(of: own, roster, at: seconds(2))?.keys == [])
        roster[user("bob")] = local("bob", [deviceKey(1)])
        feed.changed([user("bob")], roster)
        // The other side dropped it together with bob.
        #expect(feed.page(of: own, roster, at: seconds(3))?.keys == [deviceKey(1)])
    }

    @Test func oneKeyOfTwoPeopleNeverSharesAPage() {
        let roster = people([local("ann", [deviceKey(1)]), local("bob", [deviceKey(1)])])
        var feed = PresenceFeed(roster, at: seconds(0))
        #expect(pages(&feed, roster, until: seconds(9)).map(\.page.people.count) == [1, 1])
    }

    @Test func aMassOfChangesIsANewSnapshotInTime() {
        var feed = PresenceFeed([:], at: seconds(0))
        _ = pages(&feed, [:], until: seconds(0))
        let roster = people((0..<10_000).map { local("user\($0)", [deviceKey($0)]) })
        feed.changed(Array(roster.keys), roster)
        let pages = pages(&feed, roster, until: seconds(3600))
        #expect(Set(pages.flatMap(\.page.people).map(\.address.user)).count == 10_000)
        #expect((pages.last?.at ?? seconds(99)) < seconds(10))
    }

    @Test func whomALaterSnapshotLeavesOutIsToldAnewWithKeys() {
        var roster = people([local("bob", [deviceKey(1)])])
        var feed = PresenceFeed(roster, at: seconds(0))
        _ = pages(&feed, roster, until: seconds(0))
        roster = people((0..<1100).map { local("user\($0)") })
        feed.changed([user("bob")] + roster.keys.sorted(), roster)
        let second = pages(&feed, roster, until: seconds(30))
        #expect(second.first?.page.kind == .snapshot(isFirst: true, isLast: false))
        roster[user("bob")] = local("bob", [deviceKey(1)])
        feed.changed([user("bob")], roster)
        #expect(feed.page(of: own, roster, at: seconds(60))?.keys == [deviceKey(1)])
    }

    @Test func whoChangesDuringASnapshotIsToldInTheEnd() {
        var roster = people((0..<450).map { local("user\($0)") })
        var feed = PresenceFeed(roster, at: seconds(0))
        var remote = RemotePresence(server: own)
        do {
            _ = try remote.receive(feed.page(of: own, roster, at: seconds(0)) ?? unreachable("page"))
            let first = roster.keys.sorted()[0]
            roster[first] = nil
            roster[user("zed")] = local("zed")
            feed.changed([first, user("zed")], roster)
            for (_, page) in pages(&feed, roster, until: seconds(9)) { _ = try remote.receive(page) }
        } catch { Issue.record("\(error)") }
        #expect(remote.people.map(\.address.user) == roster.keys.sorted())
    }
}
