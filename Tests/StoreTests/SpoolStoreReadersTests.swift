import Store
import Testing
import Wire

@Test func aDirectFileIsForItsTwoPeople() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 2)
    for reader in ["bob@south", "alice@north"] {
        for index in 0...1 as ClosedRange<Int64> {
            #expect(try store.read(1, index, as: reader) == .chunk(chunk(1, index)))
        }
    }
}

@Test func aPublicFileIsForEverybody() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 1, to: "public")
    for reader in ["bob@south", "alice@north", "zoe@west"] {
        #expect(try store.read(1, 0, as: reader) == .chunk(chunk(1, 0)))
    }
}

@Test func whatCannotBeReadLooksAlike() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 2)
    try store.upload(2, chunks: 2, held: 1)
    try store.upload(3, chunks: 1)
    _ = try store.end(3, .declined, by: "bob@south")
    let replies = [
        try store.read(9, 0),
        try store.read(1, 0, as: "bob@north"),
        try store.read(1, 0, as: "alice@south"),
        try store.read(1, 0, from: "alice@south"),
        try store.read(1, 0, from: "bob@north"),
        try store.read(1, 2),
        try store.read(1, -1),
        try store.read(1, .max),
        try store.read(2, 0),
        try store.read(2, 0, as: "alice@north"),
        try store.read(3, 0),
        try store.read(3, 0, as: "alice@north"),
    ]
    #expect(replies.map(\.refusalCode) == replies.map { _ in .noFile })
    #expect(Set(replies).count == 1)
}

// MARK: Ends

@Test func theRecipientReceivesOrDeclines() throws {
    let store = try openSpool()
    for (number, outcome) in [(1, .received), (2, .declined)] as [(UInt64, FileOutcome)] {
        try store.upload(number, chunks: 2)
        #expect(try store.end(number, outcome, by: "bob@south") == ended(number, 2, of: 2, outcome))
        #expect(try store.read(number, 0).refusalCode == .noFile, "at once")
        for other in [FileOutcome.received, .declined, .cancelled] {
            #expect(try store.end(number, other, by: "bob@south") == ended(number, 2, of: 2, outcome, isNew: false))
        }
        #expect(
            try store.end(number, .cancelled, by: "alice@north") == ended(number, 2, of: 2, outcome, isNew: false))
        #expect(try store.begin(number, chunks: 2) == status(number, 2, of: 2, outcome))
    }
}

@Test func theAuthorCancelsAtAnyTime() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 2)
    try store.upload(2, chunks: 2, held: 1)
    try store.upload(3, chunks: 1, to: "public")
    #expect(try store.end(1, .cancelled, by: "alice@north") == ended(1, 2, of: 2, .cancelled))
    #expect(try store.end(2, .cancelled, by: "alice@north") == ended(2, 1, of: 2, .cancelled))
    #expect(try store.end(3, .cancelled, by: "alice@north") == ended(3, 1, of: 1, .cancelled))
    #expect(try store.end(1, .received, by: "bob@south") == ended(1, 2, of: 2, .cancelled, isNew: false))
    #expect(try store.read(3, 0, as: "zoe@west").refusalCode == .noFile)
}

@Test func aFileForEverybodyIsNobodysToReceive() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 1, to: "public")
    for speaker in ["bob@south", "alice@north"] {
        for outcome in [FileOutcome.received, .declined] {
            #expect(try store.end(1, outcome, by: speaker) == ended(1, 1, of: 1, nil, isNew: false))
        }
    }
    #expect(try store.end(1, .cancelled, by: "bob@south").refusalCode == .badValue)
    #expect(try store.read(1, 0) == .chunk(chunk(1, 0)))
}

@Test func outcomesAreTheirsToSayWhoMaySayThem() throws {
    let store = try openSpool()
    try store.upload(1, chunks: 1)
    try store.upload(2, chunks: 2, held: 1)
    for outcome in FileOutcome.allCases {
        #expect(try store.end(9, outcome, by: "bob@south").refusalCode == .noFile)
        #expect(try store.end(1, outcome, by: "zoe@south").refusalCode == .noFile)
        #expect(try store.end(1, outcome, by: "alice@south").refusalCode == .noFile)
        #expect(try store.end(2, outcome, by: "bob@south").refusalCode == .noFile, "still uploading")
    }
    #expect(try store.end(1, .cancelled, by: "bob@south").refusalCode == .badValue)
    #expect(try store.end(1, .received, by: "alice@north").refusalCode == .badValue)
    #expect(try store.end(1, .declined, by: "alice@north").refusalCode == .badValue)
    #expect(try store.end(1, .expired, by: "alice@north").refusalCode == .badValue)
    #expect(try store.end(1, .expired, by: "bob@south").refusalCode == .badValue)
    #expect(try store.read(1, 0) == .chunk(chunk(1, 0)), "nothing changed")
    #expect(try store.usage() == [2, 3])
}

@Test func aFileToOneselfEndsEitherWay() throws {
    let store = try openSpool()
    for number in 1...3 as ClosedRange<UInt64> { try store.upload(number, chunks: 1, to: "alice@north") }
    try store.upload(4, chunks: 2, held: 1, to: "alice@north")
    #expect(try store.end(1, .received, by: "alice@north") == ended(1, 1, of: 1, .received))
    #expect(try store.end(2, .declined, by: "alice@north") == ended(2, 1, of: 1, .declined))
    #expect(try store.end(3, .cancelled, by: "alice@north") == ended(3, 1, of: 1, .cancelled))
    #expect(try store.end(4, .received, by: "alice@north").refusalCode == .noFile)
}
