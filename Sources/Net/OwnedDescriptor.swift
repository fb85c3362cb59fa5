import CLinux
import Glibc

/// A descriptor that is closed when the last holder lets go, so that using it late never hits a number that means
/// something else by then.
final class OwnedDescriptor: Sendable {
    let number: Int32

    /// Takes over what `operation` just returned; throws its failure if that is negative.
    init(_ number: Int32, from operation: String) throws(NetError) {
        self.number = number
        guard number >= 0 else { throw .last(operation) }
    }

    deinit {
        if number >= 0 { Glibc.close(number) }
    }
}

/// An eventfd: any thread signals it, and whoever polls it wakes.
struct EventDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    init() throws(NetError) { descriptor = try OwnedDescriptor(linux_eventfd(), from: "eventfd") }

    var number: Int32 { descriptor.number }

    func signal() {
        var one: UInt64 = 1
        // Fails only where the count is at its end, and then it is signalled.
        _ = Glibc.write(number, &one, 8)
    }

    func reset() {
        var count: UInt64 = 0
        _ = Glibc.read(number, &count, 8)
    }
}
