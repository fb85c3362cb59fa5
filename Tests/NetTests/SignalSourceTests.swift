import Glibc
import Net
import Testing

@Suite struct SignalSourceTests {
    /// In a process of its own, for a signal is sent to all of one, whose other threads do not expect it.
    @Test func aSignalToTheProcessArrivesOnTheLoop() async {
        await #expect(processExitsWith: .success) {
            // A thread started before would take the signal, as the test runner's do here; only this one is asked.
            var received: [Signal] = []
            try withLoop { loop in
                let source = try SignalSource(loop: loop, signals: [.hangUp, .terminate]) { signal in
                    received.append(signal)
                    if received.count == 2 { loop.stop() }
                }
                pthread_kill(pthread_self(), SIGHUP)
                loop.schedule(after: .milliseconds(1)) { pthread_kill(pthread_self(), SIGTERM) }
                loop.schedule(after: .seconds(30)) { _ = source }
            }
            exit(received == [.hangUp, .terminate] ? 0 : 1)
        }
    }

    /// These two do nothing by default, and the kernel drops what does nothing unless it is blocked.
    @Test func aWindowThatChangesAndAProcessThatGoesOnAreNoticed() async {
        await #expect(processExitsWith: .success) {
            var received: [Signal] = []
            try withLoop { loop in
                let source = try SignalSource(loop: loop, signals: [.windowChange, .continued]) { signal in
                    received.append(signal)
                    if received.count == 2 { loop.stop() }
                }
                pthread_kill(pthread_self(), SIGWINCH)
                loop.schedule(after: .milliseconds(1)) { pthread_kill(pthread_self(), SIGCONT) }
                loop.schedule(after: .seconds(30)) { _ = source }
            }
            exit(received == [.windowChange, .continued] ? 0 : 1)
        }
    }

    /// SIGPIPE is ignored from then on; writing to a pipe nobody reads is an error and not the end.
    @Test func aBrokenPipeIsAnError() async {
        await #expect(processExitsWith: .success) {
            SignalSource.block([.terminate])
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            close(ends[0])
            exit(write(ends[1], [0], 1) == -1 && errno == EPIPE ? 0 : 1)
        }
    }
}
