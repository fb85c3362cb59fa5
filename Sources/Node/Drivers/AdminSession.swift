import Net
import Wire

/// One connection of an administrator: one command at a time, each a line, each answered by lines up to the last.
final class AdminSession: StreamHandler {
    private enum Phase {
        case idle
        /// The answer to a command is not complete.
        case busy
        case closing
    }

    let id: AdminID
    private let stream: Stream
    private unowned let driver: AdminDriver
    private var lines = LineSplitter(lineBytesMax: AdminRequest.bytesMax)
    private var phase = Phase.idle
    private var timer: TimerID?
    /// More waits to be sent than should; no further command is read until it has gone.
    private var isBackedUp = false

    /// Between two commands, and for one: the slowest, a test, has its own limit well below.
    static let silenceDurationMax: Duration = .seconds(60)

    init(id: AdminID, stream: Stream, driver: AdminDriver) {
        self.id = id
        self.stream = stream
        self.driver = driver
        restartTimer()
    }

    func streamOpened(_ stream: Stream) {}

    func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        lines.receive(bytes)
        readLines()
    }

    func streamDrained(_ stream: Stream) {
        isBackedUp = false
        goOn()
    }

    func streamClosed(_ stream: Stream, reason: CloseReason) {
        phase = .closing
        if let timer { driver.loop.cancel(timer) }
        if reason == .slowConsumer { driver.count(.slowConsumer) }
        driver.ended(id)
    }

    // MARK: Commands

    private func readLines() {
        do throws(Refusal) {
            while case .idle = phase, !isBackedUp, let line = try lines.next() {
                phase = .busy
                restartTimer()
                do throws(Refusal) {
                    try driver.asked(id, try AdminRequest(try JSONObject(message: line)))
                } catch {
                    driver.count(error.code)
                    answer([.refused(error, AdminFacts())])
                }
            }
        } catch { return end(error) }
        // What stands behind a command waits in the socket until it is answered.
        if case .idle = phase, !isBackedUp { return }
        stream.pauseReading()
    }

    func answer(_ answer: [AdminLine]) {
        guard case .busy = phase else { return }
        for line in answer where stream.write(line.encoded()) == .aboveHighWater { isBackedUp = true }
        guard answer.last?.isLast == true else { return }
        phase = .idle
        restartTimer()
        goOn()
    }

    /// Not from within the command's own call: a hundred commands in one read would stand on each other.
    private func goOn() {
        driver.loop.afterThisTurn { [weak self] in
            guard let self, case .idle = phase, !isBackedUp else { return }
            stream.resumeReading()
            readLines()
        }
    }

    /// Says why and closes.
    func end(_ refusal: Refusal) {
        if case .closing = phase { return }
        phase = .closing
        driver.count(refusal.code)
        stream.write(AdminLine.refused(refusal, AdminFacts()).encoded())
        stream.closeAfterFlush(within: .seconds(1), reason: .local(refusal.code.rawValue))
    }

    private func restartTimer() {
        if let timer { driver.loop.cancel(timer) }
        timer = driver.loop.schedule(after: AdminSession.silenceDurationMax) { [weak self] in
            let seconds = AdminSession.silenceDurationMax.components.seconds
            self?.end(Refusal(.timedOut, "nothing was asked or answered for \(seconds) s"))
        }
    }
}
