import Bytes
import Federation
import Testing
import Wire

private let north = server("north")

private func page(
    _ version: Int64, _ kind: PresencePage.Kind, _ people: [Person], _ keys: [DeviceKey] = []
) -> PresencePage {
    PresencePage(version: version, kind: kind, people: people, keys: keys)
}

private let whole = PresencePage.Kind.snapshot(isFirst: true, isLast: true)

@Suite struct RemotePresenceTests {
    @Test func onlyChangesAreTold() throws {
        var presence = RemotePresence(server: north)
        let ann = person("ann@north", devices: [1])
        #expect(try presence.receive(page(1, whole, [ann], [deviceKey(1), deviceKey(2)])) == [ann])
        #expect(presence.keys(of: user("ann")) == [deviceKey(1)])
        #expect(try presence.receive(page(2, .delta, [ann])) == [])
        #expect(presence.keys(of: user("ann")) == [deviceKey(1)])
        let changed = person("ann@north", devices: [1, 3])
        #expect(try presence.receive(page(3, .delta, [changed], [deviceKey(3)])) == [changed])
        #expect(presence.keys(of: user("ann")) == [deviceKey(1), deviceKey(3)])
        let gone = person("ann@north", .offline)
        #expect(try presence.receive(page(4, .delta, [gone, person("bob@north", .offline)])) == [gone])
        #expect(presence.people == [] && presence.keys(of: user("ann")) == [])
    }

    @Test func whomASnapshotDoesNotNameIsOffline() throws {
        var presence = RemotePresence(server: north)
        _ = try presence.receive(page(1, whole, [person("ann@north"), person("bob@north")]))
        let first = page(2, .snapshot(isFirst: true, isLast: false), [person("cid@north")])
        #expect(try presence.receive(first) == [person("cid@north")])
        let last = page(3, .snapshot(isFirst: false, isLast: true), [person("ann@north")])
        #expect(try presence.receive(last) == [person("bob@north", .offline)])
    }

    @Test func whenTheLinkEndsNobodyKnows() throws {
        var presence = RemotePresence(server: north)
        _ = try presence.receive(
            page(1, whole, [person("ann@north", devices: [1]), person("bob@north")], [deviceKey(1)]))
        #expect(
            presence.lost() == [person("ann@north", .unknown, devices: [1]), person("bob@north", .unknown)])
        #expect(presence.lost() == [])
        #expect(presence.keys(of: user("ann")) == [deviceKey(1)])
        presence.linked()
        let changes = try presence.receive(page(1, whole, [person("ann@north", devices: [1])]))
        #expect(changes == [person("ann@north", devices: [1]), person("bob@north", .offline)])
    }

    @Test(arguments: [0, 1, 3, Int64.max])
    func versionsHaveNoGap(version: Int64) throws {
        var presence = RemotePresence(server: north)
        _ = try presence.receive(page(1, whole, []))
        #expect(throws: Refusal.self) { try presence.receive(page(version, .delta, [])) }
    }

    @Test func pagesHaveAnOrder() {
        for kind in [PresencePage.Kind.delta, .snapshot(isFirst: false, isLast: true)] {
            var presence = RemotePresence(server: north)
            #expect(throws: Refusal.self) { try presence.receive(page(1, kind, [])) }
        }
        var presence = RemotePresence(server: north)
        #expect(throws: Refusal.self) {
            _ = try presence.receive(page(1, .snapshot(isFirst: true, isLast: false), []))
            _ = try presence.receive(page(2, .delta, []))
        }
    }

    @Test(arguments: [
        (person("ann@south"), Refusal.Code.forgedFrom), (person("ann@north", .unknown), .badValue),
        (person("ann@north", devices: Array(0..<17)), .tooManyDevices),
    ])
    func badPeopleAreFaults(person: Person, code: Refusal.Code) {
        var presence = RemotePresence(server: north)
        do throws(Refusal) {
            _ = try presence.receive(page(1, whole, [person]))
            Issue.record("accepted")
        } catch { #expect(error.code == code) }
        #expect(presence.people == [])
    }

    @Test(arguments: [true, false])
    func theCrowdIsBounded(inOneSnapshot: Bool) throws {
        var presence = RemotePresence(server: north)
        if !inOneSnapshot { _ = try presence.receive(page(1, whole, [])) }
        var version: Int64 = inOneSnapshot ? 0 : 1
        func crowd(_ range: Range<Int>) throws {
            version += 1
            let kind = inOneSnapshot ? PresencePage.Kind.snapshot(isFirst: version == 1, isLast: false) : .delta
            _ = try presence.receive(page(version, kind, range.map { person("user\($0)@north") }))
        }
        for start in stride(from: 0, to: RemotePresence.peopleMax, by: 200) { try crowd(start..<(start + 200)) }
        #expect(presence.people.count == RemotePresence.peopleMax)
        #expect(throws: Refusal.self) { try crowd(10_000..<10_001) }
    }

    /// Few people can have as many keys as all of the largest school.
    @Test func keysAreBoundedByWhatTheyTake() throws {
        var presence = RemotePresence(server: north)
        _ = try presence.receive(page(1, whole, []))
        let perPerson = DeviceKey.devicesPerAccountMax
        var version: Int64 = 1
        func say(_ number: Int, keys count: Int) throws(Refusal) {
            version += 1
            let numbers = (0..<count).map { number * perPerson + $0 }
            let keys = numbers.map { deviceKey($0, bytes: DeviceKey.keyBytesMax) }
            _ = try presence.receive(page(version, .delta, [person("user\(number)@north", devices: numbers)], keys))
        }
        let fitting = RemotePresence.keyBytesMax / ((DeviceKey.keyBytesMax + 256) * perPerson)
        for number in 0..<fitting { try say(number, keys: perPerson) }
        // Whoever goes, or has fewer devices now, makes room.
        for number in 0..<10 { try say(number, keys: 0) }
        for number in fitting..<(fitting + 10) { try say(number, keys: perPerson) }
        do throws(Refusal) {
            try say(fitting + 10, keys: perPerson)
            Issue.record("accepted")
        } catch { #expect(error.code == .tooManyDevices) }
    }

    @Test func aPageIsBounded() {
        var presence = RemotePresence(server: north)
        let crowd = (0...PresencePage.peopleMax).map { person("user\($0)@north") }
        #expect(throws: Refusal.self) { try presence.receive(page(1, whole, crowd)) }
    }

    @Test func anotherAccountsCopyOfAKeyChangesNothing() throws {
        var presence = RemotePresence(server: north)
        _ = try presence.receive(page(1, whole, [person("ann@north", devices: [1])], [deviceKey(1)]))
        let forged = deviceKey(1, bytes: 299)
        _ = try presence.receive(
            page(2, .delta, [person("eve@north", devices: [1]), person("ann@north", devices: [1])], [forged]))
        #expect(presence.keys(of: user("ann")) == [deviceKey(1)])
    }

    /// Whatever happens to the people of one side, the other side knows it in the end, keys and all.
    @Test(arguments: 0..<100)
    func convergesWithTheFeed(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var roster: [UserName: LocalPerson] = [:]
        var feed = PresenceFeed(roster, at: seconds(0))
        var remote = RemotePresence(server: north)
        var mirror: [Address: Person] = [:]
        func take(_ changes: [Person]) {
            for change in changes { mirror[change.address] = change.status == .offline ? nil : change }
        }
        for step in 0..<200 {
            let now = seconds(Double(step) * 0.3)
            let changed = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                let number = Int.random(in: 0..<20, using: &random)
                let name = user("user\(number)")
                let keys = (0..<4).filter { _ in Bool.random(using: &random) }.map { deviceKey(number * 4 + $0) }
                let isOnline = Bool.random(using: &random)
                roster[name] = isOnline ? LocalPerson(user: name, isOnline: true, devices: keys) : nil
                return name
            }
            feed.changed(changed, roster)
            if Int.random(in: 0..<40, using: &random) == 0 {
                take(remote.lost())
                remote.linked()
                feed = PresenceFeed(roster, at: now)
            }
            if let page = feed.page(of: north, roster, at: now) { take(try remote.receive(page)) }
        }
        while let due = feed.dueAt, let page = feed.page(of: north, roster, at: due) { take(try remote.receive(page)) }
        #expect(remote.people.map(\.address.user) == roster.keys.sorted())
        #expect(mirror.values.sorted { $0.address < $1.address } == remote.people)
        for person in remote.people {
            #expect(person.status == .online)
            #expect(remote.keys(of: person.address.user) == roster[person.address.user]?.devices)
        }
    }
}
