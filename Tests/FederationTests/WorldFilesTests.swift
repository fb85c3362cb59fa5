import Bytes
import Federation
import Testing
import Wire

@Suite struct WorldFilesTests {
    private func ask(_ world: inout World, number: Int) {
        guard let from = world.names.randomElement(using: &world.random),
            let to = world.names.filter({ $0 != from }).randomElement(using: &world.random)
        else { return }
        let author = address("bob@\(to)")
        let reader = user("reader\(Int.random(in: 0..<5, using: &world.random))")
        if Int.random(in: 0..<8, using: &world.random) == 0 {
            world.ask(.outcome(from: author, id: messageID(number), reader: reader, .received), from: from)
        } else {
            let index = Int64.random(in: 0..<1000, using: &world.random)
            world.ask(.chunk(ChunkPlace(from: author, id: messageID(number), index: index), reader: reader), from: from)
        }
    }

    /// Links are cut, nodes crash, answers overtake each other or come too late: each question of a node that lives on
    /// is answered exactly once, and by what it asked for.
    @Test(arguments: 0..<60)
    func everyQuestionHasItsAnswer(seed: Int) {
        var world = World(seed % 3 == 0 ? ["north", "south", "west"] : ["north", "south"], seed: seed)
        world.run(forMilliseconds: 5000)
        var number = 0
        for _ in 0..<30 {
            for _ in 0..<Int.random(in: 0...(seed % 5 == 1 ? 400 : 30), using: &world.random) {
                number += 1
                ask(&world, number: number)
            }
            switch Int.random(in: 0..<10, using: &world.random) {
            case 0, 1: world.cutSomething()
            case 2:
                if let name = world.names.randomElement(using: &world.random) {
                    world.crash(name, forMilliseconds: Int.random(in: 1...3000, using: &world.random))
                }
            default: break
            }
            world.run(forMilliseconds: Int.random(in: 0...3000, using: &world.random))
        }
        world.run(forMilliseconds: 120_000)
        #expect(world.unanswered == 0)
        #expect(world.fileAnswers[nil, default: 0] > 0)
        // Nothing stays behind that would stop what comes later.
        let before = world.fileAnswers[nil, default: 0]
        let outcome = FileQuestion.outcome(from: address("bob@north"), id: messageID(0), reader: user("ann"), .declined)
        world.ask(outcome, from: server("south"))
        world.run(forMilliseconds: 10_000)
        #expect(world.fileAnswers[nil, default: 0] == before + 1)
    }
}
