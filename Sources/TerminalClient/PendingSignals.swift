import Glibc
import Net

/// Signals that the program answers to. They are blocked from the start and taken by the event loop; what waits for a
/// terminal or a pipe outside of it looks here.
enum PendingSignals {
    static let answered: [Signal] = [.interrupt, .terminate, .hangUp]
    /// Those of a terminal; harmless to everything else.
    static let ofTerminals: [Signal] = [.windowChange, .continued]

    /// One that has been sent and not been taken.
    static var first: Signal? {
        var set = sigset_t()
        guard sigpending(&set) == 0 else { return nil }
        return answered.first { sigismember(&set, $0.number) == 1 }
    }
}

extension Signal {
    /// What shells report for a program that a signal ended.
    var exitStatus: Int32 { 128 + number }
}
