import Bytes

/// One direction of a connection: in order, with delay, until it is broken. What TCP never does, repeating and
/// reordering whole messages, a meddler on a plaintext connection can do; `meddling` is its appetite.
final class Pipe<Item> {
    private unowned let world: World
    private let deliver: (Item) -> Void
    private var inFlight: [Item] = []
    private var lastArrival = Instant(nanoseconds: 0)
    private var isLost = false
    private var stalledUntil = Instant(nanoseconds: 0)
    private var recent: [Item] = []
    private var random: SplitMix64
    var meddling = 0.0
    var mayMeddle: (Item) -> Bool = { _ in false }

    private static var recentMax: Int { 8 }

    init(_ world: World, _ deliver: @escaping (Item) -> Void) {
        self.world = world
        self.deliver = deliver
        random = world.random.fork()
    }

    /// Bytes still flow, though perhaps late.
    var isSound: Bool { !isLost && stalledUntil <= world.now }

    func send(_ item: Item) {
        guard !isLost else { return }
        push(item)
        guard meddling > 0, mayMeddle(item) else { return }
        recent = (recent + [item]).suffix(Pipe.recentMax)
        if random.chance(meddling), let old = random.pick(recent) {
            world.counts.duplicates += 1
            push(old)
        }
        if random.chance(meddling), inFlight.count >= 2, inFlight.suffix(2).allSatisfy(mayMeddle) {
            world.counts.reorders += 1
            inFlight.swapAt(inFlight.count - 1, inFlight.count - 2)
        }
    }

    private func push(_ item: Item) {
        inFlight.append(item)
        let arrival = max(lastArrival, world.now.advanced(by: random.milliseconds(1...30)), stalledUntil)
        lastArrival = arrival
        world.at(arrival) { self.arrive() }
    }

    private func arrive() {
        guard stalledUntil <= world.now else { return world.at(stalledUntil) { self.arrive() } }
        guard !inFlight.isEmpty else { return }
        deliver(inFlight.removeFirst())
    }

    /// Whatever is on its way is lost from a random point on, and all that follows. Returns when the rest has arrived.
    @discardableResult func lose() -> Instant {
        isLost = true
        inFlight.removeLast(Int.random(in: 0...inFlight.count, using: &random))
        return inFlight.isEmpty ? world.now : max(lastArrival, stalledUntil)
    }

    /// Nothing arrives before this instant; then all of it does, as TCP sends again.
    func stall(until instant: Instant) { stalledUntil = max(stalledUntil, instant) }
}
