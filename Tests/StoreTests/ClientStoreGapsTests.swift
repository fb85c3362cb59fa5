import Store
import Testing
import Wire

private let everyone = Conversation.everyone

@Test func gapsAreMergedAndSplit() throws {
    let store = try ClientStore(path: ":memory:")
    try store.addGap(everyone, 10...20)
    try store.addGap(everyone, 30...40)
    try store.addGap(everyone, 21...22)
    #expect(try store.gaps(everyone) == [10...22, 30...40], "touching ranges are one")
    try store.addGap(everyone, 15...35)
    #expect(try store.gaps(everyone) == [10...40])
    try store.fillGap(everyone, 12...13)
    try store.fillGap(everyone, 40...99)
    try store.fillGap(everyone, 1...10)
    #expect(try store.gaps(everyone) == [11...11, 14...39])
    try store.fillGap(everyone, 11...11)
    try store.fillGap(everyone, 50...60)
    #expect(try store.gaps(everyone) == [14...39])
    #expect(try store.gaps(.direct(try address("dora@south"))).isEmpty)
}

@Test func gapsReachTheEndsOfTheNumbers() throws {
    let store = try ClientStore(path: ":memory:")
    try store.addGap(everyone, 5...Int64.max)
    try store.addGap(everyone, Int64.min...1)
    #expect(try store.gaps(everyone) == [Int64.min...1, 5...Int64.max])
    try store.fillGap(everyone, Int64.min...Int64.max)
    #expect(try store.gaps(everyone).isEmpty)
}

@Test func tooManyGapsAreJoinedFromTheOldestOn() throws {
    let store = try ClientStore(path: ":memory:")
    let count = Int64(ClientStore.gapsPerConversationMax)
    try store.transaction { () throws(StoreError) in
        for index in 0...(count + 1) { try store.addGap(everyone, (10 * index)...(10 * index + 1)) }
    }
    let gaps = try store.gaps(everyone)
    #expect(gaps.count == Int(count))
    #expect(gaps.first == 0...21)
}

@Test(arguments: 1...8 as ClosedRange<UInt64>)
func gapsAreASetOfNumbers(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let store = try ClientStore(path: ":memory:")
    var model: Set<Int64> = []
    for _ in 0..<150 {
        let low = Int64.random(in: 1...100, using: &random)
        let range = low...(low + Int64.random(in: 0...12, using: &random))
        if Bool.random(using: &random) {
            try store.addGap(everyone, range)
            model.formUnion(range)
        } else {
            try store.fillGap(everyone, range)
            model.subtract(range)
        }
        let gaps = try store.gaps(everyone)
        #expect(Set(gaps.flatMap { $0 }) == model)
        for (one, next) in zip(gaps, gaps.dropFirst()) { #expect(one.upperBound + 1 < next.lowerBound) }
    }
}
