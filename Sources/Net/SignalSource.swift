import CLinux
import Glibc

/// Signals that a program is sent, as the operating system names them.
package enum Signal: CaseIterable, Sendable {
    case terminate, interrupt, hangUp, user1, windowChange, continued

    package var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .hangUp: SIGHUP
        case .user1: SIGUSR1
        case .windowChange: SIGWINCH
        case .continued: SIGCONT
        }
    }
}

/// Delivers signals on a loop, like any other input, instead of interrupting whatever runs.
package final class SignalSource: EventSource {
    private let loop: EventLoop
    private let descriptor: OwnedDescriptor
    private let receive: (Signal) -> Void
    private var isOpen = true

    /// Call first thing in the program: threads inherit what is blocked when they start, and a signal that any thread
    /// has not blocked ends the process. Also ignores SIGPIPE, for a peer that went is an error of the write.
    package static func block(_ signals: [Signal]) {
        Glibc.signal(SIGPIPE, SIG_IGN)
        var set = signalSet(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Blocks the signals in this thread and calls `receive` for each that arrives. Stays until closed or the loop ends.
    package init(loop: EventLoop, signals: [Signal], receive: @escaping (Signal) -> Void) throws(NetError) {
        SignalSource.block(signals)
        var set = SignalSource.signalSet(signals)
        descriptor = try OwnedDescriptor(linux_signalfd(&set), from: "signalfd")
        self.loop = loop
        self.receive = receive
        try loop.poller.add(descriptor.number, self, for: .input)
    }

    /// Delivers no more. The signals stay blocked.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        loop.poller.remove(descriptor.number)
    }

    func loopEnded() { close() }

    func ready(for readiness: Readiness) {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while isOpen, read(descriptor.number, &info, size) == size {
            let number = Int32(truncatingIfNeeded: info.ssi_signo)
            if let signal = Signal.allCases.first(where: { $0.number == number }) { receive(signal) }
        }
    }

    private static func signalSet(_ signals: [Signal]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal.number) }
        return set
    }
}
