import CLinux
import Glibc

/// What a descriptor is ready for, or should be watched for.
struct Readiness: OptionSet {
    let rawValue: UInt32

    static let input = Readiness(rawValue: EPOLLIN.rawValue)
    static let output = Readiness(rawValue: EPOLLOUT.rawValue)
    static let peerFinished = Readiness(rawValue: EPOLLRDHUP.rawValue)
    /// Reported whether wanted or not.
    static let hangUp = Readiness(rawValue: EPOLLHUP.rawValue)
    /// Reported whether wanted or not.
    static let failure = Readiness(rawValue: EPOLLERR.rawValue)
}

/// Owns a descriptor that the poller watches.
protocol EventSource: AnyObject {
    func ready(for readiness: Readiness)
    /// The loop ends: close the descriptor.
    func loopEnded()
}

/// One epoll instance, level-triggered, and the owners of the descriptors in it, whom it keeps alive.
final class Poller {
    private struct Slot {
        var source: (any EventSource)?
        /// Told apart by this: an event of a descriptor closed earlier in the batch, and its number's next owner.
        var generation: UInt32 = 0
    }

    private let epoll: OwnedDescriptor
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Poller.eventsMax)
    private var eventCount = 0
    /// Indexed by descriptor.
    private var slots: [Slot] = []

    init(_ epoll: OwnedDescriptor) { self.epoll = epoll }

    deinit { events.deallocate() }

    func add(_ descriptor: Int32, _ source: any EventSource, for readiness: Readiness) throws(NetError) {
        let index = Int(descriptor)
        while slots.count <= index { slots.append(Slot()) }
        guard control(EPOLL_CTL_ADD, descriptor, readiness) == 0 else { throw .last("epoll_ctl") }
        slots[index].source = source
    }

    func change(_ descriptor: Int32, to readiness: Readiness) {
        _ = control(EPOLL_CTL_MOD, descriptor, readiness)
    }

    /// Call before closing the descriptor, which ends the watching, also if adding it failed; events of it that are
    /// still in the batch are dropped.
    func remove(_ descriptor: Int32) {
        guard slots.indices.contains(Int(descriptor)) else { return }
        slots[Int(descriptor)].source = nil
        slots[Int(descriptor)].generation &+= 1
    }

    /// All that are watched; a copy, for they may remove themselves meanwhile.
    var sources: [any EventSource] { slots.compactMap(\.source) }

    /// Waits until something is ready or the time is over; negative means for ever.
    func wait(milliseconds: Int32) {
        // Interrupted by a signal counts as nothing ready: the turn goes on and the next one waits again.
        eventCount = max(0, Int(epoll_wait(epoll.number, events, Int32(Poller.eventsMax), milliseconds)))
    }

    /// Calls the owners of what is ready. Returns true if the loop's own wakeup is among it.
    func dispatch() -> Bool {
        var isWoken = false
        for index in 0..<eventCount {
            let event = events[index]
            if event.data.u64 == LoopDescriptors.wakeupMark {
                isWoken = true
                continue
            }
            let slot = Int(truncatingIfNeeded: event.data.u64 & 0xFFFF_FFFF)
            guard slots[slot].generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32) else { continue }
            slots[slot].source?.ready(for: Readiness(rawValue: event.events))
        }
        eventCount = 0
        return isWoken
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ readiness: Readiness) -> Int32 {
        let generation = slots[Int(descriptor)].generation
        let data = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        return linux_epoll_ctl(epoll.number, operation, descriptor, readiness.rawValue, data)
    }

    /// Of one wait; what is ready beyond that comes in the next turn.
    private static let eventsMax = 256
}

/// What a loop needs of the system. Made by whoever starts the loop, who thereby hears if there is no more to be had.
struct LoopDescriptors: Sendable {
    let epoll: OwnedDescriptor
    let wakeup: Wakeup

    init() throws(NetError) {
        epoll = try OwnedDescriptor(linux_epoll(), from: "epoll_create1")
        wakeup = try Wakeup()
        let number = wakeup.descriptor.number
        guard linux_epoll_ctl(epoll.number, EPOLL_CTL_ADD, number, EPOLLIN.rawValue, LoopDescriptors.wakeupMark) == 0
        else { throw .last("epoll_ctl") }
    }

    /// No descriptor has all bits set.
    static let wakeupMark = UInt64.max
}
